"""Small invented provinces with passages, put into a register's tables; and what reports must say of them, counted one by one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random

from sqlalchemy import insert

from province.base.layout import Layout
from province.records import day_counts
from province.registry import organisations, sites, units
from province.registry.categories import Category
from province.registry.organisations import Organisation, Sector
from province.registry.site import Site
from province.registry.units import Level, Unit
from province.reports import figures
from province.reports.figures import About, Figure, Told
from province.store import database, registry_tables, report_tables
from province.store.schema import entry

DAY = date(2021, 10, 4)
DAY_MS = 86_400_000
MADE_MS = int(datetime(2021, 10, 5, 2, 15, tzinfo=UTC).timestamp() * 1000)  # 09:15 in Vietnam
_numbers = count(1)


def midnight_ms(day: date) -> int:
    """When a day begins in Vietnam."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000) - 7 * 3_600_000


@dataclass(frozen=True)
class Passed:
    """One passage."""

    org: str
    site: str
    at_ms: int
    direction: str = "in"
    method: str | None = "camera"
    corrected_ms: int | None = None
    registered_ms: int = 2**42
    status: str = "registered"

    @property
    def day(self) -> date:
        at_ms = self.at_ms if self.corrected_ms is None else self.corrected_ms
        return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=min(at_ms, self.registered_ms), hours=7)).date()


@dataclass
class Province:
    """All that a report is made of."""

    units: list[Unit] = field(default_factory=list)
    organisations: list[Organisation] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def put(self, layout: Layout) -> None:
        """Into the register, which is empty but for what an earlier call put."""
        with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
            tables = registry_tables.gate, registry_tables.site, entry, report_tables.day_count, report_tables.report_figure
            for table in tables:
                connection.execute(table.delete())
            connection.execute(registry_tables.organisation.update().values(parent=None))
            connection.execute(registry_tables.organisation.delete())
            connection.execute(registry_tables.unit.update().values(parent=None))
            connection.execute(registry_tables.unit.delete())
            connection.many(insert(registry_tables.unit), [units.row_of(one) for one in self.units])
            connection.many(insert(registry_tables.organisation), [organisations.row_of(one) for one in self.organisations])
            connection.many(insert(registry_tables.site), [sites.row_of(one) for one in self.sites])
            connection.many(insert(registry_tables.gate), [gate for one in self.sites for gate in sites.gates_of(one)])
            connection.many(insert(entry), [_row(one) for one in self.passed])
            # as earlier releases kept them: more people with the app than people too
            connection.many(insert(report_tables.report_figure), [figures.row_of(one) for one in self.told])
            day_counts.put_right(connection, day_counts.drift(connection, date(1970, 1, 1)))


def _row(one: Passed) -> dict[str, object]:
    number = next(_numbers)
    return {
        "id": number, "org": one.org, "device": "d", "log": bytes(16), "seq": number, "hash": number.to_bytes(32, "big"),
        "prev": bytes(32), "kind": "passage", "site": one.site, "gate": "Cổng", "direction": one.direction, "wall_ms": one.at_ms,
        "corrected_ms": one.corrected_ms, "boot": bytes(16), "boottime_ms": 0, "clock": "synchronised", "key_id": "x/00",
        "epoch": one.day.isoformat(), "status": one.status, "forked": 0, "registered_ms": one.registered_ms, "method": one.method,
    }  # fmt: skip


def place(id_: str, org: str, name: str, category: Category, unit: str | None = None, **more: object) -> Site:
    """A site registered long before."""
    fields = {"registered_ms": 1, "code": f"{id_:x>16}"[:16].upper(), **more}
    return Site(id_, org, name, category, "Địa chỉ", ("Cổng",), unit, **fields)  # type: ignore[arg-type]


