"""The API: who may ask what, what is said, and that nothing of it breaks, whatever is sent."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_world import DAY_MS, Clockwork, World, serving
from hypothesis import given
from hypothesis import strategies as st
from page_world import ONLINE, judge, told
from prometheus_client.parser import text_string_to_metric_families
from province_world import Log, Scanner, cli, founded, json_lines, passage, scanner

from edge_agent.wire.entry import Direction
from edge_agent.wire.keyring import day_of
from edge_agent.wire.telemetry import Outbox
from edge_agent.wire.topics import Leaf
from province.api import clients
from province.api.app import ENDPOINTS, read
from province.api.clients import Scope
from province.api.document import PATH
from province.api.endpoints import Endpoint, Refusal
from province.api.paces import AT_ONCE, Rates
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting.intake import Intake
from province.collecting.register import Register
from province.keys.keystore import Keystore
from province.registry import organisations, sites, units
from province.registry.categories import Category
from province.registry.site import new_site
from province.registry.units import Level
from province.store import database
from province.watch.fleet_rules import Seen
from province.watch.fleet_store import FleetStore

COMMUNE = units.unit("19789", Level.COMMUNE, "Phường Đông Ba", "474")
PATHS = {"/sites/{site}": "/sites/cho-dong-ba", "/counts/{day}": "/counts/2021-10-05"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("api")
    layout = founded(folder / "province")
    one, other = scanner(layout, folder), scanner(layout, folder, "scanner-2", "cho-hue")
    with closing(database.connect(layout.register)) as connection:
        for unit in (units.unit("46", Level.PROVINCE, "Huế"), units.unit("474", Level.DISTRICT, "Thành phố Huế", "46"), COMMUNE):
            units.add(connection, layout.register, unit)
        for number in range(7):
            made = new_site(
                f"quan-{number}", "bus-co", f"Quán {number}", Category.RESTAURANT, f"{number} Lê Lợi", ("Cửa",), unit=COMMUNE.id
            )
            sites.add(connection, layout.register, made)
        sites.add(connection, layout.register, new_site("cho-cua-xe", "bus-co", "Chợ", Category.MARKET, "1 Bến xe", ("Cổng",)))
        sites.add(connection, layout.register, new_site("cho-dong-ba", "cho-hue", "Chợ", Category.MARKET, "2 Trần Hưng Đạo", ("Cổng",)))
    passed = stored(layout, one)
    with FleetStore(layout.fleet_store) as store:
        store.registered([Seen(each.name, "Chợ", "Cổng", now_ms()) for each in (one, other)])
        store.status(one.name, ONLINE, now_ms())
        store.told(one.name, told(3, now_ms(), outbox=Outbox(9, 900, 4000, 1.0)), None, now_ms())
        judge(store, now_ms())

    with serving(layout, Clockwork()) as served:
        yield World(layout, served, passed)


def stored(layout: Layout, device: Scanner) -> dict[str, int]:
    """Passages in both directions, as a collector stores them."""
    log, counted = Log.new(device), {"in": 3, "out": 2}
    made = [log.append(replace(passage(), direction=Direction(way))) for way, count in counted.items() for _ in range(count)]
    with Register(layout.register) as register:
        intake = Intake(register.device, Keystore(layout.keystore).load, now_ms())
        register.store([intake.examine(device.name.topic(Leaf.ENTRIES), one) for one in made], now_ms)
    return counted


def asked_of(path: str) -> str:
    return PATH + PATHS.get(path, path)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_each_endpoint_is_for_its_scope_alone(world: World, endpoint: Endpoint) -> None:
    def status(token: str) -> int:
        return world.ask(endpoint.method, asked_of(endpoint.path), token, b"[]" if endpoint.method == "POST" else None).status

    well = 400 if endpoint.method == "POST" else 200  # what is sent is no site: it was let in
    for scope in Scope:
        assert status(world.token(scope)) == (well if scope is endpoint.scope else 403), scope
    revoked = world.token(endpoint.scope)
    with closing(database.connect(world.layout.register)) as connection:
        clients.revoke(connection, world.layout.register, "tool", now_ms())
    for nobody in (revoked, "", "gate1.tool.", "gate1.nobody.x", "gate1.tool." + "x" * 43, "gate1.' OR 1=1 --.x", "Basic"):
        assert status(nobody) == 401


def test_metrics_are_for_their_scope(world: World) -> None:
    assert world.get("/metrics").status == 401
    assert world.get("/metrics", world.token(Scope.FLEET_READ)).status == 403
    text = world.get("/metrics", world.token(Scope.METRICS_READ)).body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    with closing(database.connect(world.layout.register)) as connection:
        assert families["gate_province_sites"].samples[0].value == len(sites.every(connection, closed=False)) >= 9
    assert families["gate_province_newest_entry_number"].samples[0].value == sum(world.passed.values())
    assert {sample.labels["trouble"] for sample in families["gate_province_fleet_alerts"].samples} >= {"backlog"}


def test_a_token_that_is_past_counts_no_more(world: World) -> None:
    token = world.token(Scope.REGISTRY_READ)
    with closing(database.connect(world.layout.register)) as connection:
        assert clients.known_by(connection, token, now_ms()) is not None
        assert clients.known_by(connection, token, now_ms() + DAY_MS) is None
        assert token.encode() not in world.layout.register.read_bytes()


def test_an_organisations_tool_sees_its_own_alone(world: World) -> None:
    token = world.token(Scope.REGISTRY_READ, Scope.COUNTS_READ, Scope.FLEET_READ, org="cho-hue")
    assert [one["id"] for one in world.json("/sites", token)["sites"]] == ["cho-dong-ba"]
    assert [one["id"] for one in world.json("/organisations", token)["organisations"]] == ["cho-hue"]
    assert [one["org"] for one in world.json("/devices", token)["devices"]] == ["cho-hue"]
    assert world.json(f"/counts/{day_of(now_ms())}", token)["counts"] == []
    assert {one["org"] for one in world.json("/alerts", token)["alerts"]} <= {"cho-hue"}
    for path, status in (("/sites?org=bus-co", 403), ("/devices?org=bus-co", 403), ("/sites/quan-1", 404)):
        assert world.get(PATH + path, token).status == status


def test_sites_come_a_page_at_a_time_each_once(world: World) -> None:
    token, found, after = world.token(Scope.REGISTRY_READ), list[str](), ""
    while True:
        page = world.json(f"/sites?limit=3{after}", token)
        found += [one["id"] for one in page["sites"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    with closing(database.connect(world.layout.register)) as connection:
        assert found == [one.id for one in sites.every(connection, closed=False)]
    assert {"cho-dong-ba", "quan-0", "quan-6"} <= set(found)
    assert len(world.json("/sites?unit=474&category=restaurant", token)["sites"]) == 7
    assert world.json("/sites?unit=474&category=market", token)["sites"] == []
    assert world.json("/sites/quan-3", token)["gates"] == ["Cửa"]
    assert [one["id"] for one in world.json("/units", token)["units"]] == ["46", "474", "19789"]


def test_passages_are_counted_by_direction(world: World) -> None:
    counts = world.json(f"/counts/{day_of(now_ms())}", world.token(Scope.COUNTS_READ))["counts"]
    wanted = {"read_in": world.passed["in"], "paper_in": 0, "self_in": 0, "outs": world.passed["out"]}
    assert counts == [{"org": "bus-co", "site": "cho-cua-xe", **wanted}]
    assert world.get(f"{PATH}/counts/2021-02-30", world.token(Scope.COUNTS_READ)).status == 400


def test_a_scanner_is_told_with_what_is_wrong_with_it(world: World) -> None:
    token = world.token(Scope.FLEET_READ)
    one, other = world.json("/devices", token)["devices"]
    assert (one["device"], one["online"], one["backlog"], one["status"]) == ("scanner-1", True, 9, "active")
    assert "backlog" in one["troubles"]
    assert (other["device"], other["online"], other["heard_ms"]) == ("scanner-2", False, None)
    assert ("scanner-1", "backlog") in {(each["device"], each["trouble"]) for each in world.json("/alerts", token)["alerts"]}


def test_a_place_is_registered_once(world: World) -> None:
    token = world.token(Scope.REGISTRY_WRITE)
    with closing(database.connect(world.layout.register)) as connection:
        organisations.add(connection, world.layout.register, organisations.organisation("an-uong", "Ăn uống"))
    wanted = {"id": "pho-co", "org": "an-uong", "name": "Phở Cồ", "category": "restaurant", "address": "7 Lê Lợi", "gates": ["Cửa"]}
    first = world.ask("POST", f"{PATH}/sites", token, wanted)
    assert (first.status, first.json["name"], len(first.json["code"])) == (201, "Phở Cồ", 16)
    again = world.ask("POST", f"{PATH}/sites", token, {**wanted, "id": "pho-co-2", "org": "khac"})
    assert (again.status, again.kind, "pho-co" in again.json["detail"]) == (409, "application/problem+json", True)
    for status, wrong in ((422, {"category": "vehicle"}), (400, {"gates": []}), (400, {"more": 1}), (422, {"unit": "nowhere"})):
        assert world.ask("POST", f"{PATH}/sites", token, {**wanted, "id": "another", **wrong}).status == status
    mistyped = world.ask("POST", f"{PATH}/sites", token, {**wanted, "id": "another", "name": "Bún", "org": "an-oung"})
    assert (mistyped.status, "an-oung" in mistyped.json["detail"]) == (422, True)
    assert "an-oung" not in world.get(f"{PATH}/organisations", world.token(Scope.REGISTRY_READ)).body.decode()


def test_who_asks_too_often_waits_and_others_do_not() -> None:
    now = [0.0]
    rates = Rates(lambda: now[0])
    assert [rates.wait_s("a") for _ in range(AT_ONCE + 2)] == [0] * AT_ONCE + [1, 1]
    assert rates.wait_s("b") == 0
    now[0] = 1.0
    assert [rates.wait_s("a") for _ in range(11)] == [0] * 10 + [1]


def test_who_asks_with_many_threads_is_answered_no_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, others_done = threading.Event(), threading.Event()

    class Held(OrderedDict[str, tuple[float, float]]):
        """Who takes a bucket first holds it until the others are through, which they can be only where nothing keeps them out."""

        def pop(self, *given: Any) -> Any:
            found = super().pop(*given)
            if not taken.is_set():
                taken.set()
                others_done.wait(0.5)
            return found

    def others() -> list[int]:
        assert taken.wait(20)
        found = [rates.wait_s("a") for _ in range(AT_ONCE)]
        others_done.set()
        return found

    monkeypatch.setattr("province.api.paces.OrderedDict", Held)
    rates = Rates(lambda: 0.0)
    with ThreadPoolExecutor(2) as pool:
        first, rest = pool.submit(rates.wait_s, "a"), pool.submit(others)
        assert [first.result(20), *rest.result(20)].count(0) == AT_ONCE


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=60)), max_size=4))
def test_whatever_stands_in_a_query_is_read_or_refused(query: list[tuple[str, str]]) -> None:
    for endpoint in ENDPOINTS:
        try:
            found = set(read(endpoint.parameters, {}, query))
        except Refusal as refusal:
            found = {f"{refusal.status}"}
        assert found <= {*(one.name for one in endpoint.parameters), "400"}


def test_it_holds_what_its_document_says_whatever_is_sent(world: World) -> None:
    """Schemathesis makes requests out of the document, right ones and wrong ones, and holds each answer against it."""
    expected = '["2xx", "401", "403", "404", "409", "422"]'  # a place that is described rightly may be there already, or be none
    (world.layout.root / "schemathesis.toml").write_text(f"[checks]\npositive_data_acceptance.expected-statuses = {expected}\n")
    ran = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"), "run", f"https://localhost:{world.served.port}{PATH}/openapi.json",
            "--header", f"Authorization: Bearer {world.token(*Scope)}", "--tls-verify", world.layout.authority_certificate,
            "--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--no-color", "--suppress-health-check", "all",
        ],
        capture_output=True, text=True, check=False, timeout=150, cwd=world.layout.root,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert re.search(r"[1-9]\d* (?:generated|passed|test cases)", ran.stdout), ran.stdout[-2000:]


def test_what_is_no_request_of_ours_is_refused(world: World) -> None:
    token = world.token(Scope.REGISTRY_WRITE)
    for host, body, status in (("evil.test", b"{}", 400), (None, b" " * 70_000, 413)):
        answer = world.ask("POST", f"{PATH}/sites", token, body, host)
        assert (answer.status, answer.kind, answer.json["status"]) == (status, "application/problem+json", status)


def test_clients_by_the_command_line(world: World) -> None:
    made = cli("client", "add", world.layout.root, "grafana", "--scope", "metrics:read", "--days", "30")
    assert (made.returncode, made.stdout.startswith("gate1.grafana.")) == (0, True), made.stderr
    assert world.get("/metrics", made.stdout.strip()).status == 200
    assert cli("client", "add", world.layout.root, "grafana", "--scope", "metrics:read").returncode == 2
    for wrong in (
        ("x",),
        ("UPPER", "--scope", "metrics:read"),
        ("x", "--scope", "metrics:read", "--org", "bus-co"),
        ("x", "--scope", "fleet:read", "--days", "0"),
        ("x", "--scope", "fleet:read", "--org", "nobodys"),
    ):
        assert cli("client", "add", world.layout.root, *wrong).returncode == 2
    listed = {one["name"]: one for one in json_lines(cli("client", "list", world.layout.root, "--json").stdout)}
    assert (listed["grafana"]["state"], listed["grafana"]["scopes"]) == ("active", ["metrics:read"])
    assert cli("client", "revoke", world.layout.root, "grafana").returncode == 0
    assert world.get("/metrics", made.stdout.strip()).status == 401
    assert cli("client", "revoke", world.layout.root, "nobody").returncode == 2
    assert json.loads(cli("api", "--document").stdout)["openapi"] == "3.1.1"


def test_programs_read_no_advice_for_operators(world: World, caplog: pytest.LogCaptureFixture) -> None:
    token, away = world.token(Scope.REGISTRY_READ), world.layout.register.with_name("away")
    world.layout.register.rename(away)
    try:
        answer = world.get(f"{PATH}/sites", token)
    finally:
        away.rename(world.layout.register)
    assert (answer.status, answer.kind, answer.json["detail"]) == (
        503,
        "application/problem+json",
        "not possible now; try again in some minutes",
    )
    assert str(world.layout.root) in caplog.text
