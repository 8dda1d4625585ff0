"""The three forms of 2021, heading for heading and note for note: Phụ lục 1, 2, 3. Pure: what a survey says, set as the form wants it.

Source: the forms as issued with the plan (Phụ lục 1 for departments, 2 for those that watch over places, 3 with Biểu 1, 2 for districts);
decision 0107 says what each cell counts. Cells that nobody knows stay empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from province.registry.categories import Category
from province.registry.organisations import Organisation, Sector
from province.registry.site import Site
from province.registry.units import Level, Unit
from province.reports.counting import NOTHING, Survey, added
from province.reports.coverage import reports_on
from province.reports.figures import About, Figure
from province.reports.form import Cell, Document, Kind, Line, Paragraph, Style, Table
from province.reports.wording import committee, moment, order, shown

_TITLE = "Báo cáo nhanh tiến độ triển khai khai báo y tế điện tử bằng QR code"
_TO = "Sở Thông tin và Truyền thông"
_OF_AGENCIES = (
    "STT",
    "Tên cơ quan và các đơn vị trực thuộc",
    "Đã đăng ký điểm kiểm dịch",
    "Số người đã cài đặt Bluezone",
    "Tổng số đã khai báo",
)
_OF_DISTRICTS = ("STT", "Tên cơ quan", "Đã đăng ký điểm kiểm dịch", "Số người đã cài đặt Bluezone", "Tổng số đã khai báo bằng QR code")
_OF_COMMUNES = ("STT", "Xã, phường, thị trấn", "Dân số", "Số người cài đặt Bluezone", "Tổng số đã khai báo y tế")
_SHARES = (8, 40, 18, 17, 17)
_NOTES_OF_AGENCIES = (
    ("Tên cơ quan và các đơn vị trực thuộc:", "Ghi tên đơn vị theo vị trí trụ sở làm việc"),
    ("Đã đăng ký:", "đánh dấu X đối với các đơn vị đã đăng ký, để trống nếu chưa đăng ký."),
    ("Số cán bộ cài đã cài đặt Bluezone:", "Số liệu thực tế tại từng đơn vị"),
    ("Tổng số đã khai báo:", "dữ liệu lấy từ phần quản lý tại tokhaiyte.vn"),
)
_NOTES_OF_DISTRICTS = (
    ("Tên cơ quan:", "Ghi tên cơ quan và các đơn vị trực thuộc"),
    ("Đã đăng ký điểm kiểm dịch:", "Đã đăng ký đánh dấu X, chưa đăng ký để trống."),
    ("Số người cài đặt Bluezone:", "Số liệu tổng hợp thực tế"),
    ("Tổng số đã khai báo bằng QR code:", "tổng hợp từ tokhaiyte.vn"),
    (
        "Các cơ sở dịch vụ, điểm công cộng khác:",
        "Tổng số các cơ sở đã đăng ký bao gồm các cơ sở dịch vụ ăn, uống tại chỗ, cơ sở lưu trú, các điểm dịch vụ vui chơi, giải trí....",
    ),
)
_NOTES_OF_COMMUNES = (
    ("Xã, phường, thị trấn:", "Ghi tên xã, phường, thị trấn"),
    ("Dân số:", "dân số hiện có của xã, phường, thị trấn."),
    ("Số người cài đặt Bluezone:", "Số liệu tổng hợp thực tế"),
    ("Tổng số đã khai báo:", "Số liệu tổng hợp thực tế"),
)
_NAMES = {Sector.DEPARTMENT: "PHỤ LỤC 1", Sector.MONITORING: "PHỤ LỤC 2", Sector.DISTRICT: "PHỤ LỤC 3"}
_SCOPES = {
    Sector.DEPARTMENT: "(Áp dụng cho các sở, ban, ngành)",
    Sector.MONITORING: (
        "(Áp dụng cho các sở, ban, ngành: Y tế; Giáo dục và Đào tạo; Giao thông, Vận tải, Xây dựng; Ban quản lý khu kinh tế)"
    ),
    Sector.DISTRICT: "(Áp dụng cho UBND các huyện, thành phố, thị xã)",
}


@dataclass(frozen=True, slots=True)
class _Item:
    """One line of a form: whose name, whether it has a place registered, who has the app, how many declared."""

    name: str
    registered: bool
    installs: int | None
    declared: int

    def cells(self, number: int) -> tuple[Cell, ...]:
        return number, self.name, "X" if self.registered else None, self.installs, self.declared


def form_of(survey: Survey, organisation: Organisation) -> Document:
    """The form of an organisation that reports.

    Raises:
        ValueError: it reports on none.
    """
    make = {Sector.DEPARTMENT: _first, Sector.MONITORING: _second, Sector.DISTRICT: _third}.get(organisation.sector)
    if make is None:
        raise ValueError(f"{organisation.id}: reports on no form")
    sector = organisation.sector
    return Document(
        f"phu-luc-{_NAMES[sector][-1]}-{organisation.id}-{survey.day.isoformat()}", _NAMES[sector].capitalize(),
        (*_head(survey, sector), *make(survey, organisation), state(survey)),
    )  # fmt: skip


def _head(survey: Survey, sector: Sector) -> Iterable[Paragraph]:
    made_on = survey.day + timedelta(days=1)
    return (
        Paragraph(Style.APPENDIX, _NAMES[sector]),
        Paragraph(Style.SCOPE, _SCOPES[sector]),
        Paragraph(Style.TITLE, _TITLE),
        Paragraph(Style.MOMENT, f"Thời điểm báo cáo 11h00 ngày {shown(made_on)}"),
        Paragraph(Style.ADDRESSEE, _TO, "Kính gửi: "),
    )


def _foot(notes: Sequence[tuple[str, str]], style: Style = Style.FAINT_NOTE) -> tuple[Paragraph, ...]:
    return Paragraph(Style.PREPARER, "", "Người lập biểu:"), Paragraph(Style.PHONE, "", "Số điện thoại:"), *_notes(notes, style)


def _notes(notes: Sequence[tuple[str, str]], style: Style = Style.NOTE) -> tuple[Paragraph, ...]:
    return Paragraph(Style.NOTES, "", "Ghi chú:"), *(Paragraph(style, words, f"- {lead} ") for lead, words in notes)


def state(survey: Survey) -> Paragraph:
    """As of when the counts are: what the form does not ask, and whoever compares two of them must know."""
    words = (
        f"Số liệu tính đến 24h00 ngày {shown(survey.day)}, lấy lúc {moment(survey.asked_ms)}. Lượt gửi về sau lúc đó được tính trong"
        " báo cáo lập sau."
    )
    if survey.held:
        words += f" Còn {survey.held} bản ghi chưa mở được, chưa tính."
    return Paragraph(Style.STATE, words)


def _first(survey: Survey, organisation: Organisation) -> tuple[Paragraph | Table, ...]:
    items = [_agency(survey, one) for one in _tree(survey, organisation)]
    return _table(_OF_AGENCIES, _numbered(items), items), *_foot(_NOTES_OF_AGENCIES)


def _second(survey: Survey, organisation: Organisation) -> tuple[Paragraph | Table, ...]:
    places = _ordered(one for one in survey.open_sites if one.monitored_by == organisation.id)
    apart = frozenset(one.id for one in places)  # a place of its own that it watches stands on one line alone
    own = [_agency(survey, one, apart) for one in _tree(survey, organisation)]
    watched = [_place(survey, one) for one in places]
    lines = [
        _section("I", "Trụ sở và các đơn vị trực thuộc"), *_numbered(own),
        _section("II", "Các cơ sở được phân công theo dõi"), *_numbered(watched),
    ]  # fmt: skip
    return _table(_OF_AGENCIES, lines, [*own, *watched]), *_foot(_NOTES_OF_AGENCIES, Style.NOTE)


def _third(survey: Survey, organisation: Organisation) -> tuple[Paragraph | Table, ...]:
    reach = survey.within(organisation.unit or "")
    communes = [one for id_ in reach if (one := survey.units.get(id_)) and one.level is Level.COMMUNE and one.closed_ms is None]
    communes.sort(key=lambda one: order(one.name))
    here = [one for one in survey.sites.values() if survey.unit_of(one) in reach]
    standing = {one.id for one in survey.open_sites}
    offices = [one for one in here if one.category is Category.COMMUNE_OFFICE]
    markets, flats = (
        _ordered(one for one in here if one.category is kind and one.id in standing) for kind in (Category.MARKET, Category.HOUSING)
    )
    apart = frozenset(one.id for one in (*offices, *markets, *flats))  # each stands on one line alone
    tree = _tree(survey, organisation)
    agencies = [one for one in tree if one is organisation or not _is_committee(one, offices)]
    parts = (
        ("I", "Trụ sở UBND xã, phường, thị trấn", [_office(survey, one, offices, tree) for one in communes]),
        ("II", "Trụ sở Các cơ quan chuyên môn", [_agency(survey, one, apart, by_code=True) for one in agencies]),
        ("III", "Các chợ đầu mối, chợ dân sinh", [_place(survey, one, by_code=True) for one in markets]),
        ("IV", "Các chung cư", [_place(survey, one, by_code=True) for one in flats]),
    )
    lines = [line for number, name, items in parts for line in (_section(number, name), *_numbered(items))]
    own, elsewhere = {one.id for one in tree}, standing - apart
    others = [one for one in here if one.id in elsewhere and one.org not in own and not _is_reported(survey, one, organisation)]
    return (
        Paragraph(Style.HEADING, "Số liệu triển khai đăng ký điểm kiểm dịch", "Biểu 1: "),
        _table(_OF_DISTRICTS, lines, [item for _number, _name, items in parts for item in items]),
        Paragraph(Style.PLAIN, f"Các cơ sở dịch vụ, địa điểm công cộng khác đã đăng ký: {len(others)} điểm"),
        *_notes(_NOTES_OF_DISTRICTS),
        Paragraph(Style.HEADING, "Số liệu triển khai cài đặt Bluezone", "Biểu 2: "),
        _of_communes(survey, communes, here),
        *_foot(_NOTES_OF_COMMUNES),
    )


def _of_communes(survey: Survey, communes: Sequence[Unit], here: Iterable[Site]) -> Table:
    """Biểu 2: who lives there, who has the app, how many declared at all of the places in each commune."""
    declared = dict.fromkeys((one.id for one in communes), 0)
    for site in here:
        if (unit := survey.unit_of(site)) in declared:
            declared[unit] += survey.ever.get(site.id, NOTHING).declared
    known = [
        (
            one.name,
            survey.told(About.UNIT, one.id, Figure.POPULATION),
            survey.told(About.UNIT, one.id, Figure.APP_INSTALLS),
            declared[one.id],
        )
        for one in communes
    ]
    lines = [Line(Kind.ROW, (number, *cells)) for number, cells in enumerate(known, 1)]
    sums = (_sum(people for _name, people, *_ in known), _sum(installs for *_, installs, _declared in known), sum(declared.values()))
    return Table(_OF_COMMUNES, _SHARES, (*lines, Line(Kind.TOTAL, (None, "Tổng", *sums))))


def _tree(survey: Survey, organisation: Organisation) -> list[Organisation]:
    """An organisation and those beneath it that report on no form of their own, each followed by its own, by name."""
    beneath: dict[str, list[Organisation]] = {}
    for one in survey.organisations.values():
        if one.parent is not None and one.sector is Sector.OTHER and one.closed_ms is None:
            beneath.setdefault(one.parent, []).append(one)
    found, waiting = list[Organisation](), [organisation]
    while waiting:
        found.append(waiting.pop())
        waiting += sorted(beneath.get(found[-1].id, ()), key=lambda one: (order(one.name), one.id), reverse=True)
    return found


def _is_committee(organisation: Organisation, offices: Iterable[Site]) -> bool:
    """Whether it is a commune's people's committee, which has a line of its commune's."""
    return organisation.name.casefold().startswith(("ubnd", "ủy ban", "uỷ ban")) or any(one.org == organisation.id for one in offices)


