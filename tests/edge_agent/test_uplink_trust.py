"""What the agent believes at which time, and what it does not send: no broker needed, events are put on its queue."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from real_broker import Authority, bundle, write_bundle
from sealed_examples import DAY, FROM_MS, NAME, ROOT_PUBLIC, TO_MS, UNDATED_KEY, filled, officer

from drivers import system_clock
from edge_agent.carry.connecting import Stop, Work
from edge_agent.carry.intake import Intake
from edge_agent.carry.trusted_time import trusted_ms
from edge_agent.carry.uplink import Uplink
from edge_agent.device import identity, stored_keyring, stored_time
from edge_agent.device.settings import AgentSettings
from edge_agent.enrolment import enrol
from edge_agent.link.broker_link import Arrived, Connected, Message
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME
from edge_agent.wire import envelope, keyring, receipt, topics
from edge_agent.wire.authority import Power
from edge_agent.wire.keyring import Keyring
from edge_agent.wire.receipt import Range, Receipt, Status
from edge_agent.wire.topics import Leaf

AUTHORITY = Authority()
ENTRIES, RECEIPTS = NAME.topic(Leaf.ENTRIES), NAME.topic(Leaf.RECEIPTS)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    enrol.install(enrol.read_bundle(write_bundle(tmp_path, bundle(AUTHORITY, 1))), state)
    return state


def worked(
    state: Path, *events: Work, trusted: Callable[[int], int | None] = lambda _bound_ms: None, messages: list[Message] | None = None
) -> Uplink:
    """An uplink that has handled these events and stopped."""
    work: Intake[Work] = Intake()
    sent = [] if messages is None else messages
    uplink = Uplink(identity.load(state), AgentSettings(), state, work, sent.append, trusted_ms=trusted)
    for event in (*events, Stop()):
        work.put(event)
    uplink.run()
    return uplink


def keys(counter: int, issued_ms: int = FROM_MS, to_ms: int = TO_MS) -> Arrived:
    signed = keyring.issue(Keyring(counter, issued_ms, (DAY, UNDATED_KEY)), officer(Power.KEYRING, to_ms=to_ms))
    return Arrived(topics.KEYRING, signed, retained=True, handle=(0, 0))


def word(log: bytes, part: Range, committed_ms: int, to_ms: int = TO_MS) -> Arrived:
    signed = receipt.issue(Receipt(NAME, log, (part,), committed_ms), officer(Power.RECEIPTS, to_ms=to_ms))
    return Arrived(RECEIPTS, signed, retained=False, handle=(0, 0))


def waiting(state: Path) -> int:
    with closing(Forwarder(state / FILE_NAME)) as outbox:
        return outbox.backlog().entries


def sent(state: Path) -> list[bytes]:
    """What a running uplink sends of the outbox, once."""
    messages: list[Message] = []
    work: Intake[Work] = Intake()
    uplink = Uplink(identity.load(state), AgentSettings(), state, work, messages.append)
    uplink._handle(Connected())
    uplink._send_what_waits()
    uplink._send_what_waits()
    work.put(Stop())
    uplink.run()
    assert uplink.counters["spoiled"] <= 1, "counted once, however often it is met"
    return [message.payload for message in messages if message.topic == ENTRIES]


def test_an_entry_whose_bytes_changed_on_the_disk_is_not_sent_and_stays(state: Path) -> None:
    made = filled(state / FILE_NAME, 5)
    assert sent(state) == made
    with closing(sqlite3.connect(state / FILE_NAME)) as connection, connection:
        spoiled = bytearray(made[2])
        spoiled[len(spoiled) // 2] ^= 1  # in the sealed body
        connection.execute("UPDATE sealed SET envelope = ? WHERE ordinal = 3", (bytes(spoiled),))
    assert sent(state) == [*made[:2], *made[3:]]
    assert waiting(state) == 5


@pytest.mark.parametrize(
    "now_ms, to_ms, believed", [(None, TO_MS, True), (TO_MS, TO_MS, True), (TO_MS + 1, TO_MS, False), (TO_MS + 1, TO_MS * 2, True)]
)
def test_receipts_and_keyrings_count_in_their_signers_time_by_a_trusted_clock(
    state: Path, now_ms: int | None, to_ms: int, believed: bool
) -> None:
    made = filled(state / FILE_NAME, 1)
    log = envelope.peek(made[0]).header.log
    whole = Range(1, 1, envelope.envelope_hash(made[0]), Status.REGISTERED)
    uplink = worked(state, keys(9, to_ms=to_ms), word(log, whole, FROM_MS, to_ms), trusted=lambda _bound_ms: now_ms)
    assert uplink.counters["refused_messages"] == (0 if believed else 2)
    assert waiting(state) == (0 if believed else 1)
    assert stored_keyring.read(state, ROOT_PUBLIC).counter == (9 if believed else 7)


def test_without_a_clock_a_signer_whose_time_has_certainly_ended_is_refused_and_a_new_one_taken(state: Path) -> None:
    made = filled(state / FILE_NAME, 2)
    log = envelope.peek(made[0]).header.log
    first, second = (Range(seq, seq, envelope.envelope_hash(made[seq - 1]), Status.REGISTERED) for seq in (1, 2))
    early_end = FROM_MS + 1000
    uplink = worked(state, word(log, first, early_end + 5000), word(log, second, early_end, early_end))
    assert (uplink.counters["refused_messages"], waiting(state)) == (1, 1)
    uplink = worked(state, word(log, second, early_end, early_end))
    assert uplink.counters["refused_messages"] == 0, "the bound was too young to be worth a write to the card"
    worked(state, word(log, second, FROM_MS + 22_000_000), keys(8, issued_ms=FROM_MS + 10))
    assert stored_time.read(state, ROOT_PUBLIC, NAME, 8) == 0, "a new keyring begins a new bound"


def test_a_receipts_time_outlives_a_restart(state: Path) -> None:
    late_ms = FROM_MS + 22_000_000
    nothing = Range(9, 9, bytes(32), Status.REGISTERED)
    filled(state / FILE_NAME, 1)
    worked(state, word(bytes(16), nothing, late_ms))
    assert stored_time.read(state, ROOT_PUBLIC, NAME, 7) == late_ms
    bounds: list[int] = []
    worked(state, keys(7), trusted=bounds.append)
    assert bounds == [late_ms]


@pytest.mark.parametrize("state_of_clock, always, bound_ms, trusted", [
    ("synchronised", False, 0, True), ("rtc", False, 0, True), ("unknown", False, 0, False), ("unknown", True, 0, True),
    ("synchronised", True, 2 * FROM_MS, False),
])  # fmt: skip
def test_the_agents_clock_is_trusted_when_set_and_not_before_the_bound(
    monkeypatch: pytest.MonkeyPatch, state_of_clock: str, always: bool, bound_ms: int, trusted: bool
) -> None:
    monkeypatch.setattr(system_clock, "wall_ms", lambda: FROM_MS)
    monkeypatch.setattr(system_clock, "clock_state", lambda: state_of_clock)
    assert trusted_ms(bound_ms, always=always) == (FROM_MS if trusted else None)


def test_who_floods_the_agent_does_not_fill_its_log(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    uplink = worked(state, *[Arrived(RECEIPTS, b"nonsense", retained=False, handle=(0, 0))] * 20)
    assert uplink.counters["refused_messages"] == 20
    told = [line for line in caplog.messages if "refused a message on" in line]
    assert [line.split("number ")[1].split()[0] for line in told] == ["1", "2", "4", "8", "16"]
