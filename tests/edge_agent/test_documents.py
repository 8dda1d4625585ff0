"""The device's documents survive a power cut at every byte of a write."""

from __future__ import annotations

import json
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import WAIT_S, brief
from unread_documents import unreadable

from edge_agent.device.documents import FILE_NAME, Documents, DocumentsDamaged

OLD, NEW = {"counter": 1, "name": "Chợ"}, {"counter": 2, "name": "Bến xe"}


def read(folder: Path, name: str = "it") -> dict[str, Any] | None:
    documents = Documents(folder)
    try:
        return documents.get(name)
    finally:
        documents.close()


def put(folder: Path, value: dict[str, Any], name: str = "it") -> None:
    documents = Documents(folder)
    documents.put(name, value)
    documents.close()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=3)
    ),
)


@given(values=st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.text("xyz", max_size=3), json_values, max_size=4)))
@brief
def test_what_was_put_is_got(tmp_path_factory: pytest.TempPathFactory, values: dict[str, dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("state")
    for name, value in values.items():
        put(folder, value, name)
    for name in "abc":
        assert read(folder, name) == values.get(name)


def test_a_document_replaces_the_one_of_its_name_only(tmp_path: Path) -> None:
    put(tmp_path, OLD)
    put(tmp_path, OLD, "other")
    put(tmp_path, NEW)
    assert (read(tmp_path), read(tmp_path, "other")) == (NEW, OLD)


def test_nothing_yet_is_none(tmp_path: Path) -> None:
    assert read(tmp_path) is None


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    put(tmp_path, OLD)
    put(tmp_path, NEW)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_write_torn_at_any_byte_leaves_the_old_documents(tmp_path: Path) -> None:
    put(tmp_path, {"counter": 0})
    put(tmp_path, OLD)
    old, before = ((tmp_path / name).read_bytes() for name in (FILE_NAME, f"{FILE_NAME}.previous"))
    put(tmp_path, NEW)
    new = (tmp_path / FILE_NAME).read_bytes()
    for kept in range(len(new)):
        for torn_name, main in ((f"{FILE_NAME}.new", old), (FILE_NAME, new[:kept])):
            (tmp_path / FILE_NAME).write_bytes(main)
            (tmp_path / f"{FILE_NAME}.previous").write_bytes(before if torn_name != FILE_NAME else old)
            (tmp_path / torn_name).write_bytes(new[:kept])
            assert read(tmp_path) == OLD, f"{torn_name} cut at {kept}"


def test_no_byte_can_change_unnoticed(tmp_path: Path) -> None:
    put(tmp_path, OLD)
    put(tmp_path, NEW)
    whole = (tmp_path / FILE_NAME).read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        (tmp_path / FILE_NAME).write_bytes(changed)
        assert read(tmp_path) in (OLD, NEW), "at worst the version before"


def test_a_torn_file_is_not_kept_as_the_previous_version(tmp_path: Path) -> None:
    put(tmp_path, OLD)
    put(tmp_path, NEW)
    (tmp_path / FILE_NAME).write_bytes(b"torn")
    put(tmp_path, {"counter": 3})
    (tmp_path / FILE_NAME).write_bytes(b"torn again")
    assert read(tmp_path) == OLD, "the last whole version there was beside it"


@pytest.mark.parametrize(
    "content", [b"", b"torn", b"{}", b"[]", b"null", b'{"sha256": "x", "documents": "{}"}', b"[" * 100_000, b"\xff\xfe"]
)
def test_both_versions_torn_is_said_and_never_read_as_empty(tmp_path: Path, content: bytes) -> None:
    for name in (FILE_NAME, f"{FILE_NAME}.previous"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DocumentsDamaged, match="enrol this device again"):
        read(tmp_path)
    with pytest.raises(DocumentsDamaged):
        put(tmp_path, NEW)


def test_damaged_documents_can_be_set_aside(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"torn")
    documents = Documents(tmp_path)
    documents.set_aside()
    documents.put("it", NEW)
    documents.close()
    assert read(tmp_path) == NEW
    assert (tmp_path / f"{FILE_NAME}.damaged").read_bytes() == b"torn"


def test_a_reader_beside_a_writer_sees_whole_versions_only(tmp_path: Path) -> None:
    put(tmp_path, {"counter": 0, "again": 0})
    stopping = threading.Event()
    seen: list[dict[str, Any] | None] = []
    problems: list[BaseException] = []

    def look() -> None:
        try:
            while not stopping.is_set():
                seen.append(read(tmp_path))
        except BaseException as error:  # noqa: BLE001 - told below
            problems.append(error)

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for counter in range(1, 120):
        put(tmp_path, {"counter": counter, "again": counter})
    stopping.set()
    for reader in readers:
        reader.join(WAIT_S)
    assert not problems
    assert all(value is not None and value["counter"] == value["again"] for value in seen)


def test_a_value_that_is_not_json_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path, OLD)
    with pytest.raises(TypeError):
        put(tmp_path, {"bytes": b"x"})
    assert read(tmp_path) == OLD


def test_the_file_can_be_read_by_a_person(tmp_path: Path) -> None:
    put(tmp_path, OLD)
    outer = json.loads((tmp_path / FILE_NAME).read_bytes())
    assert "Chợ" in outer["documents"]


# ── sectors that the card does not give ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_sector_is_as_a_torn_file_the_version_before_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, OLD)
    put(tmp_path, NEW)
    unreadable(monkeypatch, tmp_path / FILE_NAME, 100)
    assert read(tmp_path) == OLD
    put(tmp_path, NEW, "other")
    assert (read(tmp_path), read(tmp_path, "other")) == (OLD, NEW)


@pytest.mark.parametrize("times", [1, 2])
def test_what_was_away_for_a_moment_is_not_decided_or_written_over_with_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    put(tmp_path, OLD)
    put(tmp_path, NEW)
    documents = Documents(tmp_path)
    unreadable(monkeypatch, tmp_path / FILE_NAME, times)
    seen: list[dict[str, Any] | None] = []
    with suppress(OSError):
        documents.change("it", seen.append)
    assert OLD not in seen
    documents.put("third", OLD)
    documents.close()
    assert (read(tmp_path), read(tmp_path, "third")) == (NEW, OLD)


@pytest.mark.parametrize("times", range(1, 5))
def test_who_decides_by_it_is_told_the_newest_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    put(tmp_path, OLD)
    put(tmp_path, NEW)
    unreadable(monkeypatch, tmp_path / FILE_NAME, times)
    documents = Documents(tmp_path)
    for expected in {1: [NEW], 2: [NEW], 3: [OLD, NEW], 4: [OLD, NEW]}[times]:  # given at none of three readings it is a lost sector
        assert documents.get_sure("it") == expected
    documents.close()


def test_without_a_version_before_an_unreadable_file_is_an_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, OLD)
    (tmp_path / f"{FILE_NAME}.previous").unlink()
    unreadable(monkeypatch, tmp_path / FILE_NAME, 1)
    with pytest.raises(OSError, match=FILE_NAME):
        read(tmp_path)
    assert read(tmp_path) == OLD
