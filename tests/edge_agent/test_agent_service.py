"""`gate-agent run` under a service manager: it is fed though the network is away, and before the device belongs to anybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import agent_shell
import pytest
import uplink_world
from agent_shell import enrolled, running
from manager import Manager
from real_broker import Broker, Config, free_port
from sealed_examples import filled

from edge_agent.carry.trusted_time import ToldClock
from edge_agent.store.outbox import FILE_NAME
from edge_agent.wire.entry import Clock

settings, broker = agent_shell.settings, uplink_world.broker


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    with Manager(tmp_path / "notify") as manager:
        for name, value in manager.environment.items():
            monkeypatch.setenv(name, value)
        yield manager


def test_with_the_network_away_the_feed_goes_on(settings: Config, manager: Manager) -> None:
    enrolled(settings, free_port())
    filled(settings.state / FILE_NAME, 3)
    with running(settings) as agent:
        agent.until("nothing listens there")
        manager.wait_for_first("READY=1")
        manager.wait_for("WATCHDOG=1", 3)
        assert manager.statuses[-1] == "not connected; entries wait"
        assert agent.end() == 0
    assert manager.heard[-2:] == ["STOPPING=1", "STATUS=stopping"]


def test_connected_it_says_so(settings: Config, broker: Broker, manager: Manager) -> None:
    enrolled(settings, broker.port)
    with running(settings) as agent:
        manager.wait_for_first("STATUS=connected to the broker of")
        manager.wait_for("WATCHDOG=1", 2)
        assert agent.end() == 0


def test_a_device_that_is_nobodys_is_fed_while_it_waits(settings: Config, manager: Manager) -> None:
    with running(settings) as agent:
        manager.wait_for_first("READY=1")
        manager.wait_for("WATCHDOG=1", 2)
        assert manager.statuses[-1] == "waits for an enrolment ticket"
        assert agent.end() == 0


def test_firmwares_word_for_the_clock_counts_for_a_moment() -> None:
    now_s = [0.0]
    told = ToldClock(lambda: now_s[0])
    assert not told.is_set()
    for clock in Clock:
        told.heard({"type": "counters", "clock": str(clock)})
        told.heard({"type": "passage", "clock": "unknown"})
        assert told.is_set() is (clock is not Clock.UNKNOWN)
    told.heard({"type": "counters", "clock": "rtc"})
    now_s[0] += 10
    assert not told.is_set()
    told.heard({"type": "counters"})
    assert not told.is_set()
