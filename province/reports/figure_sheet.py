"""Reads figures from a table that somebody filled in, CSV or XLSX: a line for each unit, organisation or site, a column for each figure.

The forms' own headings are understood too, so that a form that was filled in can be read back. All or nothing: every wrong cell is told.
"""

from __future__ import annotations

import csv
import io
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from province.base.errors import NotAProvince
from province.reports.figures import MOST, OF, About, Figure, whole

_MOST_BYTES, _MOST_UNPACKED = 4 * 2**20, 64 * 2**20
_MOST_ROWS, _MOST_COLUMNS, _TOLD_MOST = 20_000, 20, 20
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
        path: .csv (UTF-8) or .xlsx, with one table or several, each after its line of headings.
        known: names by id of what there may be figures of; a line may name it by either.

    Raises:
        NotAProvince: it cannot be read, or something in it is wrong: row, column, and what is allowed, of all at once.
    """
    reading = _Reading(path, known)
    for number, row in _rows(path):
        reading.row(number, row)
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

    def row(self, number: int, row: Sequence[str]) -> None:
        if _is_heading(row):
            self._columns = [_HEADINGS.get(_plain(cell)) for cell in row]
            return
        cells = list(zip(self._columns, row, strict=False))
        about, who = next(((column, cell.strip()) for column, cell in cells if isinstance(column, About)), (None, ""))
        told = [(column, cell) for column, cell in cells if isinstance(column, Figure) and cell.strip()]
        if about is None or not who or _plain(who) == "tổng" or not told:
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


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        data = path.read_bytes() if path.stat().st_size <= _MOST_BYTES else None
    except OSError as error:
        raise NotAProvince(f"{path}: cannot be read ({error.strerror}).") from None
    if data is None:
        raise NotAProvince(f"{path}: more than {_MOST_BYTES >> 20} MB. Divide it.")
    rows = _of_workbook(path, data) if path.suffix.lower() == ".xlsx" else _of_text(path, data)
    for number, row in enumerate(rows, 1):
        if number > _MOST_ROWS:
            raise NotAProvince(f"{path}: more than {_MOST_ROWS} rows. Divide it.")
        yield number, row


def _of_text(path: Path, data: bytes) -> Iterator[list[str]]:
    try:
        text = data.decode("utf-8-sig")
        separator = max(",;\t", key=text.partition("\n")[0].count)
        yield from (row[:_MOST_COLUMNS] for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise NotAProvince(f"{path}: must be .xlsx, or CSV in UTF-8.") from None


def _of_workbook(path: Path, data: bytes) -> Iterator[list[str]]:
    import defusedxml  # noqa: F401, PLC0415 - openpyxl goes by it where it is there
    from openpyxl import load_workbook  # noqa: PLC0415 - only who imports a workbook needs it

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(part.file_size for part in packed.infolist()) > _MOST_UNPACKED:
                raise NotAProvince(f"{path}: unpacks to more than {_MOST_UNPACKED >> 20} MB. Divide it.")  # noqa: TRY301 - told below
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        yield from ([_text(cell) for cell in row] for row in sheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True))
    except NotAProvince:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises anything on a file that is none
        raise NotAProvince(f"{path}: not an XLSX file that can be read ({type(error).__name__}). Open it and save it anew.") from None


def _text(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell)
