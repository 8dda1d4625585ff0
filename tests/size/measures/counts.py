"""What reads counts of the whole register: what `gate-province logs` shows of every log, and which days retention would close."""

from __future__ import annotations

import time
from collections.abc import Callable

from measures import Measure, told
from size_world import World

from province.base.clock import now_ms
from province.records import views
from province.records.retention import DEFAULT_DAYS, Retention


def measure(world: World) -> list[Measure]:
    """How long each takes."""
    with world.register() as connection:
        retention = Retention(connection, world.layout.register, world.keystore, DEFAULT_DAYS, now_ms())
        return [
            told("logs of every scanner", _taken_ms(lambda: views.logs(connection)), "ms"),
            told("retention: days to close", _taken_ms(retention.due), "ms"),
            told("retention: is the clock to be believed", _taken_ms(retention.doubt), "ms"),
        ]


def _taken_ms(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return (time.perf_counter() - began_s) * 1000
