"""Which commands are refused: forged, expired, replayed, for others, with the wrong key, retained; each is counted, and nothing is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from errno import ENOSPC
from pathlib import Path

import pytest
from command_world import LOG, NONCE, NOW_MS, World, signed
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed_examples import FROM_MS, NAME, ROOT, ROOT_PUBLIC, TO_MS, officer, signing_key, thorough

from edge_agent.commands import command_store
from edge_agent.commands.command_store import FILE_NAME, MOST_WAITING, CommandStore
from edge_agent.device import taken
from edge_agent.device.documents import FILE_NAME as DOCUMENTS
from edge_agent.device.documents import Documents
from edge_agent.wire import command, cose, results
from edge_agent.wire.authority import Certificate, Officer, Power, certify
from edge_agent.wire.cbor import Malformed, encode
from edge_agent.wire.command import ARGUMENTS, LONGEST_LIFE_MS, POWER_OF, Action, Command
from edge_agent.wire.cose import Forged
from edge_agent.wire.results import Refusal, Result, State
from edge_agent.wire.topics import DeviceName

few = settings(deadline=None, max_examples=12)  # each example writes to the disk dozens of times
OTHER = DeviceName(NAME.org, "another")
COUNTERS = st.integers(1, 2**63 - 1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.firmware.close()


def scoped(org: str) -> Officer:
    """The root lets this key configure one organisation's devices."""
    key = signing_key(f"operator of {org}")
    return Officer(key, certify(Certificate(Power.CONFIGURE, key.public_key(), FROM_MS, TO_MS, org), ROOT))


def refusal(world: World, message: bytes, *, retained: bool = False) -> Refusal:
    desk = world.desk()
    desk.arrived(message, retained=retained)
    (counted,) = desk.counters
    assert desk.counters[counted] == 1
    assert not desk.do_next()
    assert sum(world.firmware.asked.values()) == 0
    return Refusal(counted.removeprefix("commands_refused_"))


def test_a_key_that_the_keyring_names_as_revoked_is_obeyed_no_more(world: World) -> None:
    waits = world.desk()
    waits.arrived(signed(Action.IDENTIFY), retained=False)
    world.revoked = {cose.key_id(officer(Power.IDENTIFY).key.public_key()).hex()}
    desk = world.desk()
    assert desk.do_next()
    assert [(each.state, each.reason) for each in world.final()] == []  # not told yet
    desk.look()
    assert [(each.state, each.reason) for each in world.final()] == [(State.FAILED, "revoked")]
    assert refusal(world, signed(Action.IDENTIFY, 2)) is Refusal.REVOKED
    assert world.sent[-1].reason == Refusal.REVOKED
    world.desk().arrived(signed(Action.OPEN), retained=False)  # another key
    assert world.sent[-1].state is State.ACCEPTED


def test_a_retained_command_is_refused(world: World) -> None:
    assert refusal(world, signed(Action.IDENTIFY), retained=True) is Refusal.RETAINED
    assert world.sent == []


@pytest.mark.parametrize("at", range(0, 400, 41))
def test_a_changed_command_is_forged(world: World, at: int) -> None:
    message = bytearray(signed(Action.RESTART_DEVICE))
    message[at % len(message)] ^= 1
    assert refusal(world, bytes(message)) is Refusal.FORGED
    assert world.sent == []


def test_one_for_another_device_is_refused(world: World) -> None:
    assert refusal(world, signed(Action.IDENTIFY, target=OTHER)) is Refusal.WRONG_TARGET
    assert world.sent == []


@pytest.mark.parametrize("power", set(Power) - set(command.POWERS))
def test_a_key_for_something_else_signs_no_command(world: World, power: Power) -> None:
    assert refusal(world, signed(Action.IDENTIFY, power=power)) is Refusal.FORGED


@pytest.mark.parametrize("power", command.POWERS)
@pytest.mark.parametrize("action", Action)
def test_each_action_needs_its_own_key(world: World, action: Action, power: Power) -> None:
    message = signed(action, power=power)
    if power is POWER_OF[action]:
        world.desk().arrived(message, retained=False)
        assert world.sent[-1].state is State.ACCEPTED
    else:
        assert refusal(world, message) is Refusal.WRONG_POWER
        assert (world.sent[-1].state, world.sent[-1].reason) == (State.REFUSED, "wrong-power")


