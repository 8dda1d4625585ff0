"""A disk that fills up: the gate refuses in red and drops nothing, and goes on when there is room again."""

from __future__ import annotations

from pathlib import Path

from chain_world import chain
from small_disk import small_disk

from province.demo.synthetic import synthetic_people


def test_a_full_disk_refuses_loses_nothing_and_recovers(tmp_path: Path) -> None:
    people = synthetic_people(1500, seed=31)
    with small_disk(tmp_path / "gate" / "state", "1536k"), chain(tmp_path) as world:
        world.gate.open()
        green = 0
        while world.gate.present(people[green]) == "accepted":
            green += 1
        assert 50 < green < 1400
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
