"""The living province: the same of one seed, whole by the province's own measures, and with what each page wants to show."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from living_world import living_layout
from sqlalchemy import func, select

from edge_agent.wire.entry import Direction
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.layout import Layout
from province.demo.living import Living
from province.demo.living_accounts import add_accounts
from province.demo.living_days import POSTER, checkins, f0_of, steps
from province.demo.living_fleet import Speaking
from province.demo.living_places import BODIES, COMMUNES, FIGURES, SPOTS, where
from province.demo.living_reports import make_reports, tell_figures
from province.keys.keystore import Keystore
from province.records import views
from province.records.views import day_bounds_ms
from province.registry import devices, organisations, sites, units
from province.reports import coverage, shelf
from province.reports.counting import added, look
from province.reports.shelf import Kind
from province.store import database, schema
from province.store.opened import Connection
from province.watch.fleet_store import FleetStore

People = tuple[Layout, Living]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> People:
    folder: Path = tmp_path_factory.mktemp("living")
    return living_layout(folder, days=3, people=60)


@pytest.fixture
def connection(made: People) -> Iterator[Connection]:
    with closing(database.connect(made[0].register)) as opened:
        yield opened


def test_a_day_is_the_same_of_one_seed_and_another_of_another() -> None:
    day = steps("2026-11-20", 40, 1)
    assert day == steps("2026-11-20", 40, 1)
    assert day != steps("2026-11-20", 40, 2)
    assert day != steps("2026-11-21", 40, 1)
    assert day == sorted(day, key=lambda step: (step.at_ms, step.who))
    assert [step for step in day if step.who < 20] == steps("2026-11-20", 20, 1)


def test_nobody_leaves_where_they_did_not_enter_and_nobody_is_at_two_places() -> None:
    for who in range(60):
        inside = None
        for step in (step for step in steps("2026-11-20", 60, 3) if step.who == who):
            if step.direction is Direction.IN:
                inside = step.spot
            else:
                assert inside is step.spot
                inside = None
            assert step.gate in step.spot.gates
            assert not step.spot.is_silent


def test_the_register_holds_all_of_it_chained_and_findable(made: People, connection: Connection) -> None:
    layout, living = made
    assert living.entries > 100
    logs = views.logs(connection)
    assert [log for log in logs if log.gaps or log.forks or log.alerts] == []
    found = views.find(connection, Keystore(layout.keystore), living.f0.id_number)
    ours = [step for day in living.days for step in steps(day.isoformat(), len(living.people), 1) if step.who == 0]
    assert [(one.site, one.gate, one.direction) for one in found] == [
        (step.spot.name, step.gate, str(step.direction)) for step in ours[: len(found)]
    ]
    assert len(found) >= 6


def test_the_registry_has_units_organisations_and_sites_of_many_kinds(connection: Connection) -> None:
    assert {one.id for one in units.every(connection)} >= set(COMMUNES)
    assert {one.id for one in organisations.every(connection)} >= {body.id for body in BODIES}
    found = sites.every(connection)
    assert len(found) == len(SPOTS) == 40
    assert len({one.category for one in found}) >= 20
    assert sum(spot.is_silent for spot in SPOTS) == 4
    assert len(devices.every(connection)) == sum(len(spot.gates) for spot in SPOTS) + 1  # and the check-in page


def test_its_scanners_are_in_every_state(made: People) -> None:
    with FleetStore(made[0].fleet_store) as store:
        troubles = {alert.trouble for alert in store.alerts(None)}
        silent = [seen for seen in store.devices(None) if seen.telemetry is None]
    assert {"offline", "power", "source", "backlog"} <= troubles
    assert silent


def test_its_scanners_tell_what_they_made_today_and_the_register_has(made: People) -> None:
    layout, living = made
    begins_ms = day_bounds_ms(living.days[-1])[0]
    of_today = select(schema.entry.c.org, schema.entry.c.device, func.count()).where(schema.entry.c.wall_ms >= begins_ms)
    with closing(database.connect(layout.register)) as connection:
        counted = connection.execute(of_today.group_by(schema.entry.c.org, schema.entry.c.device)).all()
    made_today = {DeviceName(org, device): count for org, device, count in counted}
    assert sum(made_today.values()) > 0
    with FleetStore(layout.fleet_store) as store:
        heard = {one.name for one in living.scanners if not one.is_away}
        told = {seen.name: seen.telemetry.log for seen in store.devices(None) if seen.name in heard and seen.telemetry is not None}
    assert {name: log and log.entries_today for name, log in told.items()} == {name: made_today.get(name, 0) for name in told}


def test_its_scanners_go_on_telling(made: People) -> None:
    layout, living = made
    later_ms = now_ms() + 3_600_000
    with FleetStore(layout.fleet_store) as store:
        Speaking(layout, living.scanners, lambda: later_ms).tell(store)
        told = {seen.name for seen in store.devices(None) if seen.told_ms == later_ms}
    assert told == {one.name for one in living.scanners if not one.is_away}
    assert len(told) > 40


def test_who_checks_in_by_a_poster_is_seen_by_no_scanner_that_day() -> None:
    scanned = {step.who for step in steps("2026-11-20", 300, 3)}
    found = checkins("2026-11-20", 300, 3, scanned)
    assert found == checkins("2026-11-20", 300, 3, scanned)
    assert len({step.who for step in found}) > 10
    assert not {step.who for step in found} & scanned
    assert f0_of(300) not in {step.who for step in checkins("2026-11-20", 300, 3, ())}
    assert all(step.spot.poster and step.gate == POSTER for step in found)
    for who in {step.who for step in found}:
        ways = [step.direction for step in found if step.who == who]
        assert ways in ([Direction.IN], [Direction.IN, Direction.OUT])


def test_its_sites_lie_apart() -> None:
    points = [where(spot) for spot in SPOTS]
    assert min(math.dist(one, other) for one, other in itertools.combinations(points, 2)) > 0.001  # a hundred metres


def test_its_reports_are_made_and_count_who_checked_in_and_what_was_typed(made: People, connection: Connection) -> None:
    layout, living = made
    tell_figures(layout, living.days[0], "tester", now_ms())
    after_ms = day_bounds_ms(living.days[-1])[0] + 15 * 3_600_000  # of the days before the last both kinds are made by then
    make_reports(layout, living.days, after_ms)
    kinds = [(one.which.kind, one.which.day) for one in shelf.every(connection) if not one.is_late]
    assert {day for kind, day in kinds if kind is Kind.PROVINCE} == set(living.days[:-1])
    assert {day for kind, day in kinds if kind is Kind.UNIT} == set(living.days[:-1])
    survey = look(connection, living.days[-2], after_ms)
    assert added(survey.today.values()).self_in > 0
    assert survey.elsewhere.passages == 0
    assert "chung-cu-b" in survey.ever  # nobody scans there, but its poster is used
    assert coverage.whole(survey).installs.whole == sum(one.people for one in FIGURES.values())


def test_somebody_of_each_role_can_come_in(made: People) -> None:
    logins = add_accounts(made[0], now_ms())
    assert len({login.role for login in logins.values()}) == 6
    assert len({login.phone for login in logins.values()}) == len(logins)
    assert all(login.password not in repr(login) for login in logins.values())
