"""A certificate against the truth: scanners with wrong battery clocks, several boots and logs, lost outboxes, cloned cards."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from province_world import founded

from edge_agent.wire.entry import NO_PREVIOUS, Clock, Header, Kind, LogHead
from edge_agent.wire.keyring import day_of
from edge_agent.wire.receipt import Status
from edge_agent.wire.topics import DeviceName
from province.collecting.fate import Fate
from province.collecting.intake import Taken
from province.collecting.register import Register
from province.proof import certificate
from province.proof.proving import DayVerdict, Flaw, judge
from province.store import database
from province.store.opened import Connection

DAY_MS = 86_400_000
FIRST_MS = 1_633_400_000_000  # 2021-10-05, Vietnam time
DAYS = 8
_numbers = itertools.count(1)


def day(number: int) -> str:
    return day_of(FIRST_MS + number * DAY_MS).isoformat()


@dataclass(frozen=True)
class Made:
    """An entry and the truth about it: when it was made in the order of all, on which day, by which card."""

    header: Header
    hash: bytes
    turn: int
    true_day: int
    card: int
    cloned: bool

    @property
    def place(self) -> tuple[bytes, int]:
        return self.header.log, self.header.seq


@dataclass
class Card:
    """A card as it stands: what it writes next, and how many days its battery clock is off."""

    number: int
    head: LogHead
    off_days: int = 0
    predecessor: LogHead | None = None


@dataclass
class History:
    """What happens to a scanner; a second card is a copy of the first."""

    name: DeviceName
    made: list[Made] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    today: int = 0

    def record(self, card: Card, clock: Clock) -> Made:
        off = card.off_days if clock is Clock.RTC else 0
        wall_ms = 5 if clock is Clock.UNKNOWN else FIRST_MS + (self.today + off) * DAY_MS + len(self.made) * 1000
        log, seq = card.head.log, card.head.seq + 1
        header = Header(
            self.name, "Chợ", "Cổng", log, seq, card.head.hash, Kind.CLOCK if clock is Clock.SYNCHRONISED else Kind.EVENT,
            bytes([card.number] * 16), wall_ms, 1000 * len(self.made), clock, "undated/0", card.predecessor if seq == 1 else None,
        )  # fmt: skip
        entry = Made(
            header, sha256(f"{self.name}{len(self.made)}".encode()).digest(), len(self.made), self.today, card.number, len(self.cards) > 1
        )
        card.head = LogHead(log, seq, entry.hash)
        self.made.append(entry)
        return entry

    def new_log(self, card: Card, *, named: bool) -> None:
        if card.head.seq > 0:
            card.predecessor = card.head if named else None
        elif not named:
            card.predecessor = None
        card.head = LogHead(sha256(f"{self.name}/{card.number}/{next(_numbers)}".encode()).digest()[:16], 0, NO_PREVIOUS)

    def act(self, which: int, what: str, days: int) -> None:
        card = self.cards[which % len(self.cards)]
        match what:
            case "next-day":
                self.today = min(DAYS - 1, self.today + abs(days))
            case "boot":
                card.off_days = days
            case "new-log" | "lost-outbox":
                self.new_log(card, named=what == "new-log")
            case "clone":
                if len(self.cards) == 1:
                    self.cards.append(replace(card, number=2))
            case _:
                self.record(card, Clock(what))


CLOCKS = [str(Clock.SYNCHRONISED)] * 4 + [str(Clock.RTC)] * 3 + [str(Clock.UNKNOWN)]
ORDINARY = [*CLOCKS, "next-day", "next-day", "next-day", "boot", "new-log"]


def histories(actions: Sequence[str]) -> st.SearchStrategy[History]:
    def tell(steps: list[tuple[int, str, int]]) -> History:
        history = told()
        for which, what, days in steps:
            history.act(which, what, days)
        return history

    return st.lists(steps(actions), min_size=1, max_size=22).map(tell)


def steps(actions: Sequence[str]) -> st.SearchStrategy[tuple[int, str, int]]:
    return st.tuples(st.integers(0, 1), st.sampled_from(actions), st.integers(-3, 3))


def cloned() -> st.SearchStrategy[History]:
    """One card until it is copied, then two that write in turns."""

    def tell(before: list[tuple[int, str, int]], after: list[tuple[int, str, int]]) -> History:
        history = told()
        for which, what, days in [*before, (0, "clone", 0), *after]:
            history.act(which, what, days)
        return history

    sure = [str(Clock.SYNCHRONISED)] * 3
    return st.builds(
        tell,
        st.lists(steps([*sure, "next-day", "new-log"]), min_size=1, max_size=5),
        st.lists(steps([*sure, *sure, str(Clock.UNKNOWN), *["next-day"] * 4, "new-log"]), min_size=4, max_size=14),
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return founded(tmp_path_factory.mktemp("proving") / "province").register


@pytest.fixture(scope="module")
def reading(path: Path) -> Iterator[Connection]:
    with closing(database.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        yield connection


def arrive(path: Path, entries: Sequence[Made]) -> None:
    """Registers entries in this order, kept under the day that their own clock says."""
    taken = [
        Taken(it.name, it.log, it.seq, it.prev, made.hash, it, b"", Fate(Status.EXPIRED, epoch_of(it)))
        for made in entries
        for it in [made.header]
    ]
    with Register(path) as register:
        register.store(taken, lambda: FIRST_MS + (DAYS + 4) * DAY_MS)


def epoch_of(header: Header) -> str | None:
    return None if header.clock is Clock.UNKNOWN else day_of(header.wall_ms).isoformat()


def verdicts(reading: Connection, history: History) -> list[DayVerdict]:
    logs = certificate.known_logs(reading, history.name)
    return [judge(logs, day(number)) for number in range(-3, DAYS + 4)]


def tells_of_two(arrived: Sequence[Made]) -> bool:
    """Whether anything that has come shows that two cards were writing."""
    at: dict[tuple[bytes, int], set[bytes]] = {}
    for one in arrived:
        at.setdefault(one.place, set()).add(one.hash)
    heads = [one.header.predecessor for one in arrived if one.header.predecessor is not None]
    return (
        any(len(hashes) > 1 for hashes in at.values())
        or any(at.get((one.header.log, one.header.seq - 1), {one.header.prev}) != {one.header.prev} for one in arrived)
        or len({head.log for head in heads}) < len(heads)
        or any(log == head.log and seq > head.seq for head in heads for log, seq in at)
        or any(at.get((head.log, head.seq), {head.hash}) != {head.hash} for head in heads)
    )


def traceless(entry: Made, arrived: Sequence[Made]) -> bool:
    """Whether nothing that has come can tell of this one: a deleted outbox before all that is known, or a second card nobody suspects."""
    traced = any(entry.header.log in (one.header.log, getattr(one.header.predecessor, "log", None)) for one in arrived)
    if not traced and not any(one.turn < entry.turn for one in arrived):
        return True
    writers = {one.card for one in arrived if one.cloned}
    return entry.cloned and bool(writers) and writers != {entry.card} and not tells_of_two(arrived)


def told(*steps: tuple[str, int]) -> History:
    """What happens to one card."""
    history = History(DeviceName("bus-co", f"scanner-{next(_numbers)}"))
    history.cards.append(Card(1, LogHead(sha256(str(history.name).encode()).digest()[:16], 0, NO_PREVIOUS)))
    for what, days in steps:
        history.act(0, what, days)
    return history


SET_BY_NETWORK, BATTERY = (str(Clock.SYNCHRONISED), 0), (str(Clock.RTC), 0)
AHEAD_FOR_A_BOOT = (SET_BY_NETWORK, ("boot", 3), BATTERY, SET_BY_NETWORK, SET_BY_NETWORK)


@pytest.mark.parametrize("came", [2, 3, 4])
def test_a_battery_clock_days_ahead_for_one_boot_ends_no_day(path: Path, reading: Connection, came: int) -> None:
    history = told(*AHEAD_FOR_A_BOOT)
    arrive(path, history.made[:came])
    found = [one for one in verdicts(reading, history) if one.begun]
    assert not any(one.whole for one in found)
    assert {finding.flaw for one in found for log in one.logs for finding in log.findings} == {Flaw.OPEN_END}


def test_once_a_sure_clock_has_gone_on_the_days_are_complete_and_what_was_misdated_hurts_none(path: Path, reading: Connection) -> None:
    history = told(*AHEAD_FOR_A_BOOT, ("next-day", 1), BATTERY, SET_BY_NETWORK, ("next-day", 3), SET_BY_NETWORK)
    arrive(path, history.made)
    assert {one.day for one in verdicts(reading, history) if one.whole} == {day(number) for number in range(4)}


def test_a_clock_set_wrong_by_the_network_is_a_finding(path: Path, reading: Connection) -> None:
    history = told(SET_BY_NETWORK, ("next-day", 3), SET_BY_NETWORK, SET_BY_NETWORK, ("next-day", 3), SET_BY_NETWORK)
    early = history.made[2]
    history.made[2] = replace(early, header=replace(early.header, wall_ms=FIRST_MS + DAY_MS))
    arrive(path, history.made)
    found = {one.day: {it.flaw for log in one.logs for it in log.findings} for one in verdicts(reading, history) if one.begun}
    assert [number for number in range(6) if found[day(number)] == {Flaw.CLOCK}] == [1, 2, 3]
    assert [number for number in range(6) if not found[day(number)]] == [0, 4, 5]


def test_where_two_cards_parted_is_not_guessed_over_a_gap(path: Path, reading: Connection) -> None:
    history = told(SET_BY_NETWORK, ("clone", 0), SET_BY_NETWORK, SET_BY_NETWORK, ("next-day", 1))
    for which, what in ((1, "synchronised"), (1, "new-log"), (0, "synchronised"), (1, "synchronised")):
        history.act(which, what, 0)
    arrive(path, [one for one in history.made if one.turn not in (1, 2)])
    assert not any(one.whole for one in verdicts(reading, history))


SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
@given(histories([*ORDINARY, *CLOCKS, "lost-outbox", "clone"]) | cloned() | cloned(), st.data())
def test_no_day_is_complete_while_an_entry_made_on_it_is_missing(
    path: Path, reading: Connection, history: History, data: st.DataObject
) -> None:
    left_out = data.draw(st.sets(st.integers(0, 21), max_size=8))
    arrived = data.draw(st.permutations([one for one in history.made if one.turn not in left_out]))
    arrive(path, arrived)
    kept = {one.hash for one in arrived}
    missing = {one.true_day for one in history.made if one.hash not in kept and not traceless(one, arrived)}
    whole = {verdict.day for verdict in verdicts(reading, history) if verdict.whole}
    assert not whole & {day(number) for number in missing}


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(histories(ORDINARY), st.randoms(use_true_random=False))
def test_when_all_has_come_each_day_between_the_first_and_the_last_sure_one_is_complete(
    path: Path, reading: Connection, history: History, chance: object
) -> None:
    arrived = list(history.made)
    chance.shuffle(arrived)  # type: ignore[attr-defined]
    arrive(path, arrived)
    sure = [one.true_day for one in history.made if one.header.clock is Clock.SYNCHRONISED]
    expected = {day(number) for number in range(min(sure), max(sure))} if sure else set()
    assert {verdict.day for verdict in verdicts(reading, history) if verdict.whole} == expected
