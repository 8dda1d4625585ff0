"""A name that is taken is refused at the office already, where somebody sees it, not only at the site."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import admission_world
import pytest
from admission_world import GRANT, Province, new_keys
from province_world import cli

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.wire.joining import Outcome
from edge_agent.wire.ticket import fingerprint, shown
from edge_agent.wire.topics import DeviceName
from province.registry import sites, tickets
from province.registry.categories import Category
from province.registry.site import new_site
from province.store import database

province = admission_world.province
SITE = ("--site", "tuyen-8", "--gate", GRANT.gate)


@pytest.fixture
def taken(province: Province) -> DeviceKeys:
    """The keys of the device that has the name."""
    with closing(database.connect(province.layout.register)) as connection:
        bus = new_site("tuyen-8", "bus-co", GRANT.site, Category.VEHICLE, "Huế", (GRANT.gate,), plate="75B-012.34", route="8")
        sites.add(connection, province.layout.register, bus)
    keys = new_keys()
    province.welcome(province.ticket(), keys)
    return keys


def label(keys: DeviceKeys) -> str:
    return shown(fingerprint(keys.signing.public_key()))


@pytest.mark.usefixtures("taken")
def test_nobody_is_approved_under_the_name_of_another(province: Province) -> None:
    waiting = new_keys()
    assert province.ask(province.ticket(None), waiting).outcome is Outcome.WAIT
    approve = ("approve", province.layout.root, label(waiting), *SITE, "--device")
    refused = cli(*approve, GRANT.name.device)
    assert (refused.returncode, "is a device with another key" in refused.stderr) == (2, True), refused.stderr
    assert cli(*approve, "scanner-2").returncode == 0
    assert province.welcome(province.ticket(None), waiting).name == DeviceName("bus-co", "scanner-2")


def test_a_ticket_for_a_taken_name_says_that_it_moves_its_device(province: Province, taken: DeviceKeys) -> None:
    ask = ("ticket", province.layout.root, *SITE, "--device", GRANT.name.device, "--json")
    made = cli(*ask)
    assert (made.returncode, "moves that very device" in made.stderr) == (0, True), made.stderr
    assert cli(*ask, "--key", label(taken)).returncode == 0
    refused = cli(*ask, "--key", label(new_keys()))
    assert (refused.returncode, f"with another key, {label(taken)}" in refused.stderr) == (2, True), refused.stderr
    with closing(database.connect(province.layout.register)) as connection:
        free = replace(GRANT, name=DeviceName("bus-co", "scanner-3"))
        assert tickets.give_out(connection, free, province.now_ms)
    assert "moves" not in cli(*ask[:-2], "scanner-3", "--json").stderr