def _is_reported(survey: Survey, site: Site, organisation: Organisation) -> bool:
    """Whether a place stands on another one's form: by whose it is, or who watches over it."""
    return site.monitored_by is not None or reports_on(survey.organisations, site.org) not in {None, organisation.id}


def _ordered(sites: Iterable[Site]) -> list[Site]:
    return sorted(sites, key=lambda one: (order(one.name), one.id))


def _agency(survey: Survey, organisation: Organisation, apart: frozenset[str] = frozenset(), *, by_code: bool = False) -> _Item:
    """An organisation's line: its own places, without those that have lines of their own."""
    own = [one for one in survey.places_of(organisation.id) if one.id not in apart]
    return _Item(
        organisation.name, _any_open(survey, own), survey.told(About.ORGANISATION, organisation.id, Figure.APP_INSTALLS),
        _declared(survey, own, by_code=by_code),
    )  # fmt: skip


def _office(survey: Survey, commune: Unit, offices: Iterable[Site], tree: Iterable[Organisation]) -> _Item:
    """A commune's committee, by its offices in the commune; who has the app, as its organisation told."""
    own = [one for one in offices if survey.unit_of(one) == commune.id]
    elsewhere = {one.org for one in offices if survey.unit_of(one) != commune.id}  # what it told is of several communes
    here = {one.org for one in own} - elsewhere
    whose = [one for one in tree if one.id in here or (one.unit == commune.id and _is_committee(one, ()))]
    installs = _sum(survey.told(About.ORGANISATION, one.id, Figure.APP_INSTALLS) for one in whose)
    return _Item(committee(commune.name), _any_open(survey, own), installs, _declared(survey, own, by_code=True))


