"""Makes units, organisations and sites of a table's rows; says of each cell that cannot be where it is and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from edge_agent.wire.keyring import VIETNAM
from province.registry import categories, places, site_codes
from province.registry.categories import Category
from province.registry.columns import COLUMNS, GATES_APART, Sheet
from province.registry.organisations import Organisation, Sector
from province.registry.sheets import Line
from province.registry.site import Site
from province.registry.texts import Fault, Faulty, tidy
from province.registry.units import Level, Unit

_Choice = TypeVar("_Choice", bound=StrEnum)
_LEVELS = {"tinh": Level.PROVINCE, "huyen": Level.DISTRICT, "xa": Level.COMMUNE, "phuong": Level.COMMUNE}
_CATEGORIES = {places.key(categories.named(one, language)): one for one in Category for language in ("vi", "en")}
_TIMES = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%d/%m/%Y %H:%M", "%H:%M %d/%m/%Y")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A cell that cannot be.

    Attributes:
        sheet: where it is.
        row: as spreadsheets count.
        column: its name.
        said: what is wrong, or what is allowed.
        value: what stands in it, where it helps to see it.
    """

    sheet: Sheet
    row: int
    column: str
    said: str
    value: str | None = None

    def __str__(self) -> str:
        value = "" if self.value is None else f" {self.value[:80]!r}"
        return f"{self.sheet}, row {self.row}, {self.column}{value}: {self.said}"


def of_fault(line: Line, fault: Fault) -> Wrong:
    """A fault of what a row says, at its cell."""
    return Wrong(line.sheet, line.row, "gates" if fault.field == "gate" else fault.field, fault.said, fault.value)


class Refused(Exception):
    """A row that is nothing; `wrongs` has all that is wrong with it."""

    def __init__(self, wrongs: Iterable[Wrong]) -> None:
        self.wrongs = tuple(wrongs)
        super().__init__()


class Cells:
    """One row while it is read: gathers what is wrong."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.wrongs = [Wrong(line.sheet, line.row, field, unfit.said, unfit.value) for field, unfit in sorted(line.unfit.items())]
        for column in COLUMNS[line.sheet]:
            if column.needed and column.field not in line.cells and column.field not in line.unfit:
                self._wrong(column.field, "is empty")

    def _wrong(self, field: str, said: str) -> None:
        self.wrongs.append(Wrong(self._line.sheet, self._line.row, field, said, self._line.cells.get(field)))

    def text(self, field: str) -> str:
        """What stands in a cell that must be there."""
        return tidy(self._line.cells.get(field, ""))

    def maybe(self, field: str, before: str | None = None) -> str | None:
        """What stands in a cell that may be empty; of a column that is not there, what was before."""
        if field not in self._line.columns:
            return before
        return tidy(self._line.cells[field]) if field in self._line.cells else None

    def choice(self, field: str, kind: type[_Choice], names: Mapping[str, _Choice], default: _Choice) -> _Choice:
        """One of several, by its value or a name for people."""
        text = self._line.cells.get(field)
        if text is None:
            return default
        try:
            return names.get(places.key(text)) or kind(text.strip().lower())
        except ValueError:
            self._wrong(field, f"must be one of {', '.join(kind)}")
            return default

    def at_ms(self, field: str, before: int | None) -> int | None:
        """A time, Vietnam's, in milliseconds since 1970 UTC."""
        text = self.maybe(field)
        if text is None:
            return before if field not in self._line.columns else None
        for form in _TIMES:
            try:
                return int(datetime.strptime(text, form).replace(tzinfo=VIETNAM).timestamp() * 1000)
            except (ValueError, OverflowError):
                continue
        self._wrong(field, "must be a date and time such as 2021-10-05 08:00 or 05/10/2021 08:00")
        return None


_Made = TypeVar("_Made")


def _made(cells: Cells, line: Line, make: Callable[[], _Made]) -> _Made:
    """What a row says, unless something is wrong with it.

    Raises:
        Refused: with everything that is.
    """
    told = {wrong.column for wrong in cells.wrongs}
    try:
        made = make()
    except Faulty as error:
        more = (of_fault(line, fault) for fault in error.faults)
        raise Refused((*cells.wrongs, *(wrong for wrong in more if wrong.column not in told))) from None
    if told:
        raise Refused(cells.wrongs)
    return made


def unit_of(line: Line, before: Unit | None) -> Unit:
    """The unit of a row; `before` is the registered one of its id.

    Raises:
        Refused: it cannot be.
    """
    cells = Cells(line)
    level = cells.choice("level", Level, _LEVELS, Level.COMMUNE)
    parent, closed_ms = (None, None) if before is None else (before.parent, before.closed_ms)
    parent = cells.maybe("parent", parent)
    return _made(cells, line, lambda: Unit(cells.text("id"), level, cells.text("name"), parent, closed_ms))


def organisation_of(line: Line, before: Organisation | None) -> Organisation:
    """The organisation of a row; `before` is the registered one of its id.

    Raises:
        Refused: it cannot be.
    """
    cells = Cells(line)
    there = before or Organisation("there", "-")
    sector = cells.choice("sector", Sector, {}, Sector.OTHER if "sector" in line.columns else there.sector)
    unit, parent = cells.maybe("unit", there.unit), cells.maybe("parent", there.parent)
    return _made(cells, line, lambda: Organisation(cells.text("id"), cells.text("name"), unit, parent, sector, there.closed_ms))


def gates_of(line: Line) -> tuple[str, ...]:
    """The gates that a site's row names itself."""
    return tuple(tidy(gate) for gate in line.cells.get("gates", "").split(GATES_APART) if gate.strip())


def site_of(line: Line, before: Site | None, gates: tuple[str, ...], now_ms: int) -> Site:
    """The site of a row.

    Args:
        line: the row.
        before: the registered site of its id, whose code and times of registration stay.
        gates: all its gates, also those of the gates' own sheet.
        now_ms: when a new one is registered.

    Raises:
        Refused: it cannot be.
    """
    cells = Cells(line)
    category = cells.choice("category", Category, _CATEGORIES, Category.OTHER)
    there = before or Site("there", "there", "-", category, "-", ("-",), registered_ms=now_ms, code=site_codes.new())
    fields = {name: cells.maybe(name, getattr(there, name)) for name in ("unit", "plate", "route", "monitored_by")}
    times = {f"{name}_ms": cells.at_ms(name, getattr(there, f"{name}_ms")) for name in ("begins", "ends")}
    texts = {name: cells.text(name) for name in ("id", "org", "name", "address")}
    return _made(cells, line, lambda: replace(there, **texts, **fields, **times, category=category, gates=gates))  # type: ignore[arg-type]