def test_a_key_for_one_organisation_orders_no_other(world: World) -> None:
    order = Command(NAME, LOG, Action.OPEN, 1, NOW_MS, NOW_MS + 1000)
    assert refusal(world, command.issue(order, scoped("another-org"))) is Refusal.WRONG_POWER
    world.desk().arrived(command.issue(order, scoped(NAME.org)), retained=False)
    assert world.sent[-1].state is State.ACCEPTED


def test_one_for_another_log_is_refused(world: World) -> None:
    assert refusal(world, signed(Action.IDENTIFY, log=bytes(16))) is Refusal.WRONG_LOG
    assert world.sent[-1].reason == "wrong-log"


def test_what_this_version_does_not_know_is_said(world: World) -> None:
    assert refusal(world, signed("self-destruct")) is Refusal.UNKNOWN
    order = Command(NAME, LOG, Action.OPEN, 1, NOW_MS, NOW_MS + 1000)
    officer_ = officer(Power.CONFIGURE)
    with pytest.raises(ValueError, match="arguments"):
        command.issue(Command(NAME, LOG, Action.OPEN, 1, NOW_MS, NOW_MS + 1, ("wide",)), officer_)
    assert command.verify(command.issue(order, officer_), ROOT_PUBLIC).command == order


@pytest.mark.parametrize("times", [(NOW_MS + 600_001, FROM_MS), (None, NOW_MS + 600_001), (NOW_MS, NOW_MS + 600_001)])
def test_an_expired_one_is_refused_by_the_best_time_there_is(world: World, times: tuple[int | None, int]) -> None:
    world.times = times
    assert refusal(world, signed(Action.IDENTIFY, nonce=NONCE)) is Refusal.EXPIRED


def test_without_a_clock_only_what_answers_the_nonce_runs(world: World) -> None:
    world.times = (None, FROM_MS)
    assert refusal(world, signed(Action.IDENTIFY)) is Refusal.NO_CLOCK
    assert world.sent[-1].nonce == NONCE.hex()
    assert refusal(world, signed(Action.IDENTIFY, nonce=bytes(16))) is Refusal.NO_CLOCK
    desk = world.desk()
    desk.arrived(signed(Action.IDENTIFY, nonce=NONCE), retained=False)
    assert desk.do_next()
    assert world.firmware.asked["identify"] == 1


def test_what_waited_through_a_restart_without_a_clock_is_not_begun(world: World) -> None:
    world.times = (None, FROM_MS)
    world.desk().arrived(signed(Action.OPEN, nonce=NONCE), retained=False)
    later = world.desk(nonce=bytes(16))  # another boot
    assert later.do_next()
    later.look()
    assert (world.sent[-1].state, world.sent[-1].reason) == (State.FAILED, "expired")
    assert world.firmware.asked["open"] == 0


@given(st.lists(COUNTERS, max_size=6))
@few
def test_counters_only_rise(tmp_path_factory: pytest.TempPathFactory, counters: list[int]) -> None:
    world, highest = World(tmp_path_factory.mktemp("device")), 0
    try:
        desk = world.desk()
        for counter in counters:
            before = world.firmware.asked["identify"]
            desk.arrived(signed(Action.IDENTIFY, counter), retained=False)
            desk.do_next()
            assert world.firmware.asked["identify"] - before == (counter > highest)
            highest = max(highest, counter)
    finally:
        world.firmware.close()


def test_each_issuer_has_its_own_counter(world: World) -> None:
    desk = world.desk()
    desk.arrived(signed(Action.OPEN, 900), retained=False)
    desk.arrived(signed(Action.IDENTIFY, 1), retained=False)
    while desk.do_next():
        pass
    assert world.firmware.asked == {"open": 1, "identify": 1}


def test_the_same_counter_with_other_bytes_is_a_replay(world: World) -> None:
    world.desk().arrived(signed(Action.OPEN, 5), retained=False)
    desk = world.desk()
    desk.arrived(signed(Action.CLOSE, 5), retained=False)
    assert desk.counters == {"commands_refused_replayed": 1}
    assert world.sent[-1].reason == "replayed"


def test_too_many_at_once_are_refused_and_may_come_again(world: World) -> None:
    desk = world.desk()
    for counter in range(1, MOST_WAITING + 2):
        desk.arrived(signed(Action.OPEN, counter), retained=False)
    assert world.sent[-1].reason == "busy"
    while desk.do_next():
        pass
    desk.arrived(signed(Action.OPEN, MOST_WAITING + 1), retained=False)
    assert world.sent[-1].state is State.ACCEPTED


