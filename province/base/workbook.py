"""Writes a workbook in memory: openpyxl's own `save` lays each sheet down unsealed in the machine's folder for temporary files."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook
from openpyxl.drawing.spreadsheet_drawing import SpreadsheetDrawing
from openpyxl.worksheet._write_only import WriteOnlyWorksheet
from openpyxl.worksheet._writer import WorksheetWriter
from openpyxl.writer.excel import ExcelWriter


def hold(sheet: WriteOnlyWorksheet) -> None:
    """Keeps the rows of a sheet of a write-only workbook in memory; to be called before its first row, after its columns are set."""
    writer = WorksheetWriter(sheet, out=BytesIO())
    writer.write_top()
    sheet._writer = writer  # type: ignore[attr-defined]  # noqa: SLF001 - it makes one of a file where it has none


def content(book: Workbook) -> bytes:
    """The XLSX file.

    Args:
        book: without pictures and diagrams; if write-only, with every sheet held.
    """
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        _Writer(book, archive).save()
    return made.getvalue()


class _Writer(ExcelWriter):
    """openpyxl's, with each sheet's text in memory."""

    def __init__(self, book: Workbook, archive: ZipFile) -> None:
        super().__init__(book, archive)
        self._into = archive

    def write_worksheet(self, ws: Any) -> None:
        """Writes a sheet, `Worksheet` or `WriteOnlyWorksheet`."""
        ws._drawing = SpreadsheetDrawing()  # noqa: SLF001 - what `save` looks for afterwards
        if isinstance(ws, WriteOnlyWorksheet):
            ws.close()
        else:
            ws._writer = WorksheetWriter(ws, out=BytesIO())  # noqa: SLF001
            ws._writer.write()  # noqa: SLF001
        text, ws._rels = ws._writer.out, ws._writer._rels  # noqa: SLF001
        if not isinstance(text, BytesIO):
            raise TypeError("a sheet was written to a file: hold() it before its first row.")
        self._into.writestr(ws.path[1:], text.getvalue())
        self.manifest.append(ws)
