"""What each district is told: which of its places the case was at and when, and who was there with them. As rows, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from edge_agent.wire.entry import Method, RecordedPerson
from edge_agent.wire.keyring import VIETNAM
from province.base.harmless import harmless
from province.tracing import gaps
from province.tracing.contacts import Contact, Encounter
from province.tracing.desk import Report
from province.tracing.places import About
from province.tracing.rules import MINUTE_MS
from province.tracing.stays import Stay
from province.tracing.trace import Visit

Cell = str | int | datetime | date
_AS_SHOWN = "%d/%m/%Y %H:%M"


@dataclass(frozen=True, slots=True)
class Notice:
    """Somebody a district is to tell.

    Attributes:
        minutes: together at this place at this time.
    """

    about: About
    begin_ms: int
    end_ms: int
    minutes: int
    person: RecordedPerson = field(repr=False)
    notes: str


def by_district(report: Report, said: Mapping[str, str]) -> dict[str, list[Notice]]:
    """Each district's notices, in order of place and time; what no district is known of, last."""
    found: dict[str, list[Notice]] = {}
    about = report.movements.about
    for contact in report.contacts.found:
        for met in contact.encounters:
            minutes = -(-(met.end_ms - met.begin_ms) // MINUTE_MS)
            one = Notice(about[met.place], met.begin_ms, met.end_ms, minutes, contact.person, notes(met, said))
            found.setdefault(about[met.place].district or said["elsewhere"], []).append(one)
    last = said["elsewhere"]
    return {
        district: sorted(found[district], key=lambda one: (one.about.name, one.begin_ms, one.person.name))
        for district in sorted(found, key=lambda district: (district == last, district))
    }


def headings(said: Mapping[str, str]) -> list[str]:
    """Of the rows."""
    keys = ("district", "commune", "place", "address", "from", "until", "minutes.together", "name", "number", "phone", "notes")
    return [said[key] for key in keys]


def rows(report: Report, said: Mapping[str, str]) -> Iterator[list[Cell]]:
    """A district, place and person a row, times and numbers as such."""
    for district, told in by_district(report, said).items():
        for one in told:
            person = one.person
            yield [
                district, one.about.commune, one.about.name, one.about.address, local(one.begin_ms), local(one.end_ms), one.minutes,
                person.name, person.id_number, person.phone or "", one.notes,
            ]  # fmt: skip


def as_csv(report: Report, said: Mapping[str, str]) -> bytes:
    """UTF-8 with a mark, as spreadsheets want it; nothing in it is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(headings(said))
    writer.writerows([_text(each) for each in row] for row in rows(report, said))
    width = len(headings(said))
    writer.writerows(["!", *[""] * (width - 2), harmless(text)] for text in gaps.told(report.gaps, said))  # in the notes' column
    return text.getvalue().encode("utf-8-sig")


def _text(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return f"{cell:{_AS_SHOWN}}"
    return harmless(cell) if isinstance(cell, str) else str(cell)


def shown(at_ms: int) -> str:
    """A time as people in Vietnam write it, to the minute.

    Example:
        >>> shown(1_633_366_800_000)
        '05/10/2021 00:00'
    """
    return f"{local(at_ms):{_AS_SHOWN}}"


def local(at_ms: int) -> datetime:
    """A time as clocks in Vietnam show it, to the minute, for a cell of a workbook: those know no zones.

    Example:
        >>> local(1_633_366_859_999)
        datetime.datetime(2021, 10, 5, 0, 0)
    """
    at = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)).astimezone(VIETNAM)
    return at.replace(second=0, microsecond=0, tzinfo=None)


def notes(met: Encounter, said: Mapping[str, str]) -> str:
    """What must be known of an encounter."""
    flags = {
        "assumed": met.is_assumed, "unsure": met.is_unsure, "forked": met.mine.is_forked or met.theirs.is_forked,
        "paper": Method.PAPER in met.methods, "checkin": Method.SELF in met.methods,
    }  # fmt: skip
    return ", ".join(said[key] for key, holds in flags.items() if holds)


def notes_of_contact(contact: Contact, said: Mapping[str, str]) -> str:
    """What must be known of a contact: each thing once."""
    each = [part for met in contact.encounters for part in notes(met, said).split(", ") if part]
    return ", ".join(dict.fromkeys(each))


def notes_of_visit(visit: Visit, said: Mapping[str, str]) -> str:
    """What must be known of a stay."""
    stay = visit.stay
    methods = {seen.body.method for seen in visit.seen}
    flags = {
        "assumed.begin": stay.entered is None, "assumed.end": stay.left is None, "unsure": stay.is_unsure, "forked": stay.is_forked,
        "paper": Method.PAPER in methods, "checkin": Method.SELF in methods,
    }  # fmt: skip
    return ", ".join(said[key] for key, holds in flags.items() if holds)


def minutes_of(stay: Stay) -> int:
    """How long a stay is, begun minutes counted whole."""
    return -(-(stay.end_ms - stay.begin_ms) // MINUTE_MS)
