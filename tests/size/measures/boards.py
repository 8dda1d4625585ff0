"""What opening a site's board costs: its counts, and its last 50 passages opened and masked; of the fullest sites, and others.

Opened cold, as by the first who looks: nothing of the day is counted yet.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from measures import Measure, at_most, told
from size_living import DAY_MS
from size_world import World

from province.boards.asked import Asked
from province.boards.board import Board, Boards
from province.boards.passages import Sight
from province.registry import sites

_SITES = 100
_BAR_MS = 100.0


@dataclass(frozen=True, slots=True)
class _Taken:
    cold_ms: float
    warm_ms: float


def measure(world: World) -> list[Measure]:
    """How long each takes."""
    taken = []
    with world.register() as connection:
        registered = {(one.org, one.name): one for one in sites.every(connection)}
        for number in _chosen(world):
            place = world.places[number]
            site = registered[place.org, place.name]
            boards = Boards(world.layout, world.keystore, lambda: world.now_ms)
            times, board = list[float](), None
            for _ in range(2):
                began_s = time.perf_counter()
                board = boards.look(connection, site, Asked(world.last_day), Sight.MASKED, "measured", set())
                times.append((time.perf_counter() - began_s) * 1000)
            assert board is not None
            _check(world, number, board)
            taken.append(_Taken(*times))
    return [
        told("a board opened cold, half of 100 sites", _percent([one.cold_ms for one in taken], 50), "ms"),
        at_most("a board opened cold, 95 of 100", _percent([one.cold_ms for one in taken], 95), "ms", _BAR_MS),
        told("a board opened cold, the slowest", max(one.cold_ms for one in taken), "ms"),
        at_most("a board that others look at, 95 of 100", _percent([one.warm_ms for one in taken], 95), "ms", _BAR_MS),
    ]


def _percent(values: list[float], part: int) -> float:
    return float(np.percentile(values, part))


def _chosen(world: World) -> list[int]:
    """The fullest sites and as many others."""
    site_of = np.repeat(np.arange(len(world.places)), [len(place.gates) for place in world.places])
    passages = np.bincount(site_of[world.passages.gate], minlength=len(world.places))
    fullest = np.argsort(passages)[::-1]
    return [int(number) for number in (*fullest[: _SITES // 2], *fullest[_SITES // 2 :][-_SITES // 2 :])]


def _check(world: World, number: int, board: Board) -> None:
    """Against the plan: each person's passages today, and who of them came in last."""
    place, of = world.places[number], world.passages
    today = (of.at_ms >= (world.last_day - world.first_day).days * DAY_MS) & np.isin(
        of.gate, range(place.first_gate, place.first_gate + len(place.gates))
    )
    assert board.counts.inside <= len(set(of.person[today].tolist())), place
    assert bool(board.rows) == bool(today.any()), place
