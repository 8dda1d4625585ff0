"""What a site's board shows when it is opened: its last 50 passages, masked, and how many are inside; of the fullest sites, and others."""

from __future__ import annotations

import time

import numpy as np
from measures import Measure, at_most, told
from size_living import DAY_MS, IN
from size_world import World

from province.records import site_views

_SITES = 100
_SHOWN = 50
_BAR_MS = 100.0


def measure(world: World) -> list[Measure]:
    """How long each takes."""
    last, inside = [], []
    with world.register() as connection:
        for number in _chosen(world):
            place = world.places[number]
            began_s = time.perf_counter()
            shown = site_views.latest(connection, world.keystore, place.org, place.name, _SHOWN)
            middle_s = time.perf_counter()
            present = site_views.present(connection, place.org, place.name, world.last_day)
            last.append((middle_s - began_s) * 1000)
            inside.append((time.perf_counter() - middle_s) * 1000)
            _check(world, number, len(shown), present)
    return [
        told("a site's last 50 passages, half of 100 sites", float(np.percentile(last, 50)), "ms"),
        at_most("a site's last 50 passages, 95 of 100", float(np.percentile(last, 95)), "ms", _BAR_MS),
        at_most("a site's people inside, 95 of 100", float(np.percentile(inside, 95)), "ms", _BAR_MS),
    ]


def _chosen(world: World) -> list[int]:
    """The fullest sites and as many others."""
    site_of = np.repeat(np.arange(len(world.places)), [len(place.gates) for place in world.places])
    passages = np.bincount(site_of[world.passages.gate], minlength=len(world.places))
    fullest = np.argsort(passages)[::-1]
    return [int(number) for number in (*fullest[: _SITES // 2], *fullest[_SITES // 2 :][-_SITES // 2 :])]


def _check(world: World, number: int, shown: int, present: int) -> None:
    """Against the plan."""
    place, of = world.places[number], world.passages
    here = np.isin(of.gate, range(place.first_gate, place.first_gate + len(place.gates)))
    today = here & (of.at_ms >= (world.last_day - world.first_day).days * DAY_MS)
    wanted = int((of.direction[today] == IN).sum() - (of.direction[today] != IN).sum())
    assert shown >= min(_SHOWN, int(here.sum())), (place, shown)
    assert present == max(0, wanted), (place, present, wanted)
