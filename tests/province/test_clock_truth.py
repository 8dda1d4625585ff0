"""When something happened although the scanner did not know: against a simulated truth, in whatever order entries arrive."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from old_province import arrive, here, rows
from province_world import ANYONE, Log, Scanner, founded, passage, scanner

from edge_agent.wire.entry import Clock, Header, Kind, RecordedPerson
from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import views
from province.records.clock_truth import AHEAD_MS, Moment, corrected
from province.store import database

HOUR_MS = 3_600_000
brief = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class World:
    layout: Layout
    device: Scanner


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("clocks")
    layout = founded(folder / "province")
    return World(layout, scanner(layout, folder))


@dataclass(frozen=True)
class Happening:
    """Something a device records, `minute` minutes after its boot."""

    minute: int
    clock: Clock
    kind: Kind


def made(world: World, log: Log, boot: bytes, booted_ms: int, what: Happening, rtc_error_ms: int = 0) -> bytes:
    """The entry: a clock that is not known says 1970 and the time since boot, a battery clock may be off."""
    true_ms = booted_ms + what.minute * 60_000
    claims = {Clock.UNKNOWN: what.minute * 60_000, Clock.RTC: true_ms + rtc_error_ms, Clock.SYNCHRONISED: true_ms}

    def change(header: Header) -> Header:
        return replace(header, boot=boot, boottime_ms=what.minute * 60_000, wall_ms=claims[what.clock], clock=what.clock)

    key = world.device.keyring.key_for(day_of(now_ms()))
    return log.append(passage() if what.kind is Kind.PASSAGE else None, key, what.kind, change=change)


def of_boot(layout: Layout, boot: bytes) -> list[dict[str, object]]:
    return sorted((row for row in rows(layout) if row["boot"] == boot), key=lambda row: row["seq"])  # type: ignore[arg-type, return-value]


TRUST = [Clock.UNKNOWN, Clock.RTC, Clock.SYNCHRONISED]
happenings = st.lists(
    st.builds(Happening, st.integers(0, 600), st.sampled_from(Clock), st.sampled_from([Kind.PASSAGE, Kind.PASSAGE, Kind.CLOCK])),
    max_size=12,
).map(lambda found: sorted(found, key=lambda what: what.minute))


@given(what=happenings, rtc_error_ms=st.integers(-HOUR_MS, 0), chance=st.randoms())
@brief
def test_a_boot_is_put_right_by_its_clock_entries_in_any_order_of_arrival(
    world: World, what: list[Happening], rtc_error_ms: int, chance: Random
) -> None:
    boot, log, booted_ms = secrets.token_bytes(16), Log.new(world.device), now_ms() - 20 * HOUR_MS
    envelopes = [made(world, log, boot, booted_ms, one, rtc_error_ms) for one in what]
    chance.shuffle(envelopes)
    arrive(world.layout, world.device, envelopes)
    witness = {one.clock for one in what if one.kind is Kind.CLOCK}
    for row, one in zip(of_boot(world.layout, boot), what, strict=True):
        true_ms = booted_ms + one.minute * 60_000
        claimed_ms = {Clock.UNKNOWN: one.minute * 60_000, Clock.RTC: true_ms + rtc_error_ms, Clock.SYNCHRONISED: true_ms}[one.clock]
        wanted = None  # the oracle: a better clock of the same boot knows; the best there is counts
        if Clock.SYNCHRONISED in witness and one.clock is not Clock.SYNCHRONISED:
            wanted = true_ms
        elif Clock.RTC in witness and one.clock is Clock.UNKNOWN:
            wanted = true_ms + rtc_error_ms
        assert (row["corrected_ms"], row["wall_ms"]) == (wanted, claimed_ms), "and the claim stays beside it"


@given(boots=st.lists(st.tuples(st.booleans(), st.integers(1, 4)), min_size=2, max_size=6), breaks=st.sets(st.integers(0, 5), max_size=2))
@brief
def test_boots_without_a_clock_stay_in_order_and_between_what_is_known(
    world: World, boots: list[tuple[bool, int]], breaks: set[int]
) -> None:
    person = replace(ANYONE, id_number=f"{secrets.randbelow(10**12):012}", old_id=None, phone=None)
    log, at_ms, true = Log.new(world.device), now_ms() - 20 * HOUR_MS, []
    envelopes = []
    for place, (knows, count) in enumerate(boots):
        boot, booted_ms = secrets.token_bytes(16), at_ms
        before = None
        if place in breaks and place:
            before, log = log.head, Log.new(world.device)
        for minute in range(count):
            what = Happening(minute, Clock.SYNCHRONISED if knows else Clock.UNKNOWN, Kind.PASSAGE)
            envelopes.append(made_with(world, log, boot, booted_ms, what, person, before))
            true.append((log.log, log.seq, booted_ms + minute * 60_000))
            before = None
        at_ms = booted_ms + count * 60_000 + 60_000
    arrive(world.layout, world.device, envelopes)
    with closing(database.connect(world.layout.register)) as connection:
        found = views.find(connection, Keystore(world.layout.keystore), person.id_number)
    assert len(found) == len(true)
    where = {(log_id, seq): true_ms for log_id, seq, true_ms in true}
    for one in found:
        true_ms = where[one.log, one.seq]
        assert (one.when.not_before_ms or 0) <= true_ms <= (one.when.not_after_ms or 0)
        assert one.when.at_ms in (None, true_ms)
    for log_id in {one.log for one in found}:
        assert [one.seq for one in found if one.log == log_id] == [seq for each, seq, _ in true if each == log_id]
    if not breaks:
        assert [(one.log, one.seq) for one in found] == [(log_id, seq) for log_id, seq, _ in true]


def made_with(world: World, log: Log, boot: bytes, booted_ms: int, what: Happening, person: RecordedPerson, before: object) -> bytes:
    true_ms = booted_ms + what.minute * 60_000

    def change(header: Header) -> Header:
        wall_ms = true_ms if what.clock is Clock.SYNCHRONISED else what.minute * 60_000
        return replace(header, boot=boot, boottime_ms=what.minute * 60_000, wall_ms=wall_ms, clock=what.clock, predecessor=before)  # type: ignore[arg-type]

    return log.append(passage(person), world.device.keyring.key_for(day_of(now_ms())), change=change)


def test_a_clock_entry_of_another_boot_or_device_puts_nothing_right(world: World, tmp_path: Path) -> None:
    boot, booted_ms = secrets.token_bytes(16), now_ms() - HOUR_MS
    blind = Happening(1, Clock.UNKNOWN, Kind.PASSAGE)
    knows = Happening(2, Clock.SYNCHRONISED, Kind.CLOCK)
    other = replace(world, device=scanner(world.layout, tmp_path, f"other-{secrets.token_hex(4)}"))
    mine, theirs = Log.new(world.device), Log.new(other.device)
    arrive(world.layout, world.device, [made(world, mine, boot, booted_ms, blind)])
    arrive(world.layout, other.device, [made(other, theirs, boot, booted_ms, knows)])
    arrive(world.layout, world.device, [made(world, mine, secrets.token_bytes(16), booted_ms, knows)])
    assert [row["corrected_ms"] for row in of_boot(world.layout, boot)] == [None, None]


def moments(clock: Clock, at_ms: int, since_boot_ms: int, arrived_ms: int = 10**13) -> Moment:
    return Moment(at_ms, since_boot_ms, clock, arrived_ms)


@pytest.mark.parametrize("witnesses", [
    [], [moments(Clock.UNKNOWN, 10**12, 5)], [moments(Clock.SYNCHRONISED, 10**13 + AHEAD_MS + 1, 5)],
    [moments(Clock.SYNCHRONISED, 10**13 + AHEAD_MS + 1, 2 * 10**9)],
    [moments(Clock.SYNCHRONISED, 10**12, 2 * 10**12)], [moments(Clock.SYNCHRONISED, 10**13, 0)],
])  # fmt: skip
def test_what_cannot_be_right_corrects_nothing(witnesses: Sequence[Moment]) -> None:
    """None at all; one that does not know itself; two from after they arrived, the second of which would date the entry believably; one
    that would put the entry before 1970 or after it came."""
    assert corrected(moments(Clock.UNKNOWN, 0, 10**9), witnesses) is None


def test_a_clock_that_is_ahead_of_ours_corrects_nothing_before_it_either() -> None:
    blind, arrived_ms = moments(Clock.UNKNOWN, 0, 0), 10**13
    assert corrected(blind, [moments(Clock.SYNCHRONISED, arrived_ms + AHEAD_MS, 10**9)]) == arrived_ms + AHEAD_MS - 10**9
    assert corrected(blind, [moments(Clock.SYNCHRONISED, arrived_ms + AHEAD_MS + 1, 10**9)]) is None


def test_many_clock_entries_of_one_boot_keep_nobody_waiting(world: World) -> None:
    boot, log, booted_ms = secrets.token_bytes(16), Log.new(world.device), now_ms() - 20 * HOUR_MS
    told = [Happening(minute, Clock.SYNCHRONISED, Kind.CLOCK) for minute in range(150)]
    arrive(
        world.layout, world.device, [made(world, log, boot, booted_ms, one) for one in [Happening(0, Clock.UNKNOWN, Kind.PASSAGE), *told]]
    )
    assert of_boot(world.layout, boot)[0]["corrected_ms"] == booted_ms


def test_the_corrected_time_is_shown_and_doubt_is_said(world: World) -> None:
    boot, log, booted_ms = secrets.token_bytes(16), Log.new(world.device), now_ms() - HOUR_MS
    blind = Happening(0, Clock.UNKNOWN, Kind.PASSAGE)
    arrive(world.layout, world.device, [made(world, log, boot, booted_ms, blind)])
    words = ("entries", world.layout.root, "--limit", 1)
    assert here(*words).stdout.splitlines()[-1].startswith("1970-01-01 07:00:00 ?")
    arrive(world.layout, world.device, [made(world, log, boot, booted_ms, Happening(1, Clock.SYNCHRONISED, Kind.CLOCK))])
    assert here(*words).stdout.splitlines()[-1].startswith(day_of(booted_ms).isoformat())
    assert " ? " not in here(*words).stdout.splitlines()[-1]
