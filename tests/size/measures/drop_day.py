"""Retention closes the oldest day: its keys destroyed, its rows gone. It cannot be done twice to one province."""

from __future__ import annotations

import time

from measures import Measure, at_most, told
from size_world import World

from province.base.clock import now_ms
from province.keys.keystore import Absent
from province.records.retention import Retention

DESTROYS = True
_BAR_S = 1.0


def measure(world: World) -> list[Measure]:
    """How long it takes, with the destruction of the keys."""
    with world.register() as connection:
        kept_days = (world.last_day - world.first_day).days
        retention = Retention(connection, world.layout.register, world.keystore, kept_days, now_ms())
        [one, *_] = [each for each in retention.due() if each.entries]
        began_s = time.perf_counter()
        list(retention.close([one]))
        took_s = time.perf_counter() - began_s
    assert world.keystore.load(one.day) is Absent.DESTROYED
    closed = told("a day closed", took_s, "s") if world.url is None else at_most("a day closed", took_s, "s", _BAR_S)
    return [closed, told("entries of that day", one.entries, "entries")]
