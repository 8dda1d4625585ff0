"""A disk that fills up: the gate refuses in red and drops nothing, and goes on when there is room again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chain_world import chain

from province.synthetic import synthetic_people


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of a given size at a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_refuses_loses_nothing_and_recovers(tmp_path: Path) -> None:
    people = synthetic_people(400, seed=31)
    with small_disk(tmp_path / "gate" / "state", "1536k"), chain(tmp_path) as world:
        world.gate.open()
        green = 0
        while world.gate.present(people[green]) == "accepted":
            green += 1
        assert 50 < green < 399
        assert "the disk is full" in world.gate.firmware.log() or "bytes are free" in world.gate.firmware.log()
        assert world.gate.present(people[green + 1]) == "refused"

        world.broker.start()
        world.collect()
        world.gate.agent.start()
        world.wait_until_receipted()
        assert world.passages_of(people[:green]) == [1] * green

        world.gate.pass_by(people[-2:])
        world.wait_until_receipted()
        assert world.count_passages() == green + 2
