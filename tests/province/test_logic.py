"""What must always hold of ledger, ranges, tokens and rows, whatever the order things arrive in."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from province_world import Log, founded, scanner

from edge_agent.wire.entry import NO_PREVIOUS, RecordedPerson
from edge_agent.wire.keyring import day_of
from edge_agent.wire.receipt import Range, Status
from edge_agent.wire.sealing import CannotOpen
from edge_agent.wire.topics import DeviceName, Leaf
from firmware.person_codes.masking import mask_name, mask_number
from province.base.clock import now_ms
from province.collecting import quarantine
from province.collecting.intake import Intake, Reason, Refused
from province.collecting.receipt_ranges import Outcome, build
from province.collecting.register import Register
from province.keys.identifiers import Identifier, token, tokens
from province.keys.keystore import Keystore
from province.keys.wrapping import identity, unwrap, wrap
from province.records import views
from province.records.ledger import BrokenLink, Span, gaps, merge
from province.store import database


def digest(seq: int, branch: str = "") -> bytes:
    return NO_PREVIOUS if seq == 0 else sha256(f"{branch}{seq}".encode()).digest()


def arrive(spans: list[Span], seq: int) -> list[Span]:
    """The ledger after one more entry, found as the register finds it."""
    left = max((span for span in spans if span.first <= seq), key=lambda span: span.first, default=None)
    right = min((span for span in spans if span.first > seq), key=lambda span: span.first, default=None)
    change = merge(left, right, Span(seq, digest(seq - 1), seq, digest(seq)))
    if change is None:
        return spans
    assert change.broken == ()
    return [span for span in spans if span not in change.removed] + [change.span]


@given(st.integers(1, 30).flatmap(lambda count: st.permutations(range(1, count + 1))))
def test_a_chain_in_any_order_ends_as_one_span(order: list[int]) -> None:
    spans: list[Span] = []
    for seq in order:
        spans = arrive(spans, seq)
    assert spans == [Span(1, NO_PREVIOUS, len(order), digest(len(order)))]


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(0, 50))
def test_gaps_are_exactly_what_has_not_arrived(arrived: list[int], announced: int) -> None:
    spans: list[Span] = []
    for seq in arrived:
        spans = arrive(spans, seq)
    missing = [seq for first, last in gaps(spans, announced) for seq in range(first, last + 1)]
    assert missing == [seq for seq in range(1, max([*arrived, announced]) + 1) if seq not in arrived]
    assert sum(span.last - span.first + 1 for span in spans) == len(set(arrived))


@given(st.integers(2, 20), st.data())
def test_a_link_that_does_not_hold_is_found_from_either_side(count: int, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(2, count))
    spans: list[Span] = []
    broken: list[BrokenLink] = []
    for seq in data.draw(st.permutations(range(1, count + 1))):
        left = max((span for span in spans if span.first <= seq), key=lambda span: span.first, default=None)
        right = min((span for span in spans if span.first > seq), key=lambda span: span.first, default=None)
        change = merge(left, right, Span(seq, digest(seq - 1, "other" if seq == wrong else ""), seq, digest(seq)))
        assert change is not None
        broken += change.broken
        spans = [span for span in spans if span not in change.removed] + [change.span]
    assert [link.seq for link in broken] == [wrong]
    assert sorted((span.first, span.last) for span in spans) == [(1, wrong - 1), (wrong, count)]


outcomes = st.builds(
    lambda seq, branch, status, forked: Outcome(seq, digest(seq - 1, branch), digest(seq, branch), status, None, forked),
    st.integers(1, 15), st.sampled_from(["", "clone"]), st.sampled_from(list(Status)[:2]), st.booleans(),
)  # fmt: skip


def chain_of(part: Range, known: dict[bytes, Outcome]) -> list[Outcome]:
    """What the hash of a range's last entry pins."""
    chain, name = [], part.last_hash
    for _ in range(part.first, part.last + 1):
        chain.append(known[name])
        name = chain[-1].prev
    return chain[::-1]


@given(st.lists(outcomes, max_size=40, unique_by=lambda item: item.hash), st.randoms())
def test_ranges_say_exactly_what_became_of_each_entry(given_outcomes: list[Outcome], chance: Random) -> None:
    ranges = build(given_outcomes)
    known = {item.hash: item for item in given_outcomes}
    pinned = [(item, part) for part in ranges for item in chain_of(part, known)]
    assert {item.hash for item, _ in pinned} == set(known)
    assert len(pinned) == len(known)
    assert all((item.status, item.forked) == (part.status, part.forked) for item, part in pinned)
    shuffled = given_outcomes * 2
    chance.shuffle(shuffled)
    assert build(shuffled) == ranges


@given(st.integers(1, 100))
def test_a_batch_that_is_one_chain_is_one_range(count: int) -> None:
    made = [Outcome(seq, digest(seq - 1), digest(seq), Status.REGISTERED) for seq in range(1, count + 1)]
    assert build(made) == [Range(1, count, digest(count), Status.REGISTERED)]


def test_a_person_has_another_token_each_day_and_for_each_kind() -> None:
    person = RecordedPerson("cccd", "001099012345", "NGUYEN VAN A", old_id="012345678", phone="+84 10 1234567")
    today, tomorrow = tokens(person, bytes(32)), tokens(person, b"\1" * 32)
    assert [kind for kind, _ in today] == [Identifier.ID_NUMBER, Identifier.OLD_ID, Identifier.PHONE]
    assert len({mark for _, mark in (*today, *tomorrow)}) == 6
    assert token(Identifier.PHONE, "010 123.4567", bytes(32)) in {mark for _, mark in today}