def lao_cai() -> Province:
    """A little of a province, with one of everything."""
    made = Province(
        units=[
            Unit("tinh", Level.PROVINCE, "Tỉnh thử nghiệm"), Unit("tp", Level.DISTRICT, "Thành phố Lào Cai", "tinh"),
            Unit("bat-xat", Level.DISTRICT, "Huyện Bát Xát", "tinh"), Unit("coc-leu", Level.COMMUNE, "Phường Cốc Lếu", "tp"),
            Unit("kim-tan", Level.COMMUNE, "Phường Kim Tân", "tp"), Unit("ta-phoi", Level.COMMUNE, "Xã Tả Phời", "tp"),
            Unit("ban-vuoc", Level.COMMUNE, "Xã Bản Vược", "bat-xat"),
        ],
        organisations=[
            Organisation("so-tttt", "Sở Thông tin và Truyền thông", "kim-tan", sector=Sector.DEPARTMENT),
            Organisation("tt-cntt", "Trung tâm Công nghệ thông tin và Truyền thông", "kim-tan", "so-tttt"),
            Organisation("tt-bao-chi", "Trung tâm Báo chí", "kim-tan", "so-tttt"),
            Organisation("so-gddt", "Sở Giáo dục và Đào tạo", "kim-tan", sector=Sector.MONITORING),
            Organisation("tt-gdtx", "Trung tâm Giáo dục thường xuyên", "kim-tan", "so-gddt"),
            Organisation("ubnd-tp", "UBND thành phố Lào Cai", "tp", sector=Sector.DISTRICT),
            Organisation("ubnd-coc-leu", "UBND phường Cốc Lếu", "coc-leu", "ubnd-tp"),
            Organisation("phong-vhtt", "Phòng Văn hóa – Thông tin", "kim-tan", "ubnd-tp"),
            Organisation("phong-tc", "Phòng Tài chính – Kế hoạch", "kim-tan", "ubnd-tp"),
            Organisation("cho-coc-leu", "Ban quản lý chợ Cốc Lếu", "coc-leu"), Organisation("nha-hang", "Nhà hàng Sông Hồng", "coc-leu"),
            Organisation("thpt-1", "Trường THPT số 1", "coc-leu"),
        ],
        sites=[
            place("s-so", "so-tttt", "Trụ sở Sở TTTT", Category.AGENCY, "kim-tan"),
            place("s-tt", "tt-cntt", "Trụ sở Trung tâm CNTT", Category.AGENCY, "kim-tan"),
            place("s-gd", "so-gddt", "Trụ sở Sở GDĐT", Category.AGENCY, "kim-tan"),
            place("s-thpt", "thpt-1", "Trường THPT số 1 Lào Cai", Category.SCHOOL, "coc-leu", monitored_by="so-gddt"),
            place("s-cl", "ubnd-coc-leu", "Trụ sở UBND phường Cốc Lếu", Category.COMMUNE_OFFICE, "coc-leu"),
            place("s-vh", "phong-vhtt", "Phòng VHTT", Category.AGENCY, "kim-tan"),
            place("s-cho", "cho-coc-leu", "Chợ Cốc Lếu", Category.MARKET, "coc-leu"),
            place("s-cho2", "ubnd-tp", "Chợ Nguyễn Du", Category.MARKET, "kim-tan"),
            place("s-cc", "ubnd-tp", "Chung cư Sông Đà", Category.HOUSING, "kim-tan"),
            place("s-nh", "nha-hang", "Nhà hàng Sông Hồng", Category.RESTAURANT, "coc-leu"),
            place("s-dong", "nha-hang", "Quán đã đóng", Category.RESTAURANT, "coc-leu", closed_ms=midnight_ms(DAY)),
        ],
        told=[
            Told(About.UNIT, "coc-leu", Figure.POPULATION, date(2021, 7, 1), 14_250, 1, "u"),
            Told(About.UNIT, "coc-leu", Figure.APP_INSTALLS, date(2021, 10, 1), 6_840, 1, "u"),
            Told(About.UNIT, "kim-tan", Figure.POPULATION, date(2021, 7, 1), 19_800, 1, "u"),
            Told(About.ORGANISATION, "so-tttt", Figure.APP_INSTALLS, date(2021, 10, 1), 48, 1, "u"),
            Told(About.ORGANISATION, "tt-cntt", Figure.APP_INSTALLS, date(2021, 10, 1), 21, 1, "u"),
            Told(About.SITE, "s-thpt", Figure.APP_INSTALLS, date(2021, 10, 1), 1_150, 1, "u"),
        ],
    )  # fmt: skip
    made.passed = some_passages(made.sites[:-1], 3_000, Random(7))
    return made


def some_passages(known: Sequence[Site], many: int, chance: Random, days: int = 6) -> list[Passed]:
    """Passages at sites, most at the first; on the day after the report's too, and where nobody registered anything."""
    made = []
    for _ in range(many):
        site = known[min(int(chance.expovariate(0.4)), len(known) - 1)]
        at_ms = midnight_ms(DAY) + DAY_MS * 5 // 4 - chance.randrange(DAY_MS * days)
        corrected_ms = at_ms if chance.random() < 0.1 else None
        name = site.name if chance.random() < 0.95 else "Nơi chưa đăng ký"
        made.append(
            Passed(
                site.org, name, at_ms if corrected_ms is None else chance.randrange(10**9), "in" if chance.random() < 0.6 else "out",
                chance.choice(("camera", "serial", "hid", "paper", "self", None)), corrected_ms,
                at_ms + chance.choice((-3_600_000, 500, DAY_MS)),
                "expired" if chance.random() < 0.03 else "registered",
            )
        )  # fmt: skip
    return made
