"""The registry's tables as people write them: which sheets, which columns, under which headings, in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from province.registry import places


class Sheet(StrEnum):
    """A table of the file, in the order in which they build on each other."""

    UNITS = "units"
    ORGANISATIONS = "organisations"
    SITES = "sites"
    GATES = "gates"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        field: its name in English, and as our types name it.
        heading: the same in Vietnamese.
        needed: whether the sheet must have it.
    """

    field: str
    heading: str
    needed: bool


TITLES = {
    Sheet.UNITS: "Đơn vị hành chính",
    Sheet.ORGANISATIONS: "Cơ quan",
    Sheet.SITES: "Địa điểm",
    Sheet.GATES: "Cổng",
}
COLUMNS = {
    Sheet.UNITS: (
        Column("id", "Mã", True),
        Column("level", "Cấp", True),
        Column("name", "Tên", True),
        Column("parent", "Trực thuộc", False),
    ),
    Sheet.ORGANISATIONS: (
        Column("id", "Mã", True),
        Column("name", "Tên", True),
        Column("unit", "Đơn vị hành chính", False),
        Column("parent", "Trực thuộc", False),
        Column("sector", "Khối", False),
    ),
    Sheet.SITES: (
        Column("id", "Mã", True),
        Column("org", "Cơ quan", True),
        Column("name", "Tên", True),
        Column("category", "Loại", True),
        Column("address", "Địa chỉ", True),
        Column("unit", "Xã, phường", False),
        Column("gates", "Các cổng", False),
        Column("plate", "Biển số", False),
        Column("route", "Tuyến", False),
        Column("begins", "Bắt đầu", False),
        Column("ends", "Kết thúc", False),
        Column("monitored_by", "Cơ quan theo dõi", False),
    ),
    Sheet.GATES: (
        Column("site", "Địa điểm", True),
        Column("name", "Tên", True),
    ),
}
# What a template shows, in the order of the columns.
EXAMPLES = {
    Sheet.UNITS: (
        ("10", "province", "Tỉnh Lào Cai", None),
        ("080", "district", "Thành phố Lào Cai", "10"),
        ("02647", "commune", "Phường Cốc Lếu", "080"),
    ),
    Sheet.ORGANISATIONS: (
        ("so-cong-thuong", "Sở Công Thương", "10", None, "department"),
        ("ban-quan-ly-cho", "Ban quản lý chợ Cốc Lếu", "02647", "so-cong-thuong", "other"),
    ),
    Sheet.SITES: (
        (
            "cho-coc-leu",
            "ban-quan-ly-cho",
            "Chợ Cốc Lếu",
            "market",
            "Đường Hồng Hà",
            "02647",
            "Cổng 1 | Cổng 2",
            *([None] * 4),
            "so-cong-thuong",
        ),
        (
            "xe-24b-01234",
            "ban-quan-ly-cho",
            "Xe 24B-012.34",
            "vehicle",
            "Bến xe",
            None,
            "Cửa trước",
            "24B-012.34",
            "Tuyến 8",
            None,
            None,
            None,
        ),
    ),
    Sheet.GATES: (("cho-coc-leu", "Cổng 3"),),
}
GATES_APART = "|"
HELP_TITLE = "Hướng dẫn"  # a sheet for people, not read


def sheet_named(title: str) -> Sheet | None:
    """Which sheet a title means, in either language, however it is written.

    Example:
        >>> sheet_named("ĐỊA ĐIỂM"), sheet_named("Sheet1")
        (<Sheet.SITES: 'sites'>, None)
    """
    wanted = places.key(title)
    return next((sheet for sheet in Sheet if wanted in {str(sheet), places.key(TITLES[sheet])}), None)


def column_named(sheet: Sheet, heading: str) -> Column | None:
    """Which column a heading means, in either language, however it is written."""
    wanted = places.key(heading.replace("_", " "))
    return next(
        (column for column in COLUMNS[sheet] if wanted in {column.field.replace("_", " "), places.key(column.heading)}),
        None,
    )


def sheet_with(headings: list[str]) -> Sheet | None:
    """The sheet that has most of these columns, among them all it needs; of several none."""
    known = {sheet: [column for heading in headings if (column := column_named(sheet, heading))] for sheet in Sheet}
    most = max(map(len, known.values()))
    fitting = [
        sheet
        for sheet, columns in known.items()
        if len(columns) == most and all(column in columns for column in COLUMNS[sheet] if column.needed)
    ]
    return fitting[0] if len(fitting) == 1 else None


def strange(headings: list[str]) -> list[str]:
    """The headings that no sheet has."""
    return [heading for heading in headings if not any(column_named(sheet, heading) for sheet in Sheet)]
