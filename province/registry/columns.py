"""The registry's tables as people write them: which sheets, which columns, under which headings, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
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


def _columns(needed: Mapping[str, str], others: Mapping[str, str]) -> tuple[Column, ...]:
    told = [(field, heading, True) for field, heading in needed.items()] + [(field, heading, False) for field, heading in others.items()]
    return tuple(Column(*one) for one in told)


# Each sheet's columns, those that it must have before the others.
COLUMNS = {
    Sheet.UNITS: _columns({"id": "Mã", "level": "Cấp", "name": "Tên"}, {"parent": "Trực thuộc"}),
    Sheet.ORGANISATIONS: _columns(
        {"id": "Mã", "name": "Tên"},
        {"unit": "Đơn vị hành chính", "parent": "Trực thuộc", "sector": "Khối"},
    ),
    Sheet.SITES: _columns(
        {"id": "Mã", "org": "Cơ quan", "name": "Tên", "category": "Loại", "address": "Địa chỉ"},
        {
            "unit": "Xã, phường", "gates": "Các cổng", "plate": "Biển số", "route": "Tuyến",
            "begins": "Bắt đầu", "ends": "Kết thúc", "monitored_by": "Cơ quan theo dõi",
        },
    ),
    Sheet.GATES: _columns({"site": "Địa điểm", "name": "Tên"}, {}),
}  # fmt: skip


def _rows(sheet: Sheet, *rows: Mapping[str, str]) -> tuple[tuple[str | None, ...], ...]:
    return tuple(tuple(row.get(column.field) for column in COLUMNS[sheet]) for row in rows)


# What a template shows, in the order of the columns.
EXAMPLES = {
    Sheet.UNITS: _rows(
        Sheet.UNITS,
        {"id": "10", "level": "province", "name": "Tỉnh Lào Cai"},
        {"id": "080", "level": "district", "name": "Thành phố Lào Cai", "parent": "10"},
        {"id": "02647", "level": "commune", "name": "Phường Cốc Lếu", "parent": "080"},
    ),
    Sheet.ORGANISATIONS: _rows(
        Sheet.ORGANISATIONS,
        {"id": "so-cong-thuong", "name": "Sở Công Thương", "unit": "10", "sector": "department"},
        {"id": "ban-quan-ly-cho", "name": "Ban quản lý chợ Cốc Lếu", "unit": "02647", "parent": "so-cong-thuong", "sector": "other"},
    ),
    Sheet.SITES: _rows(
        Sheet.SITES,
        {
            "id": "cho-coc-leu", "org": "ban-quan-ly-cho", "name": "Chợ Cốc Lếu", "category": "market", "address": "Đường Hồng Hà",
            "unit": "02647", "gates": "Cổng 1 | Cổng 2", "monitored_by": "so-cong-thuong",
        },
        {
            "id": "xe-24b-01234", "org": "ban-quan-ly-cho", "name": "Xe 24B-012.34", "category": "vehicle", "address": "Bến xe",
            "gates": "Cửa trước", "plate": "24B-012.34", "route": "Tuyến 8",
        },
    ),
    Sheet.GATES: _rows(Sheet.GATES, {"site": "cho-coc-leu", "name": "Cổng 3"}),
}  # fmt: skip
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
    """The sheet that has all of these columns; of several none."""
    fitting = [
        sheet
        for sheet in Sheet
        if all(column_named(sheet, heading) for heading in headings)
        and all(any(column_named(sheet, heading) == column for heading in headings) for column in COLUMNS[sheet] if column.needed)
    ]
    return fitting[0] if len(fitting) == 1 else None
