"""A case as a PDF to print: who, where, when, with timeline and map; the contacts and what each district is told."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from province.base.errors import ProvinceError
from province.paper.page import FONT, register_font
from province.tracing import gaps, map_picture, notices, sheets, timeline
from province.tracing.desk import Report
from province.tracing.drawing import Picture
from province.tracing.notices import minutes_of, notes_of_contact, notes_of_visit, shown
from province.tracing.sheets import facts

_MM = 72 / 25.4
_PAGE = (297 * _MM, 210 * _MM)
_MARGIN = 14 * _MM
_WIDE = _PAGE[0] - 2 * _MARGIN


def draw(report: Report, said: Mapping[str, str]) -> bytes:
    """The PDF, A4 across.

    Raises:
        NoFont, ProvinceError: there is no font with Vietnamese letters, or reportlab is not installed.
    """
    try:
        from reportlab.platypus import SimpleDocTemplate, Spacer  # noqa: PLC0415 - only who exports needs it
    except ModuleNotFoundError as error:
        raise ProvinceError(f"a PDF needs {error.name}: install gate-scanner[province].") from None
    register_font(None)
    made = io.BytesIO()
    title = f"{said['case']} {report.case.id}"
    page = SimpleDocTemplate(made, pagesize=_PAGE, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=_MARGIN)
    page.title, page.author, page.initialFontName = title, "", FONT  # no name: titles end up in printers' job lists
    visits = report.movements.visits
    story = [_text(title, 16), _text(f"{said['confidential']} {said['made']} {shown(report.case.opened_ms)}.", 8), Spacer(1, 6)]
    story += [_text(f"{name}: {value}", 10) for name, value in facts(report, said)]
    story += [_text(f"! {text}", 10) for text in gaps.told(report.gaps, said)]
    if visits:
        story += [_text(said["timeline"], 13), _picture(timeline.draw(visits, said))]
        story += [_text(said["map"], 13), _picture(map_picture.draw(visits, said))]
        story += [_text(said["places"], 13), _text(sheets.stays_told(report, said), 9), _places(report, said)]
    else:
        story.append(_text(said["no.places"], 10))
    if visits:
        story += [_text(f"{said['contacts']} ({len(report.contacts.found)})", 13), _contacts(report, said)]
    story += [_text(said["unnamed"].format(count=n, place=report.movements.about[at].name), 9) for at, n in report.contacts.unnamed.items()]
    for district, told in notices.by_district(report, said).items():
        heads = [said[key] for key in ("place", "from", "until", "minutes.together", "name", "number", "phone", "notes")]
        rows = [
            [one.about.name, shown(one.begin_ms), shown(one.end_ms), str(one.minutes), one.person.name, one.person.id_number,
             one.person.phone or "", one.notes]
            for one in told
        ]  # fmt: skip
        story += [_text(f"{said['notices']}: {district}", 13), _table(heads, rows, (5, 3, 3, 2, 4, 3.4, 3, 4))]
    page.build(story, onFirstPage=_numbered, onLaterPages=_numbered)
    return made.getvalue()


def _numbered(canvas: object, _page: object) -> None:
    canvas.setFont(FONT, 8)  # type: ignore[attr-defined]  # reportlab has no types
    canvas.drawRightString(_PAGE[0] - _MARGIN, 8 * _MM, str(canvas.getPageNumber()))  # type: ignore[attr-defined]  # the same


def _text(text: str, size: float) -> object:
    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415 - as above
    from reportlab.platypus import Paragraph  # noqa: PLC0415 - as above

    before = 10 if size > 12 else 0
    style = ParagraphStyle("text", fontName=FONT, fontSize=size, leading=size * 1.3, spaceBefore=before, spaceAfter=before / 3)
    style.keepWithNext = int(size > 12)
    return Paragraph(escape(text), style)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float]) -> object:
    from reportlab.platypus import LongTable, TableStyle  # noqa: PLC0415 - as above

    cells = [[_text(each, 8) for each in row] for row in (headings, *rows)]
    widths = [_WIDE * share / sum(shares) for share in shares]
    style = [("GRID", (0, 0), (-1, -1), 0.4, "#8a97a1"), ("BACKGROUND", (0, 0), (-1, 0), "#e1eef5"), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    return LongTable(cells, widths, repeatRows=1, style=TableStyle([*style, ("TOPPADDING", (0, 0), (-1, -1), 2)]))


def _places(report: Report, said: Mapping[str, str]) -> object:
    numbers = timeline.numbered(report.movements.visits)
    heads = ["#", *(said[key] for key in ("place", "address", "district", "from", "until", "minutes", "notes"))]
    rows = [
        [str(numbers[one.place.org, one.place.site]), one.about.name, one.about.address, one.about.district, shown(one.stay.begin_ms),
         shown(one.stay.end_ms), str(minutes_of(one.stay)), notes_of_visit(one, said)]
        for one in report.movements.visits
    ]  # fmt: skip
    return _table(heads, rows, (1, 5, 5, 4, 3, 3, 1.6, 4))


def _contacts(report: Report, said: Mapping[str, str]) -> object:
    if not report.contacts.found:
        return _text(said["no.contacts"], 10)
    about = report.movements.about
    heads = ["#", *(said[key] for key in ("name", "number", "phone", "minutes.together", "first", "met.at", "notes"))]
    rows = [
        [str(number), one.person.name, one.person.id_number, one.person.phone or "", str(one.minutes), shown(one.encounters[0].begin_ms),
         ", ".join(dict.fromkeys(about[met.place].name for met in one.encounters)), notes_of_contact(one, said)]
        for number, one in enumerate(report.contacts.found, 1)
    ]  # fmt: skip
    return _table(heads, rows, (1, 4, 3.4, 3, 2, 3, 6, 4))


def _picture(picture: Picture) -> object:
    from reportlab.platypus import Flowable  # noqa: PLC0415 - as above

    width = min(_WIDE, picture.width)
    height = picture.height * width / picture.width
    most = _PAGE[1] - 2 * _MARGIN - 40
    if height > most:
        width, height = width * most / height, most

    class Drawn(Flowable):  # type: ignore[misc]  # reportlab has no types
        """The picture in the flow of the text."""

        def wrap(self, *_room: float) -> tuple[float, float]:
            return width, height

        def draw(self) -> None:
            picture.draw(self.canv, 0, 0, width, FONT)

    return Drawn()
