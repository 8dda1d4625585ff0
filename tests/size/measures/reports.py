"""What a report costs from the question to the file: each form and summary as DOCX and XLSX, the province surveyed anew for each.

Checked against the plan: who passed on the day, by registered site, is what the living province did.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
from measures import Measure, at_most, none_of, told
from size_living import DAY_MS
from size_world import World

from province.reports import as_docx, as_xlsx, making, rollup
from province.reports.counting import Survey, added
from province.reports.form import Document
from province.store.opened import Connection

_BAR_MS = 5000.0
_WRITERS: tuple[Callable[[Document, int], bytes], ...] = (as_docx.write, as_xlsx.write)


def measure(world: World) -> list[Measure]:
    """How long each takes, the slowest with its bar."""
    day = world.last_day - timedelta(days=1)
    with world.register() as connection:
        began_s = time.perf_counter()
        known = making.survey(connection, day, world.now_ms)
        survey_ms = (time.perf_counter() - began_s) * 1000
        times_ms = {
            f"{name} {write.__module__[-4:]}": _taken_ms(lambda make=make, write=write: write(make(connection), world.now_ms))  # type: ignore[misc]
            for name, make in _reports(world, known).items()
            for write in _WRITERS
        }
    slowest = max(times_ms, key=lambda name: times_ms[name])
    world.say(f"the slowest report: {slowest}")
    return [
        told("the province surveyed for a report", survey_ms, "ms"),
        told(f"a report of {len(times_ms)}, half of them", float(np.percentile(list(times_ms.values()), 50)), "ms"),
        at_most("the slowest report", times_ms[slowest], "ms", _BAR_MS),
        none_of("passages a report tells wrongly", abs(_passed(world) - added(known.today.values()).passages), "passages"),
    ]


def _reports(world: World, known: Survey) -> dict[str, Callable[[Connection], Document]]:
    """One organisation of each kind that reports, and the two summaries."""
    day, asked_ms = known.day, world.now_ms
    first_of = {one.sector: one.id for one in reversed(making.those_reporting(known.organisations.values()))}
    found: dict[str, Callable[[Connection], Document]] = {
        f"form of a {sector.value}": lambda connection, organisation=organisation: making.of_organisation(  # type: ignore[misc]
            making.survey(connection, day, asked_ms), organisation
        )
        for sector, organisation in first_of.items()
    }
    return found | {
        "roll-up": lambda connection: rollup.daily(making.survey(connection, day, asked_ms)),
        "week": lambda connection: making.of_week(connection, day, asked_ms),
    }


def _passed(world: World) -> int:
    """How often somebody passed on the day before the last, by the plan."""
    first_ms = (world.last_day - world.first_day).days * DAY_MS - DAY_MS
    return int(((world.passages.at_ms >= first_ms) & (world.passages.at_ms < first_ms + DAY_MS)).sum())


def _taken_ms(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return (time.perf_counter() - began_s) * 1000
