"""How long reports take at a province's size: entries put straight into the register's tables (only their counts matter here), then timed.

    .venv/bin/python tests/province/reports_at_size.py --entries 10000000 --postgresql       (some minutes, 15 GB)
    .venv/bin/python tests/province/reports_at_size.py --entries 1000000

Every tenth site belongs to an organisation that reports; 21 days; half of the passages go in.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/province")]

from postgres_world import Server  # noqa: E402 - the test folders are found first
from reports_world import DAY, MADE_MS, Province, midnight_ms, place  # noqa: E402
from sqlalchemy import insert, text  # noqa: E402

from province.records import day_counts  # noqa: E402
from province.registry import organisations, sites, units  # noqa: E402
from province.registry.categories import ONE_OFF, Category  # noqa: E402
from province.registry.organisations import Organisation, Sector  # noqa: E402
from province.registry.units import Level, Unit  # noqa: E402
from province.reports import as_docx, as_xlsx, coverage, making, rollup  # noqa: E402
from province.store import database, registry_tables  # noqa: E402
from province.store.opened import Connection  # noqa: E402

DAYS, DISTRICTS, COMMUNES, DEPARTMENTS = 21, 10, 15, 20
_NUMBERED = {
    False: "WITH RECURSIVE s(g) AS (SELECT {first} UNION ALL SELECT g + 1 FROM s WHERE g + 1 < {end})",
    True: "WITH s AS (SELECT g FROM generate_series(CAST({first} AS bigint), {end} - 1) AS g)",
}
_DIGEST = {False: "randomblob(32)", True: "decode(md5(CAST(g AS text)) || md5(CAST(-g AS text)), 'hex')"}
_BODY = {False: "randomblob(540)", True: "decode(repeat(md5(CAST(g AS text)), 34), 'hex')"}
_DAY = {
    False: "date(({at} + 25200000) / 1000, 'unixepoch')",
    True: "to_char(to_timestamp(({at} + 25200000) / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}


def registry(count: int) -> Province:
    """Districts, communes, departments, and sites of every kind."""
    made = Province([Unit("tinh", Level.PROVINCE, "Tỉnh")])
    for district in range(DISTRICTS):
        made.units.append(Unit(f"h{district}", Level.DISTRICT, f"Huyện {district}", "tinh"))
        made.units += [
            Unit(f"h{district}x{number}", Level.COMMUNE, f"Xã {district}.{number}", f"h{district}") for number in range(COMMUNES)
        ]
        made.organisations.append(Organisation(f"ubnd-{district}", f"UBND huyện {district}", f"h{district}", sector=Sector.DISTRICT))
    kinds = (Sector.DEPARTMENT, Sector.MONITORING)
    made.organisations += [Organisation(f"so-{number}", f"Sở {number}", sector=kinds[number % 2]) for number in range(DEPARTMENTS)]
    made.organisations += [
        Organisation(f"org-{number}", f"Đơn vị {number}", None, f"so-{number % DEPARTMENTS}" if number % 10 == 0 else None)
        for number in range(count // 5 + 1)
    ]
    lasting = [one for one in Category if one not in ONE_OFF]
    made.sites = [
        place(
            f"s{number}", f"org-{number // 5}", f"Địa điểm số {number}",
            lasting[number % len(lasting)],
            f"h{number % DISTRICTS}x{number // DISTRICTS % COMMUNES}",
            monitored_by=None if number % 50 else f"so-{number % DEPARTMENTS | 1}",
        )
        for number in range(count)
    ]  # fmt: skip
    return made


def fill(connection: Connection, made: Province, entries: int, path: Path) -> None:
    """The registry, and passages spread over sites and days; every tenth site has none."""
    server, first_ms = not connection.is_file, midnight_ms(DAY - timedelta(days=DAYS - 1))
    with database.transaction(connection, path):
        connection.many(insert(registry_tables.unit), [units.row_of(one) for one in made.units])
        connection.many(insert(registry_tables.organisation), [organisations.row_of(one) for one in made.organisations])
        connection.many(insert(registry_tables.site), [sites.row_of(one) for one in made.sites])
        connection.many(insert(registry_tables.gate), [gate for one in made.sites for gate in sites.gates_of(one)])
    at = f"({first_ms} + g * {DAYS * 86_400_000} / {entries})"
    site = f"(g * 7919 % {len(made.sites)} / 10 * 10 + g % 9)"  # numbers ending in 9: silent
    for first in range(0, entries, 500_000):
        numbered = _NUMBERED[server].format(first=first, end=min(entries, first + 500_000))
        columns = (
            "id, org, device, log, seq, hash, prev, kind, site, gate, direction, wall_ms, boot, boottime_ms, clock, key_id, epoch, status,"
            " forked, registered_ms, body, method"
        )
        values = (
            f"g, 'org-' || {site} / 5, 'd', {_DIGEST[server]}, g, {_DIGEST[server]}, {_DIGEST[server]}, 'passage',"
            f" 'Địa điểm số ' || {site}, 'Cổng', CASE WHEN g % 2 = 0 THEN 'in' ELSE 'out' END, {at}, {_DIGEST[server]}, g, 'synchronised',"
            f" '2021-10-05/00', {_DAY[server].format(at=at)}, 'registered', 0, {at} + 500, {_BODY[server]},"
            " CASE WHEN g % 50 = 0 THEN 'paper' ELSE 'camera' END"
        )
        into = f"INSERT INTO entry ({columns})"
        order = f"{numbered} {into} SELECT {values} FROM s" if server else f"{into} {numbered} SELECT {values} FROM s"  # noqa: S608 - ours
        with database.transaction(connection, path):
            connection.execute(text(order))


@contextmanager
def timed(what: str) -> Iterator[None]:
    began_s, worked_s = time.perf_counter(), time.process_time()
    yield
    took_s, worked_s = time.perf_counter() - began_s, time.process_time() - worked_s
    print(f"{what:<46} {took_s:8.2f} s, of this process's own {worked_s:6.2f} s", flush=True)  # noqa: T201


def measure(connection: Connection, path: Path) -> None:
    """Prints what each report takes, the counting with it."""
    with timed("every entry counted anew"):
        found = day_counts.recounted(connection)
    with timed("the same, kept"), database.transaction(connection, path):
        day_counts.put_right(connection, day_counts.drift(connection, date(2021, 1, 1)))
    assert day_counts.kept(connection) == found
    for attempt in ("first", "again"):
        with timed(f"the province surveyed, {attempt}"):
            survey = making.survey(connection, DAY, MADE_MS)
        with timed(f"page of progress, {attempt}: coverage and silent"):
            coverage.by_unit(survey), coverage.by_category(survey), coverage.whole(survey)
            assert survey.silent
    with timed("a department's form (Phụ lục 1), DOCX"):
        as_docx.write(making.of_organisation(making.survey(connection, DAY, MADE_MS), "so-0"), MADE_MS)
    with timed("with the places it watches (Phụ lục 2), DOCX"):
        as_docx.write(making.of_organisation(making.survey(connection, DAY, MADE_MS), "so-1"), MADE_MS)
    with timed("a district's form (Phụ lục 3), DOCX"):
        as_docx.write(making.of_organisation(making.survey(connection, DAY, MADE_MS), "ubnd-0"), MADE_MS)
    with timed("a district's form (Phụ lục 3), XLSX"):
        as_xlsx.write(making.of_organisation(making.survey(connection, DAY, MADE_MS), "ubnd-0"), MADE_MS)
    with timed("the roll-up, DOCX"):
        as_docx.write(rollup.daily(making.survey(connection, DAY, MADE_MS)), MADE_MS)
    with timed("the week, DOCX"):
        as_docx.write(making.of_week(connection, DAY, MADE_MS), MADE_MS)


def main() -> None:
    """Fills and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--sites", type=int, default=50_000)
    parser.add_argument("--postgresql", action="store_true")
    args = parser.parse_args()
    server = Server().start() if args.postgresql else None
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "register.sqlite"
            database.create(path, None if server is None else server.database(), DAY)
            with closing(database.connect(path)) as connection:
                with timed(f"{args.entries} entries, {args.sites} sites filled in"):
                    fill(connection, registry(args.sites), args.entries, path)
                if server is not None:
                    connection.execute(text("ANALYZE"))
                measure(connection, path)
    finally:
        if server is not None:
            server.stop()


if __name__ == "__main__":
    main()
