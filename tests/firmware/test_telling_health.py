"""What firmware adds for the operator's desk: how long looks take, and a vehicle's place to 200 m and no better."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis.strategies import floats, lists

from firmware.look_times import LookTimes
from firmware.whereabouts import rounded

_DEGREE_M = 40_007_863 / 360


def apart_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    east = (one[1] - other[1]) * math.cos(math.radians(one[0]))
    return math.hypot(one[0] - other[0], east) * _DEGREE_M


@given(latitude=floats(-80, 80), longitude=floats(-179, 179))
def test_a_place_is_told_near_enough_and_not_nearer(latitude: float, longitude: float) -> None:
    told = rounded(latitude, longitude)
    assert apart_m(told, (latitude, longitude)) < 160, "half the grid's diagonal, and four decimals"
    for north_m, east_m in ((60, 0), (-60, 0), (0, 60), (0, -60)):  # from a grid's point, as far as it is alone
        beside = told[0] + north_m / _DEGREE_M, told[1] + east_m / _DEGREE_M / math.cos(math.radians(told[0]))
        assert apart_m(rounded(*beside), told) < 25, "whoever stops anywhere near is told at the same point"


@given(took=lists(floats(0, 5000), max_size=600))
def test_percentiles_are_of_the_newest_looks(took: list[float]) -> None:
    times = LookTimes()
    for took_ms in took:
        times.add(took_ms)
    told, newest = times.percentiles(), sorted(took[-512:])
    assert bool(told) == bool(took)
    for name, part in (("look_p50_ms", 0.50), ("look_p95_ms", 0.95)) if took else ():
        assert sum(each <= told[name] + 0.006 for each in newest) >= part * len(newest)
        assert sum(each < told[name] - 0.006 for each in newest) <= part * len(newest)
