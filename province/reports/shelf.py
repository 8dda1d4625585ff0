"""Keeps the reports that were made, as they were made: what was told then can be read for ever, whatever has come since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sqlalchemy import ColumnElement, func, select

from province.base.errors import ProvinceError
from province.reports import form
from province.reports.form import Document
from province.store.opened import Connection
from province.store.report_tables import report as table
from province.store.report_tables import report_post as post

_MOST = 1000


class Kind(StrEnum):
    """Whose report it is."""

    UNIT = "unit"  # an organisation's form
    PROVINCE = "province"  # the roll-up
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Which:
    """Names a report.

    Attributes:
        subject: the organisation that reports; empty for the province.
        day: the last day it counts.
    """

    kind: Kind
    subject: str
    day: date


@dataclass(frozen=True, slots=True)
class Made:
    """A report that is kept.

    Attributes:
        made_ms: when it was made, milliseconds since 1970 UTC.
        due_ms: by when it had to be.
        sent: to how many addressees it went; `waiting`: to how many not yet; `unsure`: of how many nobody knows.
    """

    which: Which
    made_ms: int
    due_ms: int
    sent: int = 0
    waiting: int = 0
    unsure: int = 0

    @property
    def is_late(self) -> bool:
        """Whether it was made too late."""
        return self.made_ms > self.due_ms


class ReportDamaged(ProvinceError):
    """A report that was kept cannot be read."""


def put(connection: Connection, which: Which, document: Document, made_ms: int, due_ms: int, addressees: Iterable[str] = ()) -> bool:
    """Keeps a report and notes to whom it goes, in the open transaction; False where it is kept already, and stays as it is."""
    key = {"kind": str(which.kind), "subject": which.subject, "day": which.day.isoformat()}
    row = {**key, "made_ms": made_ms, "due_ms": due_ms, "content": form.pack(document)}
    if connection.execute(connection.insert(table).values(row).on_conflict_do_nothing()).rowcount == 0:
        return False
    posts = [{**key, "addressee": name, "tries": 0, "next_ms": made_ms} for name in addressees]
    if posts:
        connection.execute(connection.insert(post).on_conflict_do_nothing(), posts)
    return True


def read(connection: Connection, which: Which) -> tuple[Document, int] | None:
    """A report and when it was made; None where it is not kept.

    Raises:
        ReportDamaged: it cannot be read.
    """
    row = connection.row(select(table.c.content, table.c.made_ms).where(*_is(which)))
    if row is None:
        return None
    try:
        return form.unpack(row["content"]), row["made_ms"]
    except ValueError as error:
        raise ReportDamaged(
            f"report {which.kind} {which.subject} {which.day}: damaged ({error}). Put the register back from a backup."
        ) from None


def every(connection: Connection, subjects: Sequence[str] | None = None, most: int = 200) -> list[Made]:
    """The newest reports, the latest day first.

    Args:
        connection: the register.
        subjects: only those of these; None: all.
        most: so many.
    """
    query = select(table.c.kind, table.c.subject, table.c.day, table.c.made_ms, table.c.due_ms)
    if subjects is not None:
        query = query.where(table.c.subject.in_(subjects))
    rows = connection.rows(query.order_by(table.c.day.desc(), table.c.kind, table.c.subject).limit(min(most, _MOST)))
    first = min((row["day"] for row in rows), default="")
    states = _posts(connection, first)
    return [
        Made(
            Which(Kind(row["kind"]), row["subject"], date.fromisoformat(row["day"])), row["made_ms"], row["due_ms"],
            *states.get((row["kind"], row["subject"], row["day"]), (0, 0, 0)),
        )
        for row in rows
    ]  # fmt: skip


def _posts(connection: Connection, first: str) -> dict[tuple[str, str, str], tuple[int, int, int]]:
    key = post.c.kind, post.c.subject, post.c.day
    sent, trying = func.count(post.c.sent_ms), func.count(post.c.trying_ms)
    query = select(*key, func.count(), sent, trying).where(post.c.day >= first).group_by(*key)
    return {
        (kind, subject, day): (sent, total - trying, trying - sent)
        for kind, subject, day, total, sent, trying in connection.execute(query)
    }  # fmt: skip


def days_made(connection: Connection, kind: Kind, since: date) -> set[tuple[str, date]]:
    """Subject and day of the reports of a kind since a day."""
    query = select(table.c.subject, table.c.day).where(table.c.kind == str(kind), table.c.day >= since.isoformat())
    return {(row["subject"], date.fromisoformat(row["day"])) for row in connection.rows(query)}


def newest(connection: Connection, kind: Kind) -> date | None:
    """The last day of which there is a report of a kind."""
    found = connection.value(select(func.max(table.c.day)).where(table.c.kind == str(kind)))
    return None if found is None else date.fromisoformat(found)


def _is(which: Which) -> tuple[ColumnElement[bool], ...]:
    return table.c.kind == str(which.kind), table.c.subject == which.subject, table.c.day == which.day.isoformat()
