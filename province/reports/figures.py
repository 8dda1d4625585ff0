"""Figures that no scanner knows, as somebody typed or imported them: kept with who said it and when, and never written over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import insert, select

from province.base.errors import NotAProvince
from province.store.opened import Connection
from province.store.report_tables import report_figure as table

_WHOLE = re.compile(r"[0-9]{1,12}|[0-9]{1,3}(?:[., \u00a0][0-9]{3}){1,3}")
MOST = 1_000_000_000


class Figure(StrEnum):
    """What is said."""

    POPULATION = "population"  # dân số
    APP_INSTALLS = "app-installs"  # số người đã cài đặt Bluezone
    OFFICIALS = "officials"  # cán bộ, công chức, viên chức, người lao động
    PLACES = "places"  # how many places of a unit must have a code


class About(StrEnum):
    """Of what it is said."""

    UNIT = "unit"
    ORGANISATION = "organisation"
    SITE = "site"


OF = {
    About.UNIT: (Figure.POPULATION, Figure.APP_INSTALLS, Figure.PLACES),
    About.ORGANISATION: (Figure.APP_INSTALLS, Figure.OFFICIALS),
    About.SITE: (Figure.APP_INSTALLS,),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A figure that somebody told.

    Attributes:
        subject: the id of the unit, organisation or site.
        day: from this day on it counts.
        value: 0 or more; None: what was said before is taken back.
        at_ms: when it was told, milliseconds since 1970 UTC.
        by: an account's id, or the user of the province's machine.
    """

    about: About
    subject: str
    figure: Figure
    day: date
    value: int | None
    at_ms: int
    by: str

    def __post_init__(self) -> None:
        if self.figure not in OF[self.about]:
            raise ValueError(f"{self.figure}: is not told of a {self.about}; allowed: {', '.join(OF[self.about])}")
        if self.value is not None and not 0 <= self.value <= MOST:
            raise ValueError(f"{self.figure}: must be 0 to {MOST}")


_WHOLE_OF = {About.UNIT: Figure.POPULATION, About.ORGANISATION: Figure.OFFICIALS}
Known = Mapping[tuple[About, str, Figure], int]


class TooMany(NotAProvince):
    """More people with the app than there are people; nothing is kept."""


def keep(connection: Connection, told: Sequence[Told]) -> None:
    """Adds figures, in the open transaction, held against all that is known there: on their day, and on each later day that was told of.

    Raises:
        TooMany: they cannot be beside the others; the transaction is to be rolled back.
    """
    connection.many(insert(table), [row_of(one) for one in told])
    for day in _days_from(connection, told):
        if wrong := above(known_on(connection, day), told):
            places = ", ".join(dict.fromkeys(f"{one.about} {one.subject}" for one in wrong))
            raise TooMany(f"nothing was kept: {places}: more people with the app than there are people, on {day}. Check both figures.")


def row_of(one: Told) -> dict[str, object]:
    """Its row."""
    return {
        "about": str(one.about), "subject": one.subject, "figure": str(one.figure), "day": one.day.isoformat(), "value": one.value,
        "at_ms": one.at_ms, "by_whom": one.by,
    }  # fmt: skip


def _days_from(connection: Connection, told: Sequence[Told]) -> list[date]:
    """The days on which something counts anew of what these are told of, from theirs on."""
    subjects = {(one.about, one.subject): one.day for one in told}
    days = {one.day for one in told}
    for row in connection.rows(select(table.c.about, table.c.subject, table.c.day).where(table.c.day > min(days).isoformat()).distinct()):
        day, since = date.fromisoformat(row["day"]), subjects.get((About(row["about"]), row["subject"]))
        if since is not None and day > since:
            days.add(day)
    return sorted(days)


def known_on(connection: Connection, day: date) -> dict[tuple[About, str, Figure], int]:
    """What counts on a day: of each figure the one for the latest day until then; of those for one day, what was told last."""
    query = select(table).where(table.c.day <= day.isoformat()).order_by(table.c.day, table.c.at_ms, table.c.id)
    found = {(About(row["about"]), row["subject"], Figure(row["figure"])): row["value"] for row in connection.rows(query)}
    return {key: value for key, value in found.items() if value is not None}


def above(known: Known, told: Iterable[Told]) -> list[Told]:
    """Of some figures those of which more people with the app are known than people, of the same place.

    Args:
        known: what counts on a day, these among it.
        told: what is to be kept.
    """
    return [
        one for one in told
        if (whole_of := _WHOLE_OF.get(one.about)) is not None
        and (part := known.get((one.about, one.subject, Figure.APP_INSTALLS))) is not None
        and (all_of_it := known.get((one.about, one.subject, whole_of))) is not None
        and part > all_of_it
    ]  # fmt: skip


def history(connection: Connection, about: About, subject: str) -> list[Told]:
    """All that was ever told of something, newest first."""
    query = select(table).where(table.c.about == str(about), table.c.subject == subject).order_by(table.c.at_ms.desc(), table.c.id.desc())
    return [
        Told(About(row["about"]), row["subject"], Figure(row["figure"]), date.fromisoformat(row["day"]), row["value"], row["at_ms"],
             row["by_whom"]) for row in connection.rows(query)
    ]  # fmt: skip


def whole(text: str) -> int:
    """A whole number as people type it, with or without a mark between thousands.

    Raises:
        ValueError: it is none, or above `MOST`.

    Example:
        >>> whole("1.500"), whole(" 12 000 "), whole("99,999")
        (1500, 12000, 99999)
        >>> whole("1.5")
        Traceback (most recent call last):
            ...
        ValueError: no whole number
    """
    if _WHOLE.fullmatch(text.strip()) is None or (number := int(re.sub(r"\D", "", text))) > MOST:
        raise ValueError("no whole number")
    return number
