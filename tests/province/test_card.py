"""`gate-province card`: what is printed is rendered, measured and read again by our own decoder; nothing of a person gets elsewhere."""

from __future__ import annotations

import csv
import io
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
import segno
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware.decoder import Decoder
from firmware.person_codes import Person, Scheme, read_person, write_person
from firmware.person_codes.national import bare_capitals
from province.__main__ import main
from province.demo.synthetic import synthetic_people
from province.paper.card_page import LAYOUTS, draw
from province.paper.card_text import CardsWrong, cards_of_lines, cards_of_table
from province.paper.page import NoFont

_DPI = 300
_QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
ROOT = Path(__file__).parents[2]
PEOPLE = synthetic_people(11, scheme=Scheme.NATIONAL)
TEXTS = [write_person(person) for person in PEOPLE]
LONG = f"001093029317|{'NGUYEN ' * 13}A|1993-01-18|1|162979388586171100|162979388586171100<1<DN4010000000000<0100123456"


def pages(pdf: bytes) -> list[NDArray[np.uint8]]:
    """The pages as a printer of 300 dots an inch would see them."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [np.asarray(page.render(scale=_DPI / 72, grayscale=True).to_numpy(), np.uint8).squeeze() for page in document]
    finally:
        document.close()


def texts_and_sides_mm(page: NDArray[np.uint8]) -> dict[str, tuple[float, float]]:
    """Each code of a page with its width and height, by a decoder other than the one under test."""
    found = zxingcpp.read_barcodes(page, formats=_QR)
    return {
        code.text: (
            (code.position.top_right.x - code.position.top_left.x) * 25.4 / _DPI,
            (code.position.bottom_left.y - code.position.top_left.y) * 25.4 / _DPI,
        )
        for code in found
    }


@pytest.mark.parametrize("size", LAYOUTS)
def test_what_is_printed_is_read_to_the_letter_and_has_its_size(size: str) -> None:
    layout = LAYOUTS[size]
    printed = pages(draw(cards_of_lines("\n".join([*TEXTS, LONG]).encode()), layout))
    assert len(printed) == -(-12 // (layout.grid[0] * layout.grid[1]))
    assert {page.shape for page in printed} == {(3508, 2481)}  # A4
    sides = {text: side for page in printed for text, side in texts_and_sides_mm(page).items()}
    assert set(sides) == {*TEXTS, LONG}
    for width, height in sides.values():
        if layout.code_mm is not None:
            assert layout.code_mm >= 50
            assert width == pytest.approx(layout.code_mm, abs=0.3)
        assert width == pytest.approx(height, abs=0.3)
    assert all(one.text in sides for page in printed for one in Decoder(skip_unchanged=False).look(page).decoded)


@pytest.mark.parametrize("text", [TEXTS[0], LONG])
@pytest.mark.parametrize("size", LAYOUTS)
def test_our_own_decoder_reads_a_card_with_its_quiet_zone_clean(size: str, text: str) -> None:
    [page] = pages(draw(cards_of_lines(text.encode()), LAYOUTS[size]))
    assert [one.text for one in Decoder(skip_unchanged=False).look(page).decoded] == [text]
    [corners] = [code.position for code in zxingcpp.read_barcodes(page, formats=_QR)]
    left, top, right, bottom = corners.top_left.x, corners.top_left.y, corners.bottom_right.x, corners.bottom_right.y
    module = (right - left) / int(segno.make(text, error="q", micro=False).symbol_size(border=0)[0])
    for strip in (page[top:bottom, int(left - 3.9 * module) : left - 3], page[top:bottom, right + 4 : int(right + 3.9 * module)]):
        assert strip.size
        assert strip.min() == 255
    for strip in (page[int(top - 3.9 * module) : top - 3, left:right], page[bottom + 4 : int(bottom + 3.9 * module), left:right]):
        assert strip.size
        assert strip.min() == 255
    assert set(np.unique(page[top + 9 : bottom - 9, left + 9 : right - 9])) >= {0, 255}


@pytest.mark.parametrize("text", ["B1234567|A|1999-01-01|1||", "001099012345|NGUYEN VAN A|1999-03-15|1||<1", TEXTS[0], LONG])
def test_a_credit_card_s_code_fills_its_height_with_its_quiet_zone(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    [page] = pages(draw(cards_of_lines(text.encode()), LAYOUTS["credit"]))
    [(width, _)] = texts_and_sides_mm(page).values()
    modules = int(segno.make(text, error="q", micro=False).symbol_size(border=0)[0])
    assert width * (modules + 2 * 4) / modules == pytest.approx(53.98, abs=0.4)
    with pytest.raises(SystemExit):
        main(["card", "--help"])
    [(least, most)] = re.findall(r"credit .* code (\d+) to (\d+) mm", capsys.readouterr().out)
    assert int(least) - 0.3 <= width <= int(most) + 0.3  # what a look at 300 dots an inch may be off


def table(rows: list[list[str]], delimiter: str = ",") -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    return buffer.getvalue().encode("utf-8-sig")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_becomes_national_codes(delimiter: str) -> None:
    people = synthetic_people(5, scheme=Scheme.CCCD)
    rows = [["Họ và tên", "Số giấy tờ", "Ngày sinh", "Giới tính", "Điện thoại"]]
    for person in people:
        year, month, day = (person.birth_date or "").split("-")
        rows.append(
            [person.name, person.id_number, f"{int(day)}/{int(month)}/{year}", "Nam" if person.sex == "male" else "nữ", "0100000001"]
        )
    cards = cards_of_table(table([*rows, [""] * 5], delimiter))
    assert [card.name for card in cards] == [person.name for person in people]
    for card, person in zip(cards, people, strict=True):
        wanted = Person(
            Scheme.NATIONAL,
            person.id_number,
            bare_capitals(person.name),
            person.birth_date,
            person.sex,
            phone="0100000001",
            declared_by="other",
        )
        assert read_person(card.text) == card.person == wanted
    english = [["id_number", "name", "birth_date"], [people[0].id_number, people[0].name, people[0].birth_date or ""]]
    assert [card.name for card in cards_of_table(table(english))] == [people[0].name]


def test_an_id_card_s_text_becomes_the_national_code_that_says_the_same() -> None:
    [card] = cards_of_lines("\ufeff001099012345||Nguyễn Văn A|15031999|Nam||10052021\r\n".encode())
    assert card.text == "001099012345|NGUYEN VAN A|1999-03-15|1||<1"
    assert card.name == "Nguyễn Văn A"


@settings(max_examples=60)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.booleans())
def test_any_input_is_cards_or_a_complaint(data: bytes, is_table: bool) -> None:
    try:
        cards = cards_of_table(b"id_number,name,birth_date\n" + data) if is_table else cards_of_lines(data)
    except CardsWrong:
        return
    assert all(read_person(card.text) for card in cards)


def test_all_wrong_lines_are_told_at_once_without_their_content() -> None:
    secret = "Bí Mật"
    rows = [["id_number", "name", "birth_date", "sex"], ["1", secret, "1999-03-15", ""], ["001099012345", secret, "31/02/1999", "nam"]]
    good = ["001099012345", secret, "1999-03-15", "nam"]
    with pytest.raises(CardsWrong) as refused:
        cards_of_table(table([*rows, good, ["001099012345", secret, "1999-03-15", "?"]]))
    told = str(refused.value)
    assert [line.split(":")[0].strip() for line in told.splitlines()[1:]] == ["line 2", "line 3", "line 5"]
    assert secret not in told
    assert "0010990" not in told
    for column, cell, hint in (
        (0, "1099012345", "took leading zeros away"),
        (0, "00109901234A", "bad-id-number"),
        (1, "", "bad-name"),
        (2, "15.03.1999", "birth_date: must be"),
        (3, "x", "sex: must be"),
        (4, "call me", "phone of 8 to 15 digits"),
    ):
        row = [*good, ""]
        row[column] = cell
        with pytest.raises(CardsWrong, match=hint):
            cards_of_table(table([[*rows[0], "phone"], row]))
    with pytest.raises(CardsWrong, match="no national code can say this"):
        cards_of_lines(f"0100000001|{secret.encode().hex()}|15/03/1999|1{'|-' * 10}|$".encode())  # names no citizen number
    with pytest.raises(CardsWrong, match="heading line must name"):
        cards_of_table(b"id_number,name\n1,2\n")
    with pytest.raises(CardsWrong, match="0 codes"):
        cards_of_lines(b"\n\n")
    with pytest.raises(CardsWrong, match="UTF-8"):
        cards_of_lines(b"\xff\xff")
    with pytest.raises(CardsWrong, match="line 1: bad-id-number"):
        cards_of_lines(TEXTS[0].replace("|", "x|", 1).encode())
    with pytest.raises(CardsWrong, match="and 10 more"):
        cards_of_lines(b"x\n" * 30)


def test_each_wrong_line_is_told_on_a_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "texts.txt"
    source.write_text(f"x\n{TEXTS[0]}\n\x1b[2Jy\n", encoding="utf-8")
    assert main(["card", str(source), "--out", str(tmp_path / "cards.pdf")]) == 1
    told = capsys.readouterr().err
    assert [line.partition(" unknown-format")[0] for line in told.splitlines()] == [
        "gate-province: nothing was printed:",
        "gate-province:   line 1:",
        "gate-province:   line 3:",
    ]
    assert "\\n" not in told
    assert not (tmp_path / "cards.pdf").exists()


def test_the_file_is_its_owner_s_alone_and_is_not_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "texts.txt", tmp_path / "cards.pdf"
    source.write_text("\n".join(TEXTS), encoding="utf-8")
    before = os.umask(0)
    try:
        assert main(["card", str(source), "--out", str(out)]) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cards.pdf", "texts.txt"]
    assert main(["card", str(source), "--out", str(out)]) == 2
    assert main(["card", str(source), "--out", str(out), "--force", "--size", "a4"]) == 0
    assert main(["card", str(tmp_path / "absent"), "--out", str(tmp_path / "x.pdf")]) == 1
    assert main(["card", str(source), "--out", str(tmp_path / "no/x.pdf")]) == 1
    assert main(["card", str(source), "--out", str(tmp_path / "x.pdf"), "--font", str(source)]) == 1
    printed = capsys.readouterr()
    assert "11 codes on 2 pages" in printed.out
    for told in ("is there already", "absent: cannot be read", "cannot be written", "not a TrueType font"):
        assert told in printed.err
    assert not any(secret in printed.out + printed.err for person in PEOPLE for secret in (person.name, person.id_number))
    assert pypdfium2.PdfDocument(out.read_bytes()).get_metadata_dict()["Title"] == "QR"


def test_from_a_pipe_to_a_pipe_nothing_is_on_disk_or_in_the_arguments(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "province", "card", "--out", "-", "--size", "a4"]
    done = subprocess.run(
        command, input=TEXTS[0].encode(), capture_output=True, cwd=ROOT, check=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert done.stderr == b""
    [page] = pages(done.stdout)
    assert [one.text for one in Decoder(skip_unchanged=False).look(page).decoded] == [TEXTS[0]]
    assert list(tmp_path.iterdir()) == []


def test_a_font_without_vietnamese_letters_is_refused() -> None:
    vera = Path(str(__import__("reportlab").__file__)).parent / "fonts/Vera.ttf"
    with pytest.raises(NoFont, match="no Vietnamese letters"):
        draw(cards_of_lines(TEXTS[0].encode()), LAYOUTS["card"], vera)
