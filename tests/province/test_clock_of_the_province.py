"""While the province's own clock stands in the past nothing is stored under its dates: retention would clear it the same night."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from collector_alone import delivered
from old_province import DAY_MS, rows
from province_world import Log, Scanner, founded, scanner

from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting import collector
from province.collecting.register import Stored

IN_2016_MS = 1_451_606_400_000


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return founded(tmp_path / "province")


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path)


class Network(logging.Handler):
    """Sets the clock right once the collector has said twice that it waits."""

    def __init__(self, at_ms: int, right_ms: int) -> None:
        super().__init__()
        self.at_ms = at_ms
        self._right_ms = right_ms
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "not stored" in record.getMessage():
            self.heard.append(record.getMessage())
        if len(self.heard) == 2:
            self.at_ms = self._right_ms


@contextmanager
def clock_at(monkeypatch: pytest.MonkeyPatch, at_ms: int, right_ms: int) -> Iterator[Network]:
    network = Network(at_ms, right_ms)
    monkeypatch.setattr(collector, "now_ms", lambda: network.at_ms)
    monkeypatch.setattr(collector, "_FIRST_RETRY_S", 0.001)
    collector._log.addHandler(network)
    try:
        yield network
    finally:
        collector._log.removeHandler(network)


def test_before_the_network_sets_the_clock_entries_wait(layout: Layout, device: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log.new(device)
    with clock_at(monkeypatch, IN_2016_MS, now_ms()) as network:
        assert isinstance(delivered(layout, log, made=log.append(key=device.keyring.key_for(None))), Stored)
    assert "this machine says it is 2016-01-01 07:00:00" in network.heard[0]
    assert "--trust-clock" in network.heard[0]
    [row] = rows(layout)
    assert row["registered_ms"] == network.at_ms


def test_nor_is_anything_dated_before_what_was_stored_last(layout: Layout, device: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    log, tomorrow_ms = Log.new(device), now_ms() + DAY_MS
    with clock_at(monkeypatch, tomorrow_ms + 2 * DAY_MS, 0) as ahead:
        delivered(layout, log)
    with clock_at(monkeypatch, tomorrow_ms, 0) as back:
        delivered(layout, log, trust_clock=True)  # an operator says that it is right
    with clock_at(monkeypatch, tomorrow_ms - 60_000, 0) as slightly:
        delivered(layout, log)
    with clock_at(monkeypatch, now_ms(), tomorrow_ms) as again:
        delivered(layout, log)
    assert [len(network.heard) for network in (ahead, back, slightly, again)] == [0, 0, 0, 2]
