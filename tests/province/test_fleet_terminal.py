"""The fleet in a terminal, driven by keys as a person would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from page_world import fill, fill_day, judge, told, until
from province_world import founded
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from edge_agent.wire.command import Action
from edge_agent.wire.telemetry import Outbox
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.layout import Layout
from province.fleet.accounts import Operator
from province.fleet.orders import Orders
from province.fleet.sight import Sight
from province.fleet.terminal import FleetTerminal
from province.fleet.terminal_device import DeviceScreen
from province.watch.fleet_rules import Trouble
from province.watch.fleet_store import FleetStore

WHO = Operator("lan", "cho-hue", commands=True, hashed="")


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = founded(tmp_path_factory.mktemp("terminal") / "province")
    with FleetStore(made.fleet_store) as store:
        fill(store, 24, now_ms())
        fill_day(store, DeviceName("cho-hue", "may-002"), now_ms())
    return made


@pytest.fixture
def sight(layout: Layout) -> Iterator[Sight]:
    made = Sight(layout.fleet_store)
    made.start()
    yield made
    made.stop()


def driven(app: FleetTerminal, keys: Callable[[Pilot[None]], Awaitable[None]]) -> None:
    async def run() -> None:
        async with app.run_test(size=(130, 40)) as pilot:
            await pilot.pause()
            await keys(pilot)

    asyncio.run(run())


def listed(app: FleetTerminal) -> list[str]:
    return [str(app.query_one(DataTable).get_row_at(at)[1]) for at in range(app.query_one(DataTable).row_count)]


def text(app: FleetTerminal, which: str) -> str:
    return str(app.screen.query_one(which, Static).render())


def test_the_list_shows_one_organisation_and_filters_by_keys(sight: Sight) -> None:
    app = FleetTerminal(sight, WHO, None)

    async def keys(pilot: Pilot[None]) -> None:
        assert {name.partition("/")[0] for name in listed(app)} == {"cho-hue"}
        assert len(listed(app)) == 18
        assert listed(app)[0] == "cho-hue/may-006"  # the worst first: a fork
        await pilot.press("s", "s")
        assert listed(app) == ["cho-hue/may-012", "cho-hue/may-023"]
        await pilot.press("escape", "slash", *"dong ba", "enter")
        assert len(listed(app)) == 6
        await pilot.press("escape", "l")
        assert "Offline 2" in text(app, "#counts")

    driven(app, keys)


def test_what_a_device_tells_is_there_by_itself(sight: Sight, layout: Layout) -> None:
    app, name = FleetTerminal(sight, WHO, None), DeviceName("cho-hue", "may-003")

    async def keys(pilot: Pilot[None]) -> None:
        with FleetStore(layout.fleet_store) as store:
            store.told(name, told(2, now_ms(), outbox=Outbox(77, 1, 1, 1.0)), None, now_ms())
        before = sight.picture
        await asyncio.to_thread(until, lambda: sight.picture is not before)
        app.follow()
        await pilot.pause()
        assert str(app.query_one(DataTable).get_cell(str(name), "waiting")) == "77"

    driven(app, keys)


def test_a_device_its_alert_is_taken_on_and_a_command_goes_after_a_second_question(sight: Sight, layout: Layout) -> None:
    given: list[tuple[DeviceName, Action, str, str]] = []
    orders = Orders(layout, ("127.0.0.1", 1))  # not started: it keeps what it was given
    app, name = FleetTerminal(sight, WHO, orders, "en"), DeviceName("cho-hue", "may-002")

    async def keys(pilot: Pilot[None]) -> None:
        await app.push_screen(DeviceScreen(app.desk, name))
        await pilot.pause()
        assert "too little voltage" in text(app, "#alerts")
        assert "Release" in text(app, "#facts")
        await pilot.press("slash", "s", "l", "l")  # the list's keys are the list's
        assert app.focused is None or app.focused.id != "find"
        await pilot.press("k", *"called", "enter")
        await pilot.pause()
        await pilot.press("c", "enter", "escape")  # not after all
        assert orders.of(name) == []
        await pilot.press("c", "enter", *"which", "enter")
        given.extend((each.name, each.action, each.reason, each.by) for each in orders.of(name))

    driven(app, keys)
    assert given == [(name, Action.IDENTIFY, "which", "lan")]
    with FleetStore(layout.fleet_store) as store:
        alert = next(each for each in store.alerts("cho-hue") if each.name == name and each.trouble is Trouble.POWER)
    assert (alert.acknowledged_by, alert.acknowledged_note) == ("lan", "called")


def test_a_device_that_is_registered_no_more_is_left(tmp_path: Path) -> None:
    with FleetStore(tmp_path / "fleet.sqlite") as store:
        names = fill(store, 4, now_ms())
        judge(store, now_ms())
        sight = Sight(tmp_path / "fleet.sqlite")
        sight.start()
        app = FleetTerminal(sight, WHO, None)

        async def keys(pilot: Pilot[None]) -> None:
            await app.push_screen(DeviceScreen(app.desk, names[1]))
            store.registered([each for each in store.devices(None) if each.name != names[1]])
            await asyncio.to_thread(until, lambda: names[1] not in sight.picture)
            await asyncio.to_thread(until, lambda: not isinstance(app.screen, DeviceScreen))
            await pilot.pause()

        driven(app, keys)
        sight.stop()
