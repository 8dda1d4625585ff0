"""A broker that refuses what the province has just given: the door is asked again ever more rarely. Against a real door."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from pathlib import Path

import admission_world
import pytest
from admission_world import Province
from province_world import WAIT_S

from edge_agent.device import device_keys, identity
from edge_agent.enrolment import knock, membership
from edge_agent.enrolment.certificate_keeper import CertificateKeeper
from edge_agent.link.broker_link import Message
from edge_agent.wire.joining import Outcome

province = admission_world.province
HOUR_S = 3600.0


def days_ms(days: int) -> int:
    return int(timedelta(days=days) / timedelta(milliseconds=1))


class Member:
    """A device that has joined, told by hand what comes of its connections."""

    def __init__(self, province: Province, state: Path) -> None:
        self.now_s, self.wall_ms, self.connected_anew = 0.0, province.now_ms, 0
        self.keys = device_keys.load_or_make(state)
        membership.install(province.welcome(province.ticket(), self.keys), province.root, self.keys, state)
        self.identity = identity.load(state)
        self.file = self.identity.endpoint.certificate_file
        self.keeper = CertificateKeeper(self.identity, state, lambda: self.wall_ms, lambda: self.now_s)
        self.keeper.use(self)

    def publish(self, message: Message) -> None:
        raise AssertionError(f"nothing is asked for over a broker that lets nobody in: {message.topic}")

    def renew(self) -> None:
        self.connected_anew += 1

    def disconnected(self, times: int, *, refused: bool = True) -> None:
        for _ in range(times):
            self.keeper.disconnected(refused=refused)
            for thread in threading.enumerate():
                if thread.name == "at-the-door":
                    thread.join(WAIT_S)


@pytest.fixture
def member(province: Province, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Member:
    caplog.set_level(logging.INFO)
    return Member(province, tmp_path / "state")


def said(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in record.getMessage() for record in caplog.records)


def test_it_asks_again_after_an_hour_and_then_ever_more_rarely(member: Member, caplog: pytest.LogCaptureFixture) -> None:
    before = member.file.stat()
    member.disconnected(2)
    assert said(caplog, "wish=renew") == 0
    for times, hours in enumerate((1, 2, 4, 8, 16, 24, 24), start=1):
        member.disconnected(10)
        assert said(caplog, "wish=renew") == times
        member.now_s += hours * HOUR_S - 1
        member.disconnected(3)
        assert said(caplog, "wish=renew") == times
        member.now_s += 1
    assert said(caplog, "At the broker, look at its clock") == 7  # once each time
    assert member.connected_anew == 0  # the same certificate again: no reason to hurry, and nothing to write
    assert (member.file.stat().st_ino, member.file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_new_one_is_tried_at_once_and_the_door_left_alone_when_it_is_refused_too(
    member: Member, province: Province, caplog: pytest.LogCaptureFixture
) -> None:
    before = member.file.read_bytes()
    province.now_ms += days_ms(2)
    assert member.identity.door is not None
    assert knock.for_renewal(member.identity.door, province.root, member.keys).answer.outcome is Outcome.WAIT
    province.approve(member.keys)
    member.disconnected(10)
    assert said(caplog, "welcome") == 1
    assert member.connected_anew == 1
    assert member.file.read_bytes() != before
    member.keeper.connected()
    member.disconnected(10)  # a broker that lets in and refuses by turns
    assert member.connected_anew == 1


def test_a_clock_that_runs_ahead_calls_every_certificate_over_and_asks_for_no_more(
    member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    member.wall_ms += days_ms(3650)
    member.disconnected(10, refused=False)
    assert said(caplog, "wish=renew") == 1
    assert said(caplog, "set the clock") == 1
    assert member.connected_anew == 0


def test_one_that_has_really_ended_since_is_asked_for_at_once(member: Member, caplog: pytest.LogCaptureFixture) -> None:
    member.disconnected(3)
    assert said(caplog, "wish=renew") == 1
    member.wall_ms += days_ms(29)  # it lives thirty days
    member.disconnected(1, refused=False)
    assert said(caplog, "wish=renew") == 1
    member.wall_ms += days_ms(2)
    member.disconnected(1, refused=False)
    assert said(caplog, "wish=renew") == 2
    assert member.connected_anew == 0
