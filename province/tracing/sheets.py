"""A case as a workbook: the case, its places, its contacts, and a sheet of notices for each district."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from province.base.clock import born
from province.base.errors import ProvinceError
from province.base.harmless import harmless
from province.tracing import gaps, notices
from province.tracing.desk import Report
from province.tracing.notices import Cell, local, minutes_of, notes_of_contact, notes_of_visit, shown
from province.tracing.timeline import numbered

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_TITLE_MOST = 31  # characters of a sheet's name, ECMA-376 part 1, 18.2.19
_NOT_IN_TITLES = re.compile(r"[\\/*?:\[\]]")
_WIDEST = 60
_FORMATS: Mapping[type, str] = {datetime: "dd/mm/yyyy hh:mm", date: "dd/mm/yyyy"}


def workbook(report: Report, said: Mapping[str, str]) -> bytes:
    """The XLSX file.

    Raises:
        ProvinceError: openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook  # noqa: PLC0415 - only who exports needs it

        from province.base.workbook import content  # noqa: PLC0415 - the same
    except ModuleNotFoundError as error:
        raise ProvinceError(f"a workbook needs {error.name}: install gate-scanner[province].") from None
    book = Workbook()
    first = book.active
    assert first is not None  # noqa: S101 - a new workbook has a sheet
    first.title = said["case"]
    _fill(first, [said["case"], str(report.case.id)], _facts(report, said))
    _fill(book.create_sheet(said["places"]), _place_headings(said), _places(report, said))
    _fill(book.create_sheet(said["contacts"]), _contact_headings(said), _contacts(report, said))
    told: dict[str, list[Sequence[Cell]]] = {}
    for row in notices.rows(report, said):
        told.setdefault(str(row[0]), []).append(row)
    names = {sheet.title.casefold() for sheet in book.worksheets}
    for district, rows in told.items():
        title = _title(district, names)
        names.add(title.casefold())
        _fill(book.create_sheet(title), notices.headings(said), rows)
    return content(book)


def facts(report: Report, said: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the case is about, one fact after the other."""
    details, person = report.case.details, report.movements.person.recorded
    found = [(said["opened"], shown(report.case.opened_ms))]
    if details is not None:
        found += [(said["open.reason"], details.reason), (said["opened.by"], report.officers[details.opened_by])]
        found += [(said["approved.by"], report.officers[details.approved_by])] if details.approved_by else []
    if person is not None:
        values = {
            "name": person.name, "number": person.id_number, "old": person.old_id, "birth": born(person.birth_date or ""),
            "phone": person.phone, "card": person.card_number,
        }  # fmt: skip
        found += [(said[key], value) for key, value in values.items() if value]
    low, high = report.movements.window_ms
    return [*found, (said["window"], f"{shown(low)} – {shown(high - 1)}")]


def stays_told(report: Report, said: Mapping[str, str]) -> str:
    """How many stays at how many places."""
    return said["stays"].format(count=len(report.movements.visits), places=len(numbered(report.movements.visits)))


def _facts(report: Report, said: Mapping[str, str]) -> list[Sequence[Cell]]:
    counts = [(said["places"], len(numbered(report.movements.visits))), (said["contacts"], len(report.contacts.found))]
    crowds = [
        ("", said["unnamed"].format(count=count, place=report.movements.about[place].name))
        for place, count in report.contacts.unnamed.items()
    ]
    missing = [("!", text) for text in gaps.told(report.gaps, said)]
    return [*facts(report, said), *missing, *counts, *crowds, ("", said["confidential"])]


def _place_headings(said: Mapping[str, str]) -> list[str]:
    keys = ("place", "address", "commune", "district", "gate", "trip", "from", "until", "minutes", "notes")
    return ["#", *(said[key] for key in keys)]


def _places(report: Report, said: Mapping[str, str]) -> Iterable[Sequence[Cell]]:
    numbers = numbered(report.movements.visits)
    for visit in report.movements.visits:
        about, stay = visit.about, visit.stay
        gates = ", ".join(dict.fromkeys(seen.gate for seen in visit.seen))
        yield [
            numbers[visit.place.org, visit.place.site], about.name, about.address, about.commune, about.district, gates, stay.trip or "",
            local(stay.begin_ms), local(stay.end_ms), minutes_of(stay), notes_of_visit(visit, said),
        ]  # fmt: skip


def _contact_headings(said: Mapping[str, str]) -> list[str]:
    keys = ("name", "number", "old", "birth", "phone", "card", "minutes.together", "first", "last", "met.at", "notes")
    return ["#", *(said[key] for key in keys)]


def _contacts(report: Report, said: Mapping[str, str]) -> Iterable[Sequence[Cell]]:
    about = report.movements.about
    for number, one in enumerate(report.contacts.found, 1):
        person = one.person
        where = ", ".join(dict.fromkeys(about[met.place].name for met in one.encounters))
        yield [
            number, person.name, person.id_number, person.old_id or "", _born(person.birth_date or ""), person.phone or "",
            person.card_number or "", one.minutes, local(one.encounters[0].begin_ms), local(max(met.end_ms for met in one.encounters)),
            where, notes_of_contact(one, said),
        ]  # fmt: skip


def _born(text: str) -> Cell:
    """A day as one, the rest of what codes tell of a birth as text."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def _title(district: str, taken: set[str]) -> str:
    plain = _NOT_IN_TITLES.sub(" ", district).strip("' ")[:_TITLE_MOST] or "-"
    title, number = plain, 2
    while title.casefold() in taken:
        ending = f" {number}"
        title, number = plain[: _TITLE_MOST - len(ending)] + ending, number + 1
    return title


def _fill(sheet: Worksheet, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill  # noqa: PLC0415 - as above
    from openpyxl.worksheet.properties import PageSetupProperties  # noqa: PLC0415 - the same

    widths = [len(each) for each in headings]
    sheet.append(list(headings))
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor="0B4A68")
        cell.alignment = Alignment(vertical="center", wrap_text=True)
    for row in rows:
        values = [harmless(each) if isinstance(each, str) else each for each in row]
        sheet.append(values)
        for place, each in enumerate(values, 1):
            if (form := _FORMATS.get(type(each))) is not None:
                sheet.cell(sheet.max_row, place).number_format = form
        widths = [max(width, len(_FORMATS.get(type(each), str(each)))) for width, each in zip(widths, values, strict=True)]
    for column, width in zip(sheet.columns, widths, strict=True):
        sheet.column_dimensions[column[0].column_letter].width = min(width, _WIDEST) + 3  # type: ignore[union-attr]  # no merged cells here
    sheet.freeze_panes = "A2"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
