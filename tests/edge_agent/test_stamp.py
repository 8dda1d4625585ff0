"""A file counts as read once it was taken up, and not before."""

from __future__ import annotations

from pathlib import Path

from edge_agent.base.stamp import Stamp


def replace(file: Path, text: str) -> None:
    coming = file.with_name("coming")
    coming.write_text(text)
    coming.rename(file)


def test_a_change_is_told_until_it_is_taken(tmp_path: Path) -> None:
    files = tmp_path / "a", tmp_path / "b"
    stamp = Stamp(*files)
    assert stamp.changed()
    stamp.taken()
    assert not stamp.changed(), "none of them is there, and that was taken"
    for file in files:
        replace(file, "1")
        assert [stamp.changed(), stamp.changed()] == [True, True]
        stamp.taken()
        assert not stamp.changed()
    files[0].unlink()
    assert stamp.changed()


def test_what_is_replaced_while_it_is_read_is_seen_the_next_time(tmp_path: Path) -> None:
    file = tmp_path / "a"
    replace(file, "1")
    stamp = Stamp(file)
    assert stamp.changed()
    replace(file, "2")
    stamp.taken()
    assert stamp.changed()


def test_a_file_that_grows_in_place_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    stamp = Stamp(file)
    stamp.changed()
    stamp.taken()
    with file.open("a") as more:
        more.write("2")
    assert stamp.changed()
