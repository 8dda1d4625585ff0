"""A device that floods the collector fills no log: each kind of trouble is said at its first, second, fourth, eighth … message."""

from __future__ import annotations

from pathlib import Path

import pytest
from collector_alone import handed
from province_world import Log, Scanner, scanner

from edge_agent.wire.topics import Leaf
from province.base.layout import Layout

SAID_OF_100 = [1, 2, 4, 8, 16, 32, 64]


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path)


def counts(text: str, start: str) -> list[int]:
    lines = [line[line.index(start) :] for line in text.splitlines() if start in line]
    return [int(word.removeprefix("count=")) for line in lines for word in line.split() if word.startswith("count=")]


def test_refused_messages_are_counted_by_device_and_reason(
    layout: Layout, device: Scanner, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = scanner(layout, tmp_path, "scanner-2")
    mine, theirs = device.name.topic(Leaf.ENTRIES), other.name.topic(Leaf.ENTRIES)
    made = Log.new(device).append()
    forged = made[:-1] + bytes([made[-1] ^ 1])
    results = handed(layout, [(mine, b"rubbish")] * 100 + [(theirs, b"rubbish")] + [(mine, forged), ("elsewhere", b"rubbish")] * 2)
    assert len(results) == 105
    assert counts(caplog.text, f"quarantined topic={mine!r} reason=malformed") == SAID_OF_100
    assert counts(caplog.text, f"quarantined topic={theirs!r} reason=malformed") == [1]
    assert counts(caplog.text, f"quarantined topic={mine!r} reason=forged") == [1, 2]
    assert counts(caplog.text, "quarantined topic='elsewhere'") == [1, 2]


def test_forks_are_counted_by_device(layout: Layout, device: Scanner, caplog: pytest.LogCaptureFixture) -> None:
    log, topic = Log.new(device), device.name.topic(Leaf.ENTRIES)
    first, second = log.copy().append(), log.copy().append()
    handed(layout, [(topic, first)] + [(topic, second)] * 100)
    assert counts(caplog.text, f"fork device={device.name}") == SAID_OF_100
