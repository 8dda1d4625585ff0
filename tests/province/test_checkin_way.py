"""A visitor's entry from the poster's code to the register: through the page, its outbox, gate-agent, the broker and the collector."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from chain_world import Process
from checkin_world import BUS, FILE_OF_ENTRIES, MARKET, made, served
from old_province import here
from page_world import until
from province_world import Broker, Collecting, free_port

from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.base.layout import Layout
from province.boards.counting import count_day
from province.boards.passages import Place, Wanted, sheet
from province.keys.keystore import Keystore
from province.records import views
from province.records.views import day_bounds_ms
from province.registry import sites
from province.reports import counting
from province.reports.counting import NOTHING, Tally
from province.store import database
from province.tracing import finding, site_rows


def waiting(config: Path) -> int:
    with closing(sqlite3.connect(config.parent / "state" / FILE_OF_ENTRIES)) as outbox:
        return int(outbox.execute("SELECT count(*) FROM sealed").fetchone()[0])


def rows(layout: Layout) -> list[tuple[str, str, str, str]]:
    with closing(sqlite3.connect(layout.register)) as register:
        query = "SELECT org, site, direction, status FROM entry WHERE kind = 'passage' ORDER BY id"
        return register.execute(query).fetchall()


def test_a_check_in_is_in_the_register_ledger_and_lookups_like_any_passage_and_receipted(tmp_path: Path) -> None:
    layout, config = made(tmp_path, free_port())
    (config.parent / "run").mkdir()
    agent = Process(tmp_path / "agent.log", "edge_agent", "run", "--config", str(config))
    with Broker(layout), Collecting(layout) as collecting, served(layout, config) as page:
        collecting.wait_until_logged("connected to the broker")
        try:
            phone = page.phone()
            for direction in ("in", "out"):
                assert "Chợ Đông Ba" in phone.follow(phone.check_in(MARKET, direction=direction)).text
            agent.start()
            until(lambda: waiting(config) == 0)  # what is receipted is forgotten
        finally:
            agent.end()
    assert rows(layout) == [("checkin", "cho-dong-ba", way, "registered") for way in ("in", "out")]
    with closing(database.connect(layout.register)) as connection:
        assert views.count_passages(connection, Keystore(layout.keystore), "0101234567") == 2
        [log] = views.logs(connection)
        assert (log.first, log.count) == (1, 3)  # with the boot; the close is not sent yet
        today = Wanted(now_ms() - 3_600_000, now_ms() + 1000)
        at_the_market, in_the_bus = (sheet(connection, Place.of(connection, site), today).rows for site in (MARKET, BUS))
        assert [row["direction"] for row in at_the_market] == ["out", "in"]
        assert not in_the_bus
        midnight_ms, _after_ms = day_bounds_ms(day_of(now_ms()))
        board = count_day(connection, Place.of(connection, MARKET), midnight_ms, now_ms())
        assert (board.came, board.went, board.inside) == (1, 1, 0)
        where = sites.name_at_scanners(connection, "checkin", MARKET.id)
        assert where == (MARKET.org, MARKET.name)
        traced = site_rows.read(connection, finding.Place(*where), (now_ms() - 3_600_000, now_ms()), 0)
        assert sorted(str(row.passed.direction) for row in traced.rows) == ["in", "out"]
        counted = counting.look(connection, day_of(now_ms()), now_ms())
        assert (counted.today, counted.elsewhere) == ({MARKET.id: Tally(self_in=1, outs=1)}, NOTHING)
    shown = here("entries", layout.root)
    assert "checkin/page-1" in shown.stdout
    assert "0101234567" not in shown.stdout