@pytest.mark.parametrize(
    "number, card_number, kinds",
    [
        ("012345678", None, [Identifier.OLD_ID]),
        ("B1234567", None, [Identifier.PASSPORT]),
        ("0100000001", "DN4010100000001", [Identifier.CARD_NUMBER]),
        ("001099012345", "001099012345", [Identifier.ID_NUMBER, Identifier.CARD_NUMBER]),
    ],
)
def test_a_number_has_one_token_by_its_form_whatever_code_carries_it(number: str, card_number: str | None, kinds: list[Identifier]) -> None:
    found = tokens(RecordedPerson("bhyt", number, "NGUYEN VAN A", card_number=card_number), bytes(32))
    assert [kind for kind, _ in found] == kinds
    assert {mark for _, mark in found} == {token(kind, number, bytes(32)) for kind in kinds}
    elsewhere = tokens(RecordedPerson("cccd", "001099012346", "NGUYEN VAN A", old_id="012345678", card_number="GD4990100000001"), bytes(32))
    shared = set(elsewhere) & set(found)
    assert bool(shared) == (number in ("012345678", "0100000001"))  # the old number; the insurance number under other letters


def test_a_number_that_is_partly_hidden_has_no_token() -> None:
    assert tokens(RecordedPerson("national", "0010990*****", "NGUYEN VAN A"), bytes(32)) == []


@given(st.text(max_size=60), st.text(alphabet="0123456789*", max_size=20))
def test_masks_never_show_the_last_word_nor_the_last_five_characters(name: str, number: str) -> None:
    assert mask_name(name).split()[:-1] == name.split()[:-1]
    assert mask_name(name).split()[-1] == "***"
    shown = mask_number(number).removesuffix("***").strip()
    assert number.startswith(shown)
    assert len(shown) <= max(0, len(number) - 5)


def test_a_row_opens_with_its_own_key_in_its_own_place_only() -> None:
    name = DeviceName("bus-co", "b1")
    row = identity(name, bytes(16), 1, bytes(32))
    closed = wrap(b"body", row, bytes(32))
    assert unwrap(closed, row, bytes(32)) == b"body"
    assert len(closed) == len(wrap(b"a longer body" * 10, row, bytes(32)))
    for other, key in ((identity(name, bytes(16), 2, bytes(32)), bytes(32)), (row, b"\1" * 32)):
        with pytest.raises(CannotOpen):
            unwrap(closed, other, key)


def test_quarantine_is_bounded_and_counts_what_it_dropped(tmp_path: Path) -> None:
    path = founded(tmp_path / "p").register
    with closing(database.connect(path)) as connection:
        for number in range(20):
            for _ in range(2):
                refused = Refused("t", number.to_bytes(), Reason.MALFORMED, "d" * 500)
                with database.transaction(connection, path):
                    quarantine.put_away(connection, refused, number, rows_most=8)
        assert [(count.reason, count.messages, count.times) for count in quarantine.counts(connection)] == [("malformed", 8, 16)]
        assert quarantine.dropped(connection) == 12
        assert [row["received_ms"] for row in quarantine.latest(connection, 2)] == [18, 19]


def put_away(path: Path, topic: str, first: int, count: int, rows_most: int, topic_most: int) -> None:
    with closing(database.connect(path)) as connection, database.transaction(connection, path):
        for number in range(first, first + count):
            refused = Refused(topic, number.to_bytes(4), Reason.FORGED, "")
            quarantine.put_away(connection, refused, number, rows_most, topic_most)


def kept(path: Path, topic: str) -> list[int]:
    with closing(database.connect(path)) as connection:
        return [row["received_ms"] for row in quarantine.latest(connection, 1000) if row["topic"] == topic]


def test_a_device_that_floods_the_quarantine_pushes_out_only_its_own(tmp_path: Path) -> None:
    path = founded(tmp_path / "p").register
    put_away(path, "quiet", 0, 3, rows_most=100, topic_most=10)
    put_away(path, "flood", 100, 50, rows_most=100, topic_most=10)
    assert kept(path, "flood") == list(range(140, 150))
    assert kept(path, "quiet") == [0, 1, 2]
    with closing(database.connect(path)) as connection:
        assert quarantine.dropped(connection) == 40


def test_when_many_devices_flood_the_quarantine_the_fullest_lose_first(tmp_path: Path) -> None:
    path = founded(tmp_path / "p").register
    put_away(path, "quiet", 0, 3, rows_most=12, topic_most=10)
    for flood in range(4):
        put_away(path, f"flood-{flood}", 100 * (flood + 1), 20, rows_most=12, topic_most=10)
    assert kept(path, "quiet") == [0, 1, 2]
    with closing(database.connect(path)) as connection:
        assert len(quarantine.latest(connection, 1000)) == 12
        assert quarantine.dropped(connection) == 71


def test_an_entry_cleared_from_the_register_is_not_taken_for_a_fork(tmp_path: Path) -> None:
    layout = founded(tmp_path / "p")
    device = scanner(layout, tmp_path)
    log = Log.new(device)
    made = [log.append() for _ in range(3)]
    with Register(layout.register) as register:
        topic = device.name.topic(Leaf.ENTRIES)
        intake = Intake(register.device, Keystore(layout.keystore).load, now_ms())
        register.store([intake.examine(topic, one) for one in made], now_ms)
        register._connection.execute("DELETE FROM entry")
        Keystore(layout.keystore).destroy(day_of(now_ms()), day_of(now_ms()) + timedelta(days=2))
        [again] = register.store([intake.examine(topic, made[1])], now_ms)
        assert not isinstance(again, Refused)
        assert (again.repeated, again.outcome.status, again.outcome.forked) == (True, Status.EXPIRED, False)
        [state] = views.logs(register._connection)
    assert (state.count, state.gaps, state.alerts) == (3, (), ())  # that they came, the ledger still says
