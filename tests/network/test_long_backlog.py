"""A scanner long offline: what waited goes oldest first, new entries need not wait for it, and the agent's memory does not grow."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from network_world import NetworkWorld, network_world
from tcp_pump import Act, Way

ENTRIES, MEANWHILE = 2000, 40


def memory_mb(world: NetworkWorld) -> float:
    """The most that gate-agent ever held."""
    status = Path(f"/proc/{world.agent.pid}/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def test_a_long_backlog_drains_oldest_first_and_new_entries_do_not_wait_for_it(tmp_path: Path) -> None:
    with network_world(tmp_path) as world:
        world.network.refuse()
        world.network.reset()
        world.greens += world.scanner.fill(ENTRIES)
        before = memory_mb(world)
        trapped = world.network.seen.trapped
        world.network.heal()
        world.network.trap(Way.UP, 100_000, Act.STALL)  # in the middle of the backlog
        world.network.until(lambda seen: seen.trapped > trapped)
        for _ in range(MEANWHILE):
            world.record()
        world.network.heal()
        world.settle()
        assert memory_mb(world) < min(60, before + 10)
        order = [world.collecting.events.get_nowait() for _ in range(world.collecting.events.qsize())]
    numbers = [event["seq"] for event in order if event["event"] == "registered"]
    assert sorted(numbers) == list(range(1, ENTRIES + MEANWHILE + 1))
    assert numbers[-1] == ENTRIES, "the new ones were through before"
    for part in ([number for number in numbers if number <= ENTRIES], [number for number in numbers if number > ENTRIES]):
        assert all(before < after for before, after in pairwise(part))