def _place(survey: Survey, site: Site, *, by_code: bool = False) -> _Item:
    installs = survey.told(About.SITE, site.id, Figure.APP_INSTALLS)
    return _Item(site.name, _any_open(survey, [site]), installs, _declared(survey, [site], by_code=by_code))


def _any_open(survey: Survey, sites: Iterable[Site]) -> bool:
    return any(survey.is_open(one) for one in sites)


def _declared(survey: Survey, sites: Iterable[Site], *, by_code: bool) -> int:
    tally = added(survey.ever.get(one.id, NOTHING) for one in sites)
    return tally.by_code if by_code else tally.declared


def _section(number: str, name: str) -> Line:
    return Line(Kind.SECTION, (number, name, None, None, None))


def _numbered(items: Iterable[_Item]) -> list[Line]:
    return [Line(Kind.ROW, item.cells(number)) for number, item in enumerate(items, 1)]


def _table(columns: tuple[str, ...], lines: Iterable[Line], items: Sequence[_Item]) -> Table:
    """A table with its last line: how many have registered, and the sums of what is known."""
    sums = (sum(item.registered for item in items), _sum(item.installs for item in items), sum(item.declared for item in items))
    return Table(columns, _SHARES, (*lines, Line(Kind.TOTAL, (None, "Tổng", *sums))))


def _sum(values: Iterable[int | None]) -> int | None:
    """The sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
