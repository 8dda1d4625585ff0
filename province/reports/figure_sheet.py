"""Reads figures from a table that somebody filled in, CSV or XLSX: a line for each unit, organisation or site, a column for each figure.

The forms' own headings are understood too, so that a form that was filled in can be read back. All or nothing: every wrong cell is told.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from province.base.errors import NotAProvince
from province.base.tables import Bounds, Row, tables
from province.reports.figures import MOST, OF, About, Figure, whole

_BOUNDS = Bounds(bytes=4 * 2**20, unpacked=64 * 2**20, rows=20_000, columns=20)
_TOLD_MOST = 20
_HEADINGS: Mapping[str, About | Figure | None] = {
    **{str(one): one for one in (*About, *Figure)},
    "xã, phường, thị trấn": About.UNIT, "tên cơ quan": About.ORGANISATION, "dân số": Figure.POPULATION,
    "số người cài đặt bluezone": Figure.APP_INSTALLS, "số người đã cài đặt bluezone": Figure.APP_INSTALLS,
    "tên cơ quan và các đơn vị trực thuộc": About.ORGANISATION,
}  # fmt: skip
_OR_ALSO = {About.ORGANISATION: (About.ORGANISATION, About.SITE)}
Read = tuple[About, str, Figure, int]


def read(path: Path, known: Mapping[About, Mapping[str, str]]) -> list[Read]:
    """The figures of a file; empty cells say nothing.

    Args:
        path: .csv (UTF-8) or .xlsx, of which the first sheet counts, with one table or several, each after its line of headings.
        known: names by id of what there may be figures of; a line may name it by either.

    Raises:
        NotAProvince: it cannot be read, or something in it is wrong: row, column, and what is allowed, of all at once.
    """
    reading = _Reading(path, known)
    with closing(tables(path, _BOUNDS)) as sheets:
        _title, rows = next(sheets, ("", iter(())))
        for row in rows:
            reading.row(row)
    reading.finish()
    return reading.found


class _Reading:
    """A file on its way, with the headings of the table that is being read."""

    def __init__(self, path: Path, known: Mapping[About, Mapping[str, str]]) -> None:
        self._path = path
        self._ids = {about: set(names) for about, names in known.items()}
        self._named: dict[About, dict[str, list[str]]] = {about: {} for about in known}
        for about, names in known.items():
            for id_, name in names.items():
                self._named[about].setdefault(_plain(name), []).append(id_)
        self._columns: Sequence[About | Figure | None] = ()
        self.found: list[Read] = []
        self._wrong: list[str] = []

    def row(self, row: Row) -> None:
        number = row.number
        if _is_heading(row.cells):
            self._columns = [_HEADINGS.get(_plain(cell)) for cell in row.cells]
            return
        cells = list(zip(self._columns, row.cells, strict=False))
        about, who = next(((column, cell) for column, cell in cells if isinstance(column, About)), (None, ""))
        told = [(column, cell) for column, cell in cells if isinstance(column, Figure) and cell]
        if about is None or not who or _plain(who) == "tổng" or not told:
            return
        if unfit := [(cells[at][0], why) for at, why in row.unfit.items() if at < len(cells) and cells[at][0] is not None]:
            values = ((column, "" if why.value is None else f" {why.value!r}", why.said) for column, why in unfit)
            self._wrong += [f"row {number}: {column}{value}: {said}" for column, value, said in values]
            return
        # the forms have places among organisations
        found = [(one, id_) for one in _OR_ALSO.get(about, (about,)) for id_ in self._meant(one, who)]
        if len(found) != 1:
            self._wrong.append(f"row {number}: {about} {who[:60]!r}: {'more than one' if found else 'no such'}; give its id")
            return
        for figure, cell in told:
            self._cell(number, *found[0], figure, cell)

    def _meant(self, about: About, who: str) -> Sequence[str]:
        return [who] if who in self._ids[about] else self._named[about].get(_plain(who), [])

    def _cell(self, number: int, about: About, id_: str, figure: Figure, cell: str) -> None:
        if figure not in OF[about]:
            self._wrong.append(f"row {number}: {figure}: is not told of a {about}; allowed: {', '.join(OF[about])}")
            return
        try:
            self.found.append((about, id_, figure, whole(cell)))
        except ValueError:
            self._wrong.append(f"row {number}: {figure} {cell[:30]!r}: must be a whole number from 0 to {MOST}")

    def finish(self) -> None:
        if not self._columns:
            allowed = ", ".join(key for key, value in _HEADINGS.items() if value is not None)
            raise NotAProvince(f"{self._path}: has no line of headings: one of {', '.join(About)}, and figures. Headings: {allowed}.")
        if self._wrong:
            more = f"\n… and {len(self._wrong) - _TOLD_MOST} more" if len(self._wrong) > _TOLD_MOST else ""
            raise NotAProvince(f"{self._path}: nothing was kept:\n" + "\n".join(self._wrong[:_TOLD_MOST]) + more)


def _is_heading(row: Sequence[str]) -> bool:
    meant = [_HEADINGS.get(_plain(cell)) for cell in row]
    return any(isinstance(one, About) for one in meant) and any(isinstance(one, Figure) for one in meant)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
