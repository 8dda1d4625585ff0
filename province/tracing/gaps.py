"""What is not in a trace: days whose keys are gone, entries that wait unopened, damaged passages, and check-ins like the case's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import bindparam, func, or_, select

from edge_agent.wire.entry import Kind
from edge_agent.wire.keyring import day_of
from province.keys.keystore import Keystore
from province.records.opened_rows import LookKeys
from province.registry import sites
from province.store.opened import Connection
from province.store.schema import IS_HELD, entry
from province.tracing.finding import Place

_OF_DAY = select(entry.c.id).where(entry.c.epoch == bindparam("of_day")).limit(1)
_HELD = (
    select(entry.c.org, entry.c.site, func.count())
    .where(IS_HELD, or_(entry.c.kind.is_(None), entry.c.kind == Kind.PASSAGE.value), entry.c.registered_ms >= bindparam("since_ms"))
    .group_by(entry.c.org, entry.c.site)
)


@dataclass(frozen=True, slots=True)
class Gaps:
    """What is not in a report.

    Attributes:
        days: of the window: past retention, or with keys that are missing or damaged.
        held: entries at the visited places that came since the window began and wait to be opened; who it was nobody knows.
        unopened: passages of the person, or of people who were there with them, that do not open.
        alike: check-ins by name and phone alone that may be the person's, by `finding.Person`.
    """

    days: tuple[date, ...] = ()
    held: int = 0
    unopened: int = 0
    alike: int = 0


def gaps(
    connection: Connection, keystore: Keystore, window_ms: tuple[int, int], visited: Iterable[Place], unopened: int, alike: int
) -> Gaps:
    """What could not be looked at, as it is now: asked last, it knows what retention took meanwhile.

    Args:
        connection: the register.
        keystore: the day keys.
        window_ms: first and one past the last millisecond.
        visited: the places of the case.
        unopened: passages that did not open.
        alike: check-ins that may be the person's.

    Raises:
        KeystoreAway: the keystore cannot be read.
    """
    return Gaps(_days(connection, keystore, window_ms), _held(connection, window_ms[0], visited), unopened, alike)


def _days(connection: Connection, keystore: Keystore, window_ms: tuple[int, int]) -> tuple[date, ...]:
    """Days without keys; of one that was not destroyed, only where the register has something of it."""
    keys, destroyed = LookKeys(keystore), frozenset(keystore.destroyed())
    first, last = day_of(window_ms[0]), day_of(window_ms[1] - 1)
    days = ((first + timedelta(days=number)) for number in range((last - first).days + 1))
    lacking = (day for day in days if keys.get(day.isoformat()) is None)
    return tuple(day for day in lacking if day.isoformat() in destroyed or connection.has(_OF_DAY, {"of_day": day.isoformat()}))


def _held(connection: Connection, since_ms: int, visited: Iterable[Place]) -> int:
    count = {(org, site): entries for org, site, entries in connection.execute(_HELD, {"since_ms": since_ms}).all()}
    if not count:
        return 0
    names = {name for place in set(visited) for name in sites.all_names_in_entries(connection, place.org, place.site)}
    return sum(count.get(name, 0) for name in names)


def told(found: Gaps, said: Mapping[str, str]) -> list[str]:
    """A sentence for each kind of gap, in the words of `tracing.words`."""
    sentences = [said["gap.days"].format(days=", ".join(_stretches(found.days)))] if found.days else []
    sentences += [said["gap.held"].format(count=found.held)] if found.held else []
    sentences += [said["gap.unopened"].format(count=found.unopened)] if found.unopened else []
    return sentences + ([said["gap.alike"].format(count=found.alike)] if found.alike else [])


def _stretches(days: Sequence[date]) -> list[str]:
    """Days in order, those without one between them as from and until.

    Example:
        >>> _stretches([date(2021, 10, 5), date(2021, 10, 6), date(2021, 10, 8)])
        ['05/10/2021–06/10/2021', '08/10/2021']
    """
    found: list[list[date]] = []
    for day in days:
        if found and day - found[-1][-1] == timedelta(days=1):
            found[-1].append(day)
        else:
            found.append([day])
    return [f"{one[0]:%d/%m/%Y}" if len(one) == 1 else f"{one[0]:%d/%m/%Y}–{one[-1]:%d/%m/%Y}" for one in found]
