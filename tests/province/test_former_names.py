"""A log that names the end of one written under another name: whose chain that counts against. Over a real broker."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
from conftest import World
from province_world import Log, Scanner, session

from edge_agent.wire.entry import LogHead
from edge_agent.wire.topics import DeviceName
from province.records import views
from province.records.alerts import AlertKind
from province.registry import devices
from province.store import database


@pytest.fixture
def before(world: World) -> Scanner:
    return world.new_scanner()


@pytest.fixture
def now(world: World) -> Scanner:
    return world.new_scanner()


def moved(world: World, before: Scanner, now: Scanner) -> None:
    """As the register has it once the device with that key has joined under the other name."""
    with closing(database.connect(world.layout.register)) as connection, database.transaction(connection, world.layout.register):
        old, new = devices.find(connection, before.name), devices.find(connection, now.name)
        assert old is not None
        assert new is not None
        devices.put(connection, replace(old, public_key=new.public_key, status=devices.MOVED))


def delivered(scanner: Scanner, count: int) -> Log:
    log = Log.new(scanner)
    with session(scanner) as device:
        device.deliver(*(log.append() for _ in range(count)))
    return log


def begin(scanner: Scanner, predecessor: LogHead | None) -> Log:
    log = Log.new(scanner)
    with session(scanner) as device:
        device.deliver(log.append(predecessor=predecessor))
    return log


def told(world: World, *scanners: Scanner) -> list[tuple[AlertKind, DeviceName, bytes, int]]:
    with closing(database.connect(world.layout.register)) as connection:
        return [(one.kind, one.name, one.log, one.seq) for scanner in scanners for one in views.alerts(connection, scanner.name)]


def gaps(world: World, scanner: Scanner) -> list[tuple[tuple[int, int], ...]]:
    with closing(database.connect(world.layout.register)) as connection:
        return [state.gaps for state in views.logs(connection) if state.name == scanner.name]


def test_of_the_same_key_it_is_the_end_of_the_old_names_log(world: World, before: Scanner, now: Scanner) -> None:
    log = delivered(before, 2)
    moved(world, before, now)
    end = LogHead(log.log, 5, bytes(range(32)))
    begin(now, end)
    assert told(world, before, now) == [(AlertKind.CUT_PREDECESSOR, before.name, log.log, 5)]
    assert (gaps(world, before), gaps(world, now)) == ([((3, 5),)], [()])


@pytest.mark.parametrize("same_key", [True, False])
def test_where_all_has_come_nothing_is_told(world: World, before: Scanner, now: Scanner, same_key: bool) -> None:
    log = delivered(before, 2)
    if same_key:
        moved(world, before, now)
    begin(now, log.head)
    assert told(world, before, now) == []
    assert (gaps(world, before), gaps(world, now)) == ([()], [()])


@pytest.mark.parametrize("seq", [1, 5])
def test_of_another_key_it_is_no_word_against_the_other_device(world: World, before: Scanner, now: Scanner, seq: int) -> None:
    log = delivered(before, 2)
    begin(now, LogHead(log.log, seq, bytes(range(32))))
    assert told(world, before, now) == [(AlertKind.CUT_PREDECESSOR, now.name, log.log, seq)]
    assert gaps(world, before) == [()]


def test_a_new_name_with_no_word_of_the_old_log_is_told(world: World, before: Scanner, now: Scanner) -> None:
    delivered(before, 2)
    moved(world, before, now)
    log = begin(now, None)
    assert told(world, before, now) == [(AlertKind.UNANNOUNCED_LOG, now.name, log.log, 1)]
