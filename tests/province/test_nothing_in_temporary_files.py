"""No export lays a person down unsealed in the machine's folder for temporary files, not even for the moment of its making."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import openpyxl
import pytest
from province_world import founded
from reports_world import DAY, MADE_MS, lao_cai
from tracing_world import CASE, a_busy_week, hand

from edge_agent.wire.keyring import day_of
from province.base import workbook
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.looks.looking import Looker
from province.records import erasures
from province.records.views import day_bounds_ms
from province.registry import exporting
from province.registry.columns import Sheet
from province.reports import as_docx, as_xlsx, making
from province.reports.form import Preparer
from province.store import database
from province.tracing import rules
from province.tracing.desk import Desk
from province.tracing.section import _EXPORTS
from province.tracing.words import WORDS

Untouched = Callable[[Callable[[], bytes]], bytes]


@pytest.fixture
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Untouched:
    """Makes something, and fails where a file was made meanwhile, even one that is gone again: that changes the folder's time."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))

    def made(make: Callable[[], bytes]) -> bytes:
        os.utime(folder, ns=(0, 0))
        content = make()
        assert folder.stat().st_mtime_ns == 0, "a file was made in the folder for temporary files"
        return content

    return made


def test_the_watch_sees_a_file_that_is_gone_again(untouched: Untouched) -> None:
    def careless() -> bytes:
        book, made = openpyxl.Workbook(), io.BytesIO()
        book.save(made)
        return made.getvalue()

    with pytest.raises(AssertionError, match="temporary files"):
        untouched(careless)


def test_a_case(old_layout: Layout, untouched: Untouched) -> None:
    with hand(old_layout) as write:
        a_busy_week(write, day_bounds_ms(day_of(now_ms()) - timedelta(days=8))[0])
    keystore = Keystore(old_layout.keystore)
    with closing(erasures.connect(old_layout, keystore, now_ms())) as connection:
        desk = Desk(old_layout, keystore, connection, rules.read(old_layout.tracing_rules), now_ms())
        looker = Looker("web:x", "case 117")
        case = desk.open(looker, CASE.id_number, 21)
        report = desk.report(looker, case)
    files = {form: untouched(partial(make, report, WORDS["vi"])) for form, (make, _kind) in _EXPORTS.items()}
    assert {form: content[:2] for form, content in files.items()} == {"xlsx": b"PK", "pdf": b"%P", "csv": b"\xef\xbb"}
    cells = [cell for sheet in openpyxl.load_workbook(io.BytesIO(files["xlsx"])) for row in sheet.values for cell in row]
    assert CASE.id_number in cells


def test_a_report(tmp_path: Path, untouched: Untouched) -> None:
    layout = founded(tmp_path / "province")
    lao_cai().put(layout)
    with closing(database.connect(layout.register)) as connection:
        document = making.of_organisation(making.survey(connection, DAY, MADE_MS), "so-tttt")
    preparer = Preparer("Nguyễn Thị Lan", "0912345678")
    sheet = untouched(lambda: as_xlsx.write(document, MADE_MS, preparer))
    assert any("0912345678" in str(cell) for row in openpyxl.load_workbook(io.BytesIO(sheet)).worksheets[0].values for cell in row)
    assert untouched(lambda: as_docx.write(document, MADE_MS, preparer)).startswith(b"PK")


def test_the_registry(untouched: Untouched) -> None:
    rows = [["=1+1", *[None] * 11]]
    content = untouched(lambda: exporting.as_workbook([(Sheet.SITES, rows)], "vi"))
    page, told = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    assert (page["A2"].value, page["A2"].data_type, page.freeze_panes, bool(told["A1"].value)) == ("=1+1", "s", "A2", True)


@pytest.mark.usefixtures("untouched")
def test_a_sheet_that_nobody_held_is_refused() -> None:
    book = openpyxl.Workbook(write_only=True)
    book.create_sheet("x").append(["y"])
    with pytest.raises(TypeError, match="hold"):
        workbook.content(book)
