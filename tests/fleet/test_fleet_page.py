"""The measurements of the operators' page, on a page with one scanner: what `make fleet` says of it is what a browser shows."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import sim_page
from fleet_world import HEAD, NAME, well
from province_world import founded, free_port

from edge_agent.wire.telemetry import Log
from province.base.clock import now_ms
from province.watch.fleet_rules import Seen
from province.watch.fleet_store import FleetStore

if not sim_page.is_there():
    pytest.skip("needs Chromium and the extra `browser`", allow_module_level=True)


def test_a_page_is_painted_and_follows(tmp_path: Path) -> None:
    layout = founded(tmp_path / "province", free_port())

    def tell(today: int) -> None:
        with FleetStore(layout.fleet_store) as store:
            store.registered([Seen(NAME, "Bến xe", "Cửa trước", now_ms())])
            store.told(NAME, well(at_ms=now_ms(), log=Log("0" * 32, today, "", today)), HEAD, now_ms())

    tell(6)
    with sim_page.served(layout, tmp_path) as (service, address, password), sim_page.looked_at(address, password) as browser:
        assert all(0 < paint_s < 60 for paint_s in sim_page.painted(browser, address))
        began_ms = time.time() * 1000
        later = threading.Timer(0.5, tell, (7,))
        later.start()
        shown = sim_page.followed(browser, 3.0)
        later.join()
        assert [(name, today) for name, today, _at_ms in shown] == [(str(NAME), "7")]
        assert began_ms < shown[0][2] < time.time() * 1000
        assert service.taken().rss_mb > 1