def test_the_store_stays_small(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_store, "MOST_DONE", 3)
    desk = world.desk()
    for counter in range(1, 8):
        desk.arrived(signed(Action.OPEN, counter), retained=False)
        desk.do_next()
        desk.look()
        desk.look()
    with closing(Documents(world.state, FILE_NAME)) as documents:
        stored = documents.get(command_store.DOCUMENT)
    assert stored is not None
    assert [kept["counter"] for kept in stored["commands"]] == [5, 6, 7]


@pytest.mark.parametrize("how", ["torn", "gone", "gone, of a release that noted nothing"])
def test_a_lost_store_asks_each_issuer_for_the_nonce(world: World, how: str) -> None:
    desk = world.desk()
    desk.arrived(signed(Action.OPEN, 5), retained=False)
    desk.do_next()
    if "noted nothing" in how:
        (world.state / DOCUMENTS).unlink()
        world.desk()
    for file in world.state.glob(f"{FILE_NAME}*"):
        file.write_bytes(b"torn") if how == "torn" else file.unlink()
    world.desk()
    desk = world.desk()  # lost it stays
    desk.arrived(signed(Action.OPEN, 5), retained=False)
    assert desk.counters == {"commands_refused_no-clock": 1}
    desk.arrived(signed(Action.OPEN, 6, nonce=NONCE), retained=False)
    assert world.sent[-1].state is State.ACCEPTED
    desk.arrived(signed(Action.OPEN, 7), retained=False)
    assert world.sent[-1].state is State.ACCEPTED


def test_a_new_device_is_none_that_has_lost_something_and_a_file_that_cannot_be_noted_takes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_state: Path) -> None:
        raise OSError(ENOSPC, "no room")

    world.desk()
    desk = world.desk()
    with monkeypatch.context() as patched:
        patched.setattr(taken, "note_commands", full)
        with pytest.raises(OSError, match="no room"):
            desk.arrived(signed(Action.OPEN, 5), retained=False)
    assert CommandStore(world.state).next() is None
    desk.arrived(signed(Action.OPEN, 5), retained=False)
    assert world.sent[-1].state is State.ACCEPTED


@given(
    action=st.sampled_from(Action), counter=COUNTERS, life_ms=st.integers(1, LONGEST_LIFE_MS),
    nonce=st.none() | st.binary(min_size=16, max_size=16),
    texts=st.lists(st.text("aợ0/ ", min_size=1, max_size=40), min_size=8, max_size=8),
)  # fmt: skip
@thorough
def test_what_is_issued_is_read_again(action: Action, counter: int, life_ms: int, nonce: bytes | None, texts: list[str]) -> None:
    arguments = tuple(texts[: ARGUMENTS.get(action, (0, 0))[1]])
    order = Command(NAME, LOG, action, counter, NOW_MS, NOW_MS + life_ms, arguments, nonce)
    read = command.verify(command.issue(order, officer(POWER_OF[action])), ROOT_PUBLIC, NOW_MS)
    assert (read.command, read.power, read.org) == (order, POWER_OF[action], None)


@given(
    st.dictionaries(
        st.integers(0, 12), st.integers() | st.text(max_size=5) | st.binary(max_size=16) | st.lists(st.text(max_size=3), max_size=3)
    )
)
@thorough
def test_anything_else_that_is_signed_is_malformed(fields: dict[int, object]) -> None:
    with pytest.raises((Malformed, Forged)):
        command.verify(officer(Power.CONFIGURE).sign(encode(fields), command.COMMAND), ROOT_PUBLIC)


@given(st.binary(max_size=300))
@thorough
def test_a_result_from_the_broker_is_one_or_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        results.decode(data)


@given(st.builds(
    Result, issuer=st.text(max_size=64), counter=st.integers(0, 2**63 - 1), action=st.text(max_size=40), state=st.sampled_from(State),
    reason=st.text(max_size=40), detail=st.text(max_size=2000), part=st.integers(0, 9), parts=st.integers(0, 9),
))  # fmt: skip
@thorough
def test_a_result_is_read_again(result: Result) -> None:
    assert results.decode(results.encode(result)) == result
