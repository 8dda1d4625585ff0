"""A report as it is read, line by line and cell by cell; files of any kind are made of it, and it is what is kept. It names nobody."""

from __future__ import annotations

import zlib
from enum import StrEnum
from typing import TypeAlias

import msgspec

Cell: TypeAlias = str | int | None


class Style(StrEnum):
    """How a line of text is set."""

    APPENDIX = "appendix"  # which form it is: in the middle, bold
    SCOPE = "scope"  # for whom the form is: in the middle, in brackets
    TITLE = "title"  # in the middle, bold
    MOMENT = "moment"  # in the middle, italic
    ADDRESSEE = "addressee"  # in the middle
    HEADING = "heading"  # before a table
    PLAIN = "plain"
    PREPARER = "preparer"  # who made it: whoever prints it fills it in
    PHONE = "phone"
    NOTES = "notes"  # the word before the notes
    NOTE = "note"
    FAINT_NOTE = "faint-note"  # what it explains is italic, not bold
    STATE = "state"  # how the counts stood; not of the form, and set apart


class Paragraph(msgspec.Struct, frozen=True, tag="text"):
    """A line of text; `lead` is the part before `words` that stands out."""

    style: Style
    words: str
    lead: str = ""

    @property
    def whole(self) -> str:
        """All of its words."""
        return f"{self.lead}{self.words}"


class Kind(StrEnum):
    """What a line of a table is."""

    ROW = "row"
    SECTION = "section"
    TOTAL = "total"


class Line(msgspec.Struct, frozen=True):
    """A line of a table; a cell that nobody knows is None."""

    kind: Kind
    cells: tuple[Cell, ...]


class Table(msgspec.Struct, frozen=True, tag="table"):
    """A table; `shares` says how wide its columns are, in parts of the whole."""

    columns: tuple[str, ...]
    shares: tuple[int, ...]
    lines: tuple[Line, ...]


class Document(msgspec.Struct, frozen=True):
    """A report.

    Attributes:
        name: of its files, without what would need quoting.
        sheet: of its spreadsheet's page.
        blocks: from top to bottom.
        wide: the paper lies.
    """

    name: str
    sheet: str
    blocks: tuple[Paragraph | Table, ...]
    wide: bool = False


class Preparer(msgspec.Struct, frozen=True):
    """Who signs for a report. Is put into the files that are asked for, and kept nowhere."""

    name: str = ""
    phone: str = ""

    def __repr__(self) -> str:
        """Names nobody."""
        return "Preparer(…)"


NOBODY = Preparer()
NUMBER = "STT"  # a column of numbers from 1 on
_MOST_BYTES = 64 * 1024 * 1024


def filled(paragraph: Paragraph, preparer: Preparer) -> Paragraph:
    """A line with who signs put in where it belongs."""
    words = {Style.PREPARER: preparer.name, Style.PHONE: preparer.phone}.get(paragraph.style)
    return Paragraph(paragraph.style, words, f"{paragraph.lead} ") if words else paragraph


def pack(document: Document) -> bytes:
    """A report as it is kept."""
    return zlib.compress(msgspec.json.encode(document), 6)


def unpack(data: bytes) -> Document:
    """A report that was kept.

    Raises:
        ValueError: it is damaged.
    """
    inflating = zlib.decompressobj()
    try:
        text = inflating.decompress(data, _MOST_BYTES)
    except zlib.error:
        raise ValueError("not deflated") from None
    if not inflating.eof:
        raise ValueError("cut short, or too long")
    return msgspec.json.decode(text, type=Document)  # its errors are ValueErrors
