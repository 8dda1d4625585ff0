"""Who waits for an operator: found room however many strangers come, let in once, and within a day of the approval."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import admission_world
import pytest
from admission_world import GRANT, Province, new_keys
from old_province import here

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.enrolment import knock
from edge_agent.wire import ticket
from edge_agent.wire.joining import Answer, Outcome
from edge_agent.wire.ticket import fingerprint, shown
from province.registry import waiting_room
from province.store import database

province = admission_world.province
DAY_MS = 86_400_000


def renewal(province: Province, keys: DeviceKeys) -> Answer:
    """What a member is answered at the door whose certificate has run out."""
    return knock.for_renewal(("127.0.0.1", province.port), province.root, keys).answer


def invitation(province: Province) -> str:
    """Good for years."""
    return ticket.issue(replace(ticket.peek(province.ticket(None)), expires_ms=2**42), province.officer.key)


def waiting(province: Province) -> list[str]:
    listed = here("approve", province.layout.root, "--json")
    assert listed.returncode == 0, listed.stderr
    return [json.loads(line)["fingerprint"] for line in listed.stdout.splitlines()]


def label(keys: DeviceKeys) -> str:
    return shown(fingerprint(keys.signing.public_key()))


def test_an_invitation_lets_in_whom_an_operator_approved_and_nobody_else(province: Province) -> None:
    text, honest, other = province.ticket(None), new_keys(), new_keys()
    for keys in (honest, other):
        assert province.ask(text, keys).outcome is Outcome.WAIT
    province.approve(honest)
    assert province.welcome(text, honest).name == GRANT.name
    assert province.welcome(text, honest).name == GRANT.name  # its answer may have been lost
    assert province.ask(text, other).outcome is Outcome.WAIT
    province.now_ms += DAY_MS + 3_600_000
    assert "expired" in province.refused(text, honest)


def test_a_flood_of_strangers_does_not_fill_the_waiting_room_for_ever(province: Province, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "_ROOM", 3)
    text = ticket.issue(replace(ticket.peek(province.ticket(None)), expires_ms=2**42), province.officer.key)
    for _each in range(3):
        assert province.ask(text, new_keys()).outcome is Outcome.WAIT
    assert "too many" in province.refused(text, new_keys())
    province.now_ms += DAY_MS + 3_600_000
    assert province.ask(text, new_keys()).outcome is Outcome.WAIT


def test_an_expired_certificate_is_renewed_by_the_signing_key_after_approval(province: Province) -> None:
    keys = new_keys()
    first = province.welcome(province.ticket(), keys)
    province.now_ms += 31 * DAY_MS
    assert renewal(province, keys).outcome is Outcome.WAIT
    stranger = renewal(province, new_keys())
    assert (stranger.outcome, "no active device" in stranger.reason) == (Outcome.REFUSED, True)
    province.approve(keys)
    answer = renewal(province, keys)
    assert answer.membership is not None
    assert answer.membership.name == GRANT.name
    assert answer.membership.certificate != first.certificate


def test_approval_to_join_is_none_to_renew(province: Province) -> None:
    keys = new_keys()
    province.ask(province.ticket(None), keys)
    province.approve(keys)
    province.welcome(province.ticket(None), keys)
    province.now_ms += 2 * DAY_MS
    assert renewal(province, keys).outcome is Outcome.WAIT


def test_strangers_keep_no_member_out(province: Province, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "_ROOM", 2)
    members = [new_keys() for _each in range(3)]
    for number, keys in enumerate(members):
        province.welcome(province.ticket(replace(GRANT, name=replace(GRANT.name, device=f"scanner-{number}"))), keys)
    province.now_ms += 31 * DAY_MS
    text = invitation(province)
    for _each in range(2):
        assert province.ask(text, new_keys()).outcome is Outcome.WAIT
    assert "too many" in province.refused(text, new_keys())
    assert [renewal(province, keys).outcome for keys in members] == [Outcome.WAIT] * 3
    assert "too many" in province.refused(text, new_keys())
    assert len(waiting(province)) == 5


def test_an_approval_ends_after_a_day_and_when_it_was_used(province: Province) -> None:
    text, keys, late = invitation(province), new_keys(), new_keys()
    for each in (keys, late):
        province.ask(text, each)
        province.approve(each, GRANT if each is keys else replace(GRANT, name=replace(GRANT.name, device="late")))
    province.welcome(text, keys)
    with closing(database.connect(province.layout.register)) as connection:
        assert [one.fingerprint for one in waiting_room.every(connection, province.now_ms)] == [label(late)]
    province.now_ms += 90 * DAY_MS
    assert province.ask(text, late).outcome is Outcome.WAIT
    assert province.ask(text, keys).outcome is Outcome.WAIT
    assert renewal(province, keys).outcome is Outcome.WAIT


def test_the_waiting_room_is_emptied_by_hand(province: Province) -> None:
    text, keys, approved = province.ticket(None), [new_keys() for _each in range(3)], new_keys()
    for each in (*keys, approved):
        assert province.ask(text, each).outcome is Outcome.WAIT
    province.approve(approved)
    gone = here("approve", province.layout.root, label(keys[0]), "--forget")
    assert gone.stdout == f"{label(keys[0])} forgotten.\n"
    assert here("approve", province.layout.root, label(keys[0]), "--forget").returncode == 2
    assert here("approve", province.layout.root, "--forget").stdout.startswith("2 devices forgotten")
    assert waiting(province) == [label(approved)]
    assert "and its approval" in here("approve", province.layout.root, label(approved), "--forget").stdout
    assert province.ask(text, approved).outcome is Outcome.WAIT
    assert here("approve", province.layout.root, "--forget", "--site", "cho").returncode == 2
