"""The watchdog's token: it goes the way of a report, an idle hour stops nothing, and sources that never come back do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gate_world import Reader, wait_until
from manager import Manager

from edge_agent.base.notify import Notifier
from edge_agent.device.settings import LaneSettings
from firmware import supervised
from firmware.heartbeat import Heartbeat
from firmware.inbox import Inbox
from firmware.reading import Pulse
from firmware.sources import Source


class World:
    """A gate's sources and inbox, whose consumer takes one report when it is told to; time is the test's."""

    def __init__(self, folder: Path, manager: Manager, *readers: str) -> None:
        self.now_s = 1000.0
        self.inbox = Inbox()
        self.sources = [Source(LaneSettings(str(at), "in", reader=reader), self.inbox) for at, reader in enumerate(readers)]
        self.manager, self.notifier, self.folder = manager, Notifier.of(manager.environment, 1), folder
        self.heart = self.heartbeat()

    def heartbeat(self) -> Heartbeat:
        return Heartbeat(self.notifier, self.inbox, self.sources, self.folder, lambda: "as told", lambda: self.now_s)

    def second(self) -> int:
        """One second passes; returns how many tokens have arrived in it."""
        self.now_s += 1
        self.heart.tick()
        arrived = 0
        while not self.inbox.empty():
            report = self.inbox.get(timeout=0)
            if isinstance(report, Pulse):
                report.arrived()
                arrived += 1
        return arrived


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path / "notify", 60.0) as manager:
        yield manager


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path / "tty")
    yield reader
    reader.unplug()


def started(world: World) -> Iterator[World]:
    for source in world.sources:
        source.kept.start()
    yield world
    supervised.stop_all([source.kept for source in world.sources], 5.0)


@pytest.fixture
def idle(tmp_path: Path, manager: Manager, reader: Reader) -> Iterator[World]:
    yield from started(World(tmp_path, manager, reader.url))


@pytest.fixture
def away(tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(supervised, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(supervised, "LONGEST_WAIT_S", 0.001)
    yield from started(World(tmp_path, manager, f"serial:{tmp_path}/one", f"serial:{tmp_path}/two"))


def test_a_serial_gate_idle_for_an_hour_is_fed_all_the_time(idle: World) -> None:
    wait_until(lambda: idle.sources[0].kept.is_working, "the reader is open")
    fed = 0
    for _ in range(3600):
        fed += idle.second()
        idle.manager.wait_for_total("WATCHDOG=1", fed)  # a socket holds ten
    idle.notifier.stopping()
    idle.manager.wait_for_first("STOPPING=1")
    assert fed == 3600 / 15
    assert idle.manager.count("WATCHDOG=1") == fed
    assert idle.manager.count("READY=1") == 1


def test_a_token_that_nobody_takes_feeds_nothing(idle: World) -> None:
    wait_until(lambda: idle.sources[0].kept.is_working, "the reader is open")
    for _ in range(3600):
        idle.now_s += 1
        idle.heart.tick()
    idle.notifier.stopping()
    idle.manager.wait_for_first("STOPPING=1")
    assert idle.manager.count("READY=1") == 1
    assert not idle.manager.count("WATCHDOG=1")
    assert idle.inbox.qsize() < 40


def test_sources_that_do_not_come_back_end_the_feed_and_the_next_start_is_more_patient(
    away: World, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(lambda: all(source.kept.in_vain > 31 for source in away.sources), "opened in vain")
    for _ in range(40):
        away.second()
    assert not away.manager.count("READY=1")
    assert caplog.text.count("no camera or reader has come back") == 1
    assert (away.folder / "restarts-in-vain").read_text() == "1"
    silent = away.manager.count("EXTEND_TIMEOUT_USEC")
    away.heart = away.heartbeat()  # as after the restart; the sources are as they were
    wait_until(lambda: all(source.kept.in_vain > 61 for source in away.sources), "opened in vain")
    away.second()
    assert (away.folder / "restarts-in-vain").read_text() == "2"
    assert away.manager.count("EXTEND_TIMEOUT_USEC") == silent


def test_a_source_that_comes_back_ends_the_count_of_restarts(idle: World) -> None:
    (idle.folder / "restarts-in-vain").write_text("5")
    idle.heart = idle.heartbeat()
    wait_until(lambda: idle.sources[0].kept.is_working, "the reader is open")
    idle.second()
    assert not (idle.folder / "restarts-in-vain").exists()
