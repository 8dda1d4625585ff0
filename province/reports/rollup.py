"""The province's own reports, for which there is no form: the day's roll-up before 16:00, and the week's. Pure, in the forms' manner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from province.registry.categories import Category, named
from province.registry.organisations import Sector
from province.reports import coverage
from province.reports.appendices import form_of, state
from province.reports.counting import Survey, Tally, added
from province.reports.coverage import Coverage, Share
from province.reports.form import Cell, Document, Kind, Line, Paragraph, Style, Table
from province.reports.wording import order, shown

SILENT_MOST = 500  # on paper; the page and the command list all
_TITLE = "Báo cáo nhanh tiến độ triển khai khai báo y tế điện tử bằng QR code"
_COLUMNS = (
    "STT", "Tên", "Điểm đã đăng ký", "Có người quét", "Không có người quét", "Tỷ lệ có quét", "Lượt vào bằng QR code", "Lượt ra",
    "Đã khai báo", "Lũy kế khai báo",
)  # fmt: skip
_SHARES = (6, 24, 9, 9, 9, 9, 9, 9, 8, 8)
DAILY, WEEKLY = "tong-hop", "tuan"


def daily(survey: Survey) -> Document:
    """The roll-up of a day."""
    made_on = survey.day + timedelta(days=1)
    head = (
        Paragraph(Style.APPENDIX, "BÁO CÁO TỔNG HỢP TOÀN TỈNH"),
        Paragraph(Style.TITLE, _TITLE),
        Paragraph(Style.MOMENT, f"Thời điểm báo cáo 16h00 ngày {shown(made_on)}"),
        Paragraph(Style.ADDRESSEE, "Ủy ban nhân dân tỉnh", "Kính gửi: "),
    )
    return Document(
        f"bao-cao-tong-hop-{survey.day.isoformat()}", "Tổng hợp", (*head, *_body(survey, "trong ngày"), *_foot(survey)), wide=True
    )


def weekly(survey: Survey, days: Mapping[date, Tally]) -> Document:
    """The report of the days that a survey counts as its `today`.

    Args:
        survey: at the end of the last of them.
        days: how many passed on each.
    """
    head = (
        Paragraph(Style.APPENDIX, "BÁO CÁO TUẦN"),
        Paragraph(Style.TITLE, _TITLE),
        Paragraph(Style.MOMENT, f"Từ ngày {shown(min(days))} đến 24h00 ngày {shown(max(days))}"),
        Paragraph(Style.ADDRESSEE, "Ủy ban nhân dân tỉnh", "Kính gửi: "),
    )
    lines = [
        Line(Kind.ROW, (number, shown(day), tally.by_code, tally.paper_in, tally.declared, tally.outs))
        for number, (day, tally) in enumerate(sorted(days.items()), 1)
    ]
    week = added(days.values())
    lines.append(Line(Kind.TOTAL, (None, "Tổng", week.by_code, week.paper_in, week.declared, week.outs)))
    columns = ("STT", "Ngày", "Lượt vào bằng QR code", "Khai báo bằng giấy", "Đã khai báo", "Lượt ra")
    by_day = Table(columns, (8, 24, 17, 17, 17, 17), tuple(lines))
    body = (Paragraph(Style.HEADING, "Theo ngày"), by_day, *_body(survey, "trong tuần"))
    return Document(f"bao-cao-tuan-{survey.day.isoformat()}", "Báo cáo tuần", (*head, *body, *_foot(survey)), wide=True)


def _foot(survey: Survey) -> tuple[Paragraph, ...]:
    return Paragraph(Style.PREPARER, "", "Người lập biểu:"), Paragraph(Style.PHONE, "", "Số điện thoại:"), state(survey)


def _body(survey: Survey, when: str) -> Iterable[Paragraph | Table]:
    silent = survey.silent
    yield Paragraph(Style.HEADING, "I. Tổng quan")
    yield _overview(survey, when)
    yield Paragraph(Style.HEADING, "II. Theo địa phương")
    yield _table([(one.name or "(chưa ghi địa bàn)", one) for one in coverage.by_unit(survey)], coverage.whole(survey))
    yield Paragraph(Style.HEADING, "III. Theo loại địa điểm")
    kinds = [(named(Category(one.id), "vi"), one) for one in coverage.by_category(survey)]
    yield _table(kinds, coverage.whole(survey))
    yield Paragraph(Style.HEADING, "IV. Theo cơ quan báo cáo")
    yield _by_agency(survey)
    yield Paragraph(Style.HEADING, f"V. Điểm đã đăng ký nhưng không có người quét mã {when}")
    yield _silent(survey)
    if len(silent) > SILENT_MOST:
        yield Paragraph(Style.PLAIN, f"và {len(silent) - SILENT_MOST} điểm khác.")


def _overview(survey: Survey, when: str) -> Table:
    whole, agencies = coverage.whole(survey), coverage.agencies(survey)
    never = sum(one.id not in survey.last_day for one in survey.silent)
    rows: list[tuple[str, Cell]] = [
        (f"Điểm đã đăng ký nhưng không có người quét mã {when}", whole.silent),
        ("– trong đó chưa từng có người quét", never),
        ("Điểm đã đăng ký", whole.registered),
        (f"Điểm có người quét mã {when}", whole.scanning.part),
        ("Tỷ lệ điểm có người quét", percent(whole.scanning)),
        ("Tỷ lệ điểm đã đăng ký so với số điểm phải đăng ký", percent(whole.places)),
        ("Tỷ lệ cơ quan, đơn vị đã đăng ký", percent(agencies)),
        ("Tỷ lệ người dân đã cài đặt Bluezone", percent(whole.installs)),
        (f"Lượt vào bằng QR code {when}", whole.today.by_code),
        ("– trong đó tự quét mã địa điểm", whole.today.self_in),
        (f"Lượt ra {when}", whole.today.outs),
        (f"Khai báo bằng giấy {when}", whole.today.paper_in),
        (f"Tổng số đã khai báo {when}", whole.today.declared),
        ("Tổng số đã khai báo từ đầu", whole.ever.declared),
        (f"Lượt ở nơi chưa đăng ký {when}", survey.elsewhere.passages),
    ]
    return Table(("Nội dung", "Số liệu"), (75, 25), tuple(Line(Kind.ROW, row) for row in rows))


def _table(items: Iterable[tuple[str, Coverage]], whole: Coverage) -> Table:
    lines = [Line(Kind.ROW, (number, name, *_cells(one))) for number, (name, one) in enumerate(items, 1)]
    return Table(_COLUMNS, _SHARES, (*lines, Line(Kind.TOTAL, (None, "Tổng", *_cells(whole)))))


def _cells(one: Coverage) -> tuple[Cell, ...]:
    return (
        one.registered, one.scanning.part, one.silent, percent(one.scanning), one.today.by_code, one.today.outs, one.today.declared,
        one.ever.declared,
    )  # fmt: skip


def _by_agency(survey: Survey) -> Table:
    """Of each organisation that reports the last line of its form."""
    reporting = [one for one in survey.organisations.values() if one.sector is not Sector.OTHER and one.closed_ms is None]
    lines = []
    for number, one in enumerate(sorted(reporting, key=lambda one: (order(one.name), one.id)), 1):
        total = next(block for block in form_of(survey, one).blocks if isinstance(block, Table)).lines[-1]
        lines.append(Line(Kind.ROW, (number, one.name, *total.cells[2:])))
    return Table(
        ("STT", "Cơ quan", "Đã đăng ký điểm kiểm dịch", "Số người đã cài đặt Bluezone", "Tổng số đã khai báo"),
        (8, 40, 18, 17, 17),
        tuple(lines),
    )


def _silent(survey: Survey) -> Table:
    lines = []
    for number, site in enumerate(survey.silent[:SILENT_MOST], 1):
        last = survey.last_day.get(site.id)
        unit = survey.units.get(survey.unit_of(site) or "")
        cells = (number, site.name, named(site.category, "vi"), unit.name if unit else None, shown(last) if last else "chưa từng")
        lines.append(Line(Kind.ROW, cells))
    return Table(("STT", "Địa điểm", "Loại", "Địa bàn", "Lần quét cuối"), (8, 38, 20, 18, 16), tuple(lines))


def percent(share: Share) -> str | None:
    """A share as a cell; empty where nobody knows the whole.

    Example:
        >>> percent(Share(1, 3)), percent(Share(1, None)), percent(Share(3, 1))
        ('33,3 %', None, 'trên 100 %')
    """
    if share.is_wrong:
        return "trên 100 %"
    return None if share.percent is None else f"{share.percent:.1f} %".replace(".", ",")
