"""The model of a disk: what is fsynced stays, what is not may be anything that it has been since, and nothing else."""

from __future__ import annotations

import os
import sys
from itertools import product
from pathlib import Path

import pytest
from disk_model import SECTOR_BYTES, Disk, File, Image, played
from hypothesis import given
from hypothesis import strategies as st
from power_cut import Trace, cuts
from system_calls import Call, CannotTrace, can_trace, read_log, traced

ROOT = "/root-of-the-test"
S = SECTOR_BYTES


def opened(path: str, descriptor: int, flags: str = "O_RDWR|O_CREAT") -> Call:
    return Call("openat", ("AT_FDCWD", f"{ROOT}/{path}".encode(), flags, "0600"), descriptor)


def wrote(descriptor: int, offset: int, data: bytes) -> Call:
    return Call("pwrite64", (str(descriptor), data, str(len(data)), str(offset)), len(data))


def fsynced(descriptor: int) -> Call:
    return Call("fsync", (str(descriptor),), 0)


def top(descriptor: int = 9) -> Call:
    return Call("openat", ("AT_FDCWD", ROOT.encode(), "O_RDONLY"), descriptor)


def renamed(old: str, new: str) -> Call:
    return Call("rename", (f"{ROOT}/{old}".encode(), f"{ROOT}/{new}".encode()), 0)


def every_image(disk: Disk) -> list[Image]:
    """All that the names could be, each with the files as programs see them."""
    return [disk.left(kept, lambda file: bytes(file.now)) for kept in product([False, True], repeat=len(disk.renamings))]


def left(calls: list[Call], seed: int = 1) -> list[Image]:
    """All images that the ways of cutting make after the last call."""
    return [cut.image for cut in cuts(Trace("", [*calls, Call("write", ("1", b"mark"), 4)], ROOT), seed) if cut.promises]


def test_what_is_fsynced_stays_in_every_way() -> None:
    calls = [top(), opened("a", 3), wrote(3, 0, b"x" * 1000), fsynced(3), fsynced(9)]
    assert left(calls) == [{"a": b"x" * 1000}]


def test_a_name_stays_with_its_folders_fsync_only() -> None:
    calls = [top(), opened("a", 3), wrote(3, 0, b"x"), fsynced(3)]
    assert {frozenset(image) for image in left(calls)} == {frozenset(), frozenset({"a"})}


def test_bytes_without_fsync_may_be_lost_while_their_name_stays() -> None:
    images = left([top(), opened("a", 3), fsynced(9), wrote(3, 0, b"x" * 10)])
    assert {image["a"] for image in images} == {b"", b"x" * 10, bytes(10)}


@given(seed=st.integers(0, 999))
def test_each_sector_holds_something_that_it_has_held(seed: int) -> None:
    pieces = [bytes([letter]) * S for letter in b"abc"]
    calls = [
        top(),
        opened("a", 3),
        fsynced(9),
        wrote(3, 0, pieces[0] * 4),
        fsynced(3),
        wrote(3, S, pieces[1] * 2),
        wrote(3, 2 * S, pieces[2] * 2),
    ]
    for image in left(calls, seed):
        data = image["a"]
        assert data is not None
        sectors = [data[at : at + S] for at in range(0, len(data), S)]
        may = [{pieces[0]}, {pieces[0], pieces[1]}, {*pieces}, {pieces[0], pieces[2]}]
        assert all(sector in allowed for sector, allowed in zip(sectors, may, strict=True))


def test_all_orders_of_writing_back_are_met() -> None:
    calls = [top(), opened("a", 3), wrote(3, 0, b"a" * 2 * S), fsynced(3), fsynced(9), wrote(3, 0, b"b" * 2 * S)]
    images = {image["a"] for seed in range(40) for image in left(calls, seed)}
    assert images == {first * S + second * S for first in (b"a", b"b") for second in (b"a", b"b")}


def test_a_rename_is_there_or_not_and_never_half() -> None:
    calls = [top(), Call("mkdir", (f"{ROOT}/f".encode(), "0700"), 0), opened("a", 3), fsynced(9), renamed("a", "f/b")]
    assert [sorted(image) for image in every_image(played(calls, ROOT))] == [["a", "f"], ["f", "f/b"]]


def test_nothing_is_renamed_into_a_folder_that_is_not_there() -> None:
    calls = [top(), opened("a", 3), fsynced(9), Call("mkdir", (f"{ROOT}/f".encode(), "0700"), 0), renamed("a", "f/b")]
    found = [sorted(image) for image in every_image(played(calls, ROOT))]
    assert found == [["a"], ["a"], ["a", "f"], ["f", "f/b"]]


def test_a_cut_of_length_comes_before_what_is_written_after_it_or_not_at_all() -> None:
    file = File()
    file.write(0, b"a" * 3 * S)
    file.fsync()
    file.resize(0)
    file.write(0, b"b" * S)
    assert [era.left(lambda _number, count: count - 1, grown=True) for era in file.eras] == [b"a" * 3 * S, b"b" * S]
    assert [era.left(lambda _number, _count: 0, grown=False) for era in file.eras] == [b"a" * 3 * S, b""]


@pytest.mark.parametrize(
    "call",
    [
        Call("truncate", (f"{ROOT}/a".encode(), "0"), 0),
        Call("pwritev", ("3", "[]", "1", "0"), 1),
        Call("sendfile", ("5", "3", "NULL", "9"), 9),
        Call("mmap", ("NULL", "4096", "PROT_READ|PROT_WRITE", "MAP_SHARED", "3", "0"), 1 << 40),
    ],
)
def test_calls_that_change_files_and_are_not_played_back_are_an_error(call: Call) -> None:
    disk = played([opened("a", 3)], ROOT)
    with pytest.raises(CannotTrace, match="not played back"):
        disk.play(call)


def test_memory_maps_that_change_nothing_or_are_built_anew_are_none() -> None:
    disk = played([opened("a", 3), opened("a-shm", 4)], ROOT)
    for protection, kind, descriptor in (
        ("PROT_READ", "MAP_SHARED", "3"),
        ("PROT_READ|PROT_WRITE", "MAP_PRIVATE", "3"),
        ("PROT_READ|PROT_WRITE", "MAP_SHARED", "4"),
    ):
        assert not disk.play(Call("mmap", ("NULL", "4096", protection, kind, descriptor, "0"), 1 << 40))


@pytest.mark.skipif(not can_trace(), reason="strace cannot trace a process here")
def test_a_played_disk_is_what_the_process_left(tmp_path: Path) -> None:
    """Everything kept is what is really on the disk, after hundreds of random operations on files."""
    root = tmp_path / "root"
    root.mkdir()
    calls = traced([sys.executable, str(Path(__file__).with_name("random_files.py")), str(root)], tmp_path / "log", dict(os.environ))
    disk = played(calls, str(root))
    image = disk.left([True] * len(disk.renamings), lambda file: bytes(file.now))
    real = {str(path.relative_to(root)): None if path.is_dir() else path.read_bytes() for path in root.rglob("*")}
    assert len(real) > 5
    assert image == real


def test_a_log_that_is_not_understood_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("1 write(3, <unfinished ...>\n")
    with pytest.raises(CannotTrace, match="not understood"):
        read_log(tmp_path / "log")
