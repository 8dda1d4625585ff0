"""How the page is served: its certificate, behind a proxy, together with other commands; and what an older release's store becomes."""

from __future__ import annotations

import http.client
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from page_world import Desk, fill, open_desk
from province_world import WAIT_S, founded, free_port

from edge_agent.base.process_lock import ProcessLock
from province.__main__ import main
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.fleet.accounts import AccountsFile
from province.fleet.service import fleet_page
from province.trust import renewing
from province.watch.fleet_store import FleetStore
from province.web.serving import Place


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return founded(tmp_path / "province")


def certificate(layout: Layout) -> x509.Certificate:
    return x509.load_pem_x509_certificate((layout.fleet_page / "page.crt").read_bytes())


def serve(layout: Layout, *names: str) -> None:
    page = fleet_page(layout, Place("127.0.0.1", 0, names), None)
    page.start()
    page.stop()
    page.wait()


def test_its_certificate_is_the_provinces_own_kept_and_made_anew_in_time(layout: Layout) -> None:
    serve(layout, "127.0.0.1")
    first = certificate(layout)
    serve(layout, "127.0.0.1")
    assert certificate(layout) == first
    serve(layout, "127.0.0.1", "fleet.example.vn")  # another name
    second = certificate(layout)
    assert second != first
    old = renewing.load_authority(layout).server(("127.0.0.1",), datetime.now(UTC), timedelta(days=50))
    (layout.fleet_page / "page.crt").write_bytes(old.certificate_pem)
    (layout.fleet_page / "page.key").write_bytes(old.key_pem)
    serve(layout, "127.0.0.1")
    assert certificate(layout).not_valid_after_utc - datetime.now(UTC) > timedelta(days=300)
    assert (layout.fleet_page / "page.key").stat().st_mode & 0o077 == 0


def test_key_and_certificate_that_do_not_fit_are_said_and_made_anew(layout: Layout) -> None:
    serve(layout, "127.0.0.1")
    other = renewing.load_authority(layout).server(("127.0.0.1",), datetime.now(UTC), timedelta(days=300))
    (layout.fleet_page / "page.key").write_bytes(other.key_pem)
    with pytest.raises(ProvinceError, match="made anew"):
        serve(layout, "127.0.0.1")
    serve(layout, "127.0.0.1")


def test_behind_a_proxy_it_answers_to_its_name_alone_and_counts_whom_the_proxy_names(layout: Layout) -> None:
    accounts = AccountsFile(layout)
    password = accounts.add("lan", None, commands=False)
    page = fleet_page(layout, Place("127.0.0.1", 0, (), "fleet.example.vn"), None)
    page.start()

    def ask(method: str, body: str = "", **headers: str) -> tuple[int, str]:
        with closing(http.client.HTTPConnection("127.0.0.1", page.port, timeout=WAIT_S)) as connection:
            own = {"Host": "fleet.example.vn", "Origin": "https://fleet.example.vn", "Content-Type": "application/x-www-form-urlencoded"}
            connection.request(method, "/vi/login", body, {**own, **{name.replace("_", "-"): value for name, value in headers.items()}})
            response = connection.getresponse()
            return response.status, response.getheader("set-cookie", "")

    try:
        assert ask("GET")[0] == 200
        assert ask("GET", Host=f"127.0.0.1:{page.port}")[0] == 400
        for number in range(6):
            assert ask("POST", f"name=nobody{number}&password=x", X_Forwarded_For="1.1.1.1, 10.0.0.9")[0] == 403
        assert ask("POST", f"name=lan&password={password}", X_Forwarded_For="10.0.0.9")[0] == 429
        status, cookie = ask("POST", f"name=lan&password={password}", X_Forwarded_For="10.0.0.9, 10.0.0.8")
        assert status == 303
        assert cookie.startswith("__Host-fleet=")
        assert {"Secure", "HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    finally:
        page.stop()
        page.wait()


def test_the_command_serves_over_tls_until_it_is_asked_to_end(layout: Layout) -> None:
    port = free_port()
    command = [sys.executable, "-m", "province", "fleet-page", str(layout.root), "--listen", f"127.0.0.1:{port}", "--no-commands"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "fleet page: https://127.0.0.1" in line:
                    break
            context = ssl.create_default_context(cafile=str(layout.authority_certificate))
            with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=WAIT_S, context=context)) as connection:
                connection.request("GET", "/en/login")
                assert connection.getresponse().status == 200
            assert main(["fleet-page", str(layout.root), "--listen", f"127.0.0.1:{free_port()}"]) == 1  # there is one already
        finally:
            process.send_signal(signal.SIGTERM)
        assert "stopped" in process.stderr.read()
    assert process.returncode == 0


@pytest.mark.parametrize("broken", ["operators", "notices", "port"])
def test_what_stands_in_its_way_is_said(layout: Layout, broken: str, capfd: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    if broken == "operators":
        layout.fleet_page.mkdir()
        (layout.fleet_page / "operators.json").write_text("[]")
    elif broken == "notices":
        layout.fleet_notices.write_text("[[webhook]]\nname = 7\n")
    with ProcessLock(layout.fleet_page_lock, "another"):
        assert main(["fleet-page", str(layout.root)]) == 1
    assert "another" in capfd.readouterr().err
    place = Place("192.0.2.1" if broken == "port" else "127.0.0.1", port, ("127.0.0.1",))
    with pytest.raises(ProvinceError, match={"operators": "damaged", "notices": r"webhook\[1\]\.url", "port": "cannot be had"}[broken]):
        fleet_page(layout, place, None).start()


def test_a_store_of_the_release_before_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite"
    with FleetStore(path) as store:
        fill(store, 12, now_ms())
        before = store.alerts(None)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("ALTER TABLE alert DROP COLUMN acknowledged_note; PRAGMA user_version = 1;")
    with FleetStore(path) as store:
        assert store.alerts(None) == before
        assert store.acknowledge(None, before[0].number, "lan", 5, "mended")
        assert store.alerts(None)[0].acknowledged_note == "mended"


def test_alerts_are_asked_for_by_organisation_device_and_end(tmp_path: Path) -> None:
    with FleetStore(tmp_path / "fleet.sqlite") as store:
        at_ms = now_ms()
        fill(store, 24, at_ms)
        every = store.alerts(None)
        one = next(alert.name for alert in every if alert.name.org == "cho-hue")
        store.judged(one, {}, at_ms + 1000)
        assert {alert.name.org for alert in store.alerts("xe-buyt")} == {"xe-buyt"}
        assert [alert.name for alert in store.alerts(None, also_ended=True, of=one)] == [one]
        assert store.alerts("xe-buyt", also_ended=True, of=one) == []
        assert len(store.alerts(None, also_ended=True, ended_since_ms=at_ms + 1000)) == len(every)
        assert len(store.alerts(None, also_ended=True, ended_since_ms=at_ms + 1001)) == len(every) - 1 == len(store.alerts(None))


def test_a_desk_without_commands_offers_none(tmp_path: Path) -> None:
    desk: Desk
    with open_desk(founded(tmp_path / "province"), 4, broker=None) as desk:
        lan = desk.browser("lan")
        assert "/order/" not in lan.get("/vi/device/cho-hue/may-002").text
        assert lan.get("/vi/device/cho-hue/may-002/order/identify").status == 404
