"""Writes a report as a document, on A4, as offices write: Decree 30/2020/NĐ-CP, Appendix I (Times New Roman, margins 2, 2, 3, 1.5 cm)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

import docx
from docx.document import Document as File
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.shared import Cm, Pt
from docx.text.paragraph import Paragraph as Words

from province.reports.form import NOBODY, NUMBER, Cell, Document, Kind, Line, Paragraph, Preparer, Style, Table, filled

_FACE = "Times New Roman"
_WIDTH_CM, _WIDER_CM = 16.5, 8.7
_MIDDLE = {Style.APPENDIX, Style.SCOPE, Style.TITLE, Style.MOMENT, Style.ADDRESSEE}
_BOLD = {Style.APPENDIX, Style.TITLE, Style.HEADING}
_ITALIC = {Style.SCOPE, Style.MOMENT, Style.NOTES, Style.STATE}
_NOTES = {Style.NOTE, Style.FAINT_NOTE}
_SPACED = {Style.MOMENT, Style.ADDRESSEE, Style.HEADING, Style.STATE}
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def write(document: Document, made_ms: int, preparer: Preparer = NOBODY) -> bytes:
    """The file.

    Args:
        document: what it says.
        made_ms: milliseconds since 1970 UTC, for the file's own date.
        preparer: who signs.
    """
    file = _page(made_ms, wide=document.wide)
    width_cm = _WIDTH_CM + _WIDER_CM * document.wide
    for block in document.blocks:
        if isinstance(block, Table):
            _table(file, block, width_cm)
        else:
            _text(file.add_paragraph(), filled(block, preparer))
    made = io.BytesIO()
    file.save(made)
    return made.getvalue()


def _page(made_ms: int, *, wide: bool) -> File:
    file = docx.Document()
    page = file.sections[0]
    page.page_width, page.page_height = (Cm(29.7), Cm(21)) if wide else (Cm(21), Cm(29.7))
    page.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    page.top_margin, page.bottom_margin, page.left_margin, page.right_margin = Cm(2), Cm(2), Cm(3), Cm(1.5)
    normal = file.styles["Normal"]
    normal.font.name, normal.font.size = _FACE, Pt(13)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), _FACE)
    normal.paragraph_format.space_after = Pt(3)
    about = file.core_properties
    about.author, about.comments, about.title = "gate-scanner", "", ""
    about.created = about.modified = datetime.fromtimestamp(made_ms / 1000, UTC).replace(tzinfo=None)
    return file


def _text(words: Words, paragraph: Paragraph) -> None:
    if paragraph.style in _MIDDLE:
        words.alignment = WD_ALIGN_PARAGRAPH.CENTER
    if paragraph.style in _SPACED:
        words.paragraph_format.space_before = Pt(10 if paragraph.style is Style.STATE else 4)
    if paragraph.style is Style.HEADING:
        words.paragraph_format.keep_with_next = True
    if paragraph.style in _NOTES:
        words.paragraph_format.left_indent = Cm(0.6)
    bold, italic = paragraph.style in _BOLD, paragraph.style in _ITALIC
    if paragraph.lead:
        lead = words.add_run(paragraph.lead)
        lead.bold, lead.italic = paragraph.style is not Style.FAINT_NOTE, italic or paragraph.style is Style.FAINT_NOTE
    run = words.add_run(paragraph.words)
    run.bold, run.italic = bold, italic
    if paragraph.style is Style.STATE:
        run.font.size = Pt(10)


def _table(file: File, table: Table, width_cm: float) -> None:
    made = file.add_table(rows=0, cols=len(table.columns), style="Table Grid")
    made.alignment, made.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    widths = [Cm(width_cm * share / sum(table.shares)) for share in table.shares]
    for column, width in zip(made.columns, widths, strict=True):
        column.width = width
    numbered = table.columns[0] == NUMBER
    rows = made._tbl  # noqa: SLF001 - python-docx looks through the whole table for each row that is added in its own words
    rows.append(_row(Line(Kind.SECTION, table.columns), widths, numbered=numbered, heading=True))
    for number, line in enumerate(table.lines, 1):
        rows.append(_row(line, widths, numbered=numbered, with_next=number == len(table.lines) - 1))
    file.add_paragraph().paragraph_format.space_after = Pt(0)


def _row(line: Line, widths: Sequence[Cm], *, numbered: bool, heading: bool = False, with_next: bool = False) -> BaseOxmlElement:
    """A row in WordprocessingML (ECMA-376 part 1, section 17.4); the head stands on every page, no row is parted between two.

    `with_next`: on the same page as the next one, which is the total.
    """
    cells = [
        _cell(
            value, width, bold=line.kind is not Kind.ROW, middle=heading or (number == 0 and numbered) or value == "X", with_next=with_next
        )
        for number, (width, value) in enumerate(zip(widths, line.cells, strict=True))
    ]
    again = "<w:tblHeader/>" if heading else ""
    made = parse_xml(f"<w:tr {nsdecls('w')}><w:trPr><w:cantSplit/>{again}</w:trPr>{''.join(cells)}</w:tr>")
    assert isinstance(made, BaseOxmlElement)  # noqa: S101 - for the type checker
    return made


def _cell(value: Cell, width: Cm, *, bold: bool, middle: bool, with_next: bool) -> str:
    across = "center" if middle else "right" if isinstance(value, int) or (value or "").endswith(" %") else "left"
    words = escape(shown(value))
    return (
        f'<w:tc><w:tcPr><w:tcW w:w="{width.twips}" w:type="dxa"/></w:tcPr>'
        f'<w:p><w:pPr>{"<w:keepNext/>" if with_next else ""}<w:spacing w:after="0"/><w:jc w:val="{across}"/></w:pPr>'
        f'<w:r><w:rPr>{"<w:b/>" if bold else ""}<w:sz w:val="24"/></w:rPr><w:t xml:space="preserve">{words}</w:t></w:r></w:p></w:tc>'
    )


def shown(value: Cell) -> str:
    """A cell as people in Vietnam write it.

    Example:
        >>> shown(1234567), shown("X"), shown(None)
        ('1.234.567', 'X', '')
    """
    return f"{value:,}".replace(",", ".") if isinstance(value, int) else value or ""
