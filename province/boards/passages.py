"""The passages of one place, newest first, a sheet at a time: only the rows of the sheet are opened.

A sheet goes on from a key, the time and number of the row at its edge, never from a count of rows: what comes meanwhile shifts nothing, and
the thousandth sheet costs what the first does. Every query asks for place and time, as the index `entry_by_site` has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select, union_all

from edge_agent.wire.entry import Direction, Kind, Known, Method, Passage, RecordedPerson
from edge_agent.wire.receipt import Status
from edge_agent.wire.topics import DeviceName
from firmware.person_codes.masking import mask_name, mask_number
from province.base.clock import born
from province.base.errors import NotAProvince
from province.keys.keystore import Keystore
from province.records.clock_truth import AHEAD_MS, When, best_ms, dated_ahead, when
from province.records.opened_rows import LookKeys, passage_of
from province.registry.site import Site
from province.registry.texts import CHECKIN
from province.store.opened import Connection, Row
from province.store.registry_tables import site
from province.store.schema import entry

EACH_SHEET = 50
_MOST_IN_DOUBT = 20
_KEY_PARTS = 2
_SHOWN = select(entry, dated_ahead.label("dated_ahead"), best_ms.label("best_ms"))
is_blind = and_(entry.c.clock == literal_column("'unknown'"), entry.c.corrected_ms.is_(None))  # nobody knows when it was
_PASSAGE = entry.c.kind == literal_column(f"'{Kind.PASSAGE}'")


@dataclass(frozen=True, slots=True)
class Place:
    """Whose entries a board shows, as entries name it: the organisation, and the place's name there; from a check-in page its id."""

    org: str
    site: str
    id: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, connection: Connection, one: Site) -> Self:
        """The place of a registered site.

        Raises:
            NotAProvince: another open site of the organisation has its name, as earlier releases allowed; entries do not tell which.
        """
        query = select(site.c.id).where(site.c.org == one.org, site.c.name == one.name, site.c.id != one.id, site.c.closed_ms.is_(None))
        if (other := connection.value(query)) is not None:
            raise NotAProvince(f"sites {one.id} and {other} of {one.org} have one name, so that neither has a board. Rename one of them.")
        return cls(one.org, one.name, one.id)

    def rows(self) -> ColumnElement[bool]:
        """The rows of its passages."""
        its = and_(entry.c.site == self.site, entry.c.org == self.org)
        if self.id is not None:
            its = and_(entry.c.site.in_([self.site, self.id]), or_(its, and_(entry.c.site == self.id, entry.c.org == CHECKIN)))
        return and_(its, _PASSAGE)


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Where a sheet ends: the best known time of a row, and its number.

    Example:
        >>> str(Key(1_633_366_800_000, 17)), Key.read("1633366800000.17"), Key.read("x")
        ('1633366800000.17', Key(at_ms=1633366800000, row_id=17), None)
    """

    at_ms: int
    row_id: int

    def __str__(self) -> str:
        return f"{self.at_ms}.{self.row_id}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """A key from its text, None when it is none."""
        parts = text.split(".")
        if len(parts) != _KEY_PARTS or not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in parts):
            return None
        return cls(int(parts[0]), int(parts[1]))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which passages: from one time (ms since 1970 UTC) until before another, at all gates or one, in all directions or one."""

    first_ms: int
    after_ms: int
    gate: str | None = None
    direction: Direction | None = None

    def rows(self, place: Place) -> ColumnElement[bool]:
        """The rows."""
        parts = [place.rows(), best_ms >= self.first_ms, best_ms < self.after_ms]
        if self.gate is not None:
            parts.append(entry.c.gate == self.gate)
        if self.direction is not None:
            parts.append(entry.c.direction == str(self.direction))
        return and_(*parts)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows, newest first, and the keys of the sheets before and after; None where there are none."""

    rows: Sequence[Row]
    newer: Key | None
    older: Key | None


def sheet(
    connection: Connection, place: Place, wanted: Wanted, *, before: Key | None = None, after: Key | None = None, limit: int = EACH_SHEET
) -> Sheet:
    """The newest rows, or those next to a key.

    Args:
        connection: the register.
        place: where.
        wanted: which.
        before: only rows older than this key.
        after: only rows newer than this key, those next to it; it goes before `before`.
        limit: at most so many.
    """
    query = _SHOWN.where(wanted.rows(place))
    if after is not None:
        newer = or_(best_ms > after.at_ms, and_(best_ms == after.at_ms, entry.c.id > after.row_id))
        query = query.where(best_ms >= after.at_ms, newer).order_by(best_ms, entry.c.id)
    else:
        if before is not None:
            older = or_(best_ms < before.at_ms, and_(best_ms == before.at_ms, entry.c.id < before.row_id))
            query = query.where(best_ms <= before.at_ms, older)
        query = query.order_by(best_ms.desc(), entry.c.id.desc())
    found = list(connection.rows(query.limit(limit + 1)))
    more, found = len(found) > limit, found[:limit]
    if after is not None:
        found.reverse()
    if not found:
        return Sheet((), None, None)
    first, last = _key(found[0]), _key(found[-1])
    if after is not None:
        return Sheet(found, first if more else None, last)
    return Sheet(found, first if before is not None else None, last if more else None)


def last_id(connection: Connection) -> int:
    """The number of the newest row of all places, 0 before the first."""
    return int(connection.value(select(func.coalesce(func.max(entry.c.id), 0))))


def has_new(connection: Connection, place: Place, after: int) -> bool:
    """Whether any row of the place came after one of this number; cheap where few rows did at all."""
    return connection.has(select(entry.c.id).where(entry.c.id > after, place.rows()).limit(1))


def latest_ms(connection: Connection, place: Place, since_ms: int, now_ms: int) -> int | None:
    """When somebody last passed since a time, milliseconds since 1970 UTC; None when nobody did."""
    known = Wanted(since_ms, now_ms + AHEAD_MS).rows(place)
    found = connection.value(select(best_ms).where(known).order_by(best_ms.desc()).limit(1))
    return None if found is None else int(found)


def _key(row: Row) -> Key:
    return Key(row["best_ms"], row["id"])


def in_doubt(connection: Connection, place: Place, floor_ms: int, since_ms: int, now_ms: int) -> Sequence[Row]:
    """Passages that came since `since_ms` and claim a time before every day that is kept, or after they came: no list of a day has them.

    Args:
        connection: the register.
        place: where.
        floor_ms: the start of the earliest day that is kept.
        since_ms: when they must have come.
        now_ms: the time.
    """
    came = entry.c.registered_ms >= since_ms
    ends = (best_ms < floor_ms, best_ms >= now_ms + AHEAD_MS)
    found = union_all(*(select(entry.c.id).where(place.rows(), came, end, _IS_DOUBTED) for end in ends)).subquery()
    return connection.rows(_SHOWN.where(entry.c.id.in_(select(found.c.id))).order_by(entry.c.id.desc()).limit(_MOST_IN_DOUBT))


_IS_DOUBTED = or_(is_blind, dated_ahead)


class Sight(Enum):
    """How much of a person is shown."""

    NOBODY = auto()  # counts alone
    MASKED = auto()  # as the health ministry masks
    FULL = auto()  # after a line in the audit log


class Untold(Enum):
    """Why nobody can say who passed."""

    ERASED = auto()
    HELD = auto()  # not opened yet
    GONE = auto()  # its day's keys are destroyed, missing or damaged


@dataclass(frozen=True, slots=True)
class Who:
    """A person as a board shows them. Its repr shows nothing.

    Attributes:
        name, number: masked, or whole.
        more: what else is known of them, by the name of the field, only with the full sight.
    """

    name: str = field(repr=False)
    number: str = field(repr=False)
    more: Sequence[tuple[str, str]] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """One passage on a board.

    Attributes:
        who: the person, or why nobody can say.
        at: when it was, as far as it is known.
        claimed_ms: the time that the scanner says.
        known: how the direction is known; None where the row was not opened, like `method`.
        health: what the health pass came to, None when none was asked for.
        remarks: of the gate and of the code.
    """

    key: Key
    name: DeviceName
    gate: str
    direction: Direction | None
    trip: str | None
    at: When
    claimed_ms: int
    dated_ahead: bool
    who: Who | Untold
    known: Known | None = None
    method: Method | None = None
    health: str | None = None
    remarks: tuple[str, ...] = ()


def opened(connection: Connection, keystore: Keystore, rows: Sequence[Row], sight: Sight) -> list[Shown]:
    """Opens the rows of a sheet.

    Raises:
        KeystoreAway: the keystore cannot be read now.
    """
    keys = LookKeys(keystore)
    return [_shown(connection, row, passage_of(row, keys.get(row["epoch"])) if _may_open(row) else None, sight) for row in rows]


def _may_open(row: Row) -> bool:
    return bool(row["status"] == Status.REGISTERED)


def _shown(connection: Connection, row: Row, body: Passage | None, sight: Sight) -> Shown:
    direction = None if row["direction"] is None else Direction(row["direction"])
    name = DeviceName(row["org"], row["device"])
    who = _untold(row) if body is None else _who(body.person, sight)
    about = Shown(
        _key(row), name, row["gate"], direction, row["trip"], when(connection, row), row["wall_ms"], bool(row["dated_ahead"]), who
    )
    if body is None:
        return about
    return Shown(
        about.key, name, about.gate, direction, about.trip, about.at, about.claimed_ms, about.dated_ahead, who, body.known, body.method,
        body.health, body.warnings,
    )  # fmt: skip


def _untold(row: Row) -> Untold:
    if row["erased_ms"]:
        return Untold.ERASED
    return Untold.HELD if row["status"] == Status.HELD else Untold.GONE


def _who(person: RecordedPerson, sight: Sight) -> Who:
    if sight is not Sight.FULL:
        return Who(mask_name(person.name), mask_number(person.id_number))
    more = {field: getattr(person, field) for field in ("birth_date", "sex", "phone", "card_number", "old_id")}
    more["birth_date"] = born(person.birth_date or "")
    return Who(person.name, person.id_number, tuple((name, value) for name, value in more.items() if value))
