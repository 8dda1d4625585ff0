"""When a restart could help: never for one lane of two, never for a reader that nobody comes to."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis.strategies import booleans, builds, integers, just, lists

from firmware.vigil import HUNG_S, REOPENINGS, Signs, Vigil

IDLE = Signs("serial", steps=2, in_vain=0, works=True, may_be_silent=True, over=False)
CAMERA = Signs("camera", steps=2, in_vain=0, works=True, may_be_silent=False, over=False)
AWAY = Signs("away", steps=61, in_vain=REOPENINGS, works=False, may_be_silent=False, over=False)


class Clock:
    def __init__(self) -> None:
        self.now_s = 5000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_reader_nobody_comes_to_for_an_hour_is_well() -> None:
    vigil = Vigil(clock=(clock := Clock()))
    for _ in range(720):
        clock.now_s += 5
        assert not vigil.hopeless([IDLE])


def test_one_stalled_lane_of_two_is_no_reason_and_two_are() -> None:
    vigil = Vigil(clock=(clock := Clock()))
    for minute in range(60):
        clock.now_s += 60
        stalled = replace(AWAY, steps=2 * minute, in_vain=minute)
        assert not vigil.hopeless([IDLE, stalled])
        assert vigil.hopeless([stalled, AWAY]) is (minute >= REOPENINGS)


def test_a_camera_that_goes_on_is_well_and_one_that_hangs_is_not() -> None:
    vigil = Vigil(clock=(clock := Clock()))
    for frame in range(300):
        clock.now_s += 5
        assert not vigil.hopeless([replace(CAMERA, steps=frame)])
    clock.now_s += HUNG_S - 5
    assert not vigil.hopeless([replace(CAMERA, steps=299)])
    assert not vigil.hopeless([replace(CAMERA, steps=300)])
    clock.now_s += HUNG_S
    assert vigil.hopeless([replace(CAMERA, steps=300)])


def test_a_reader_that_hangs_while_it_is_opened_is_not_silent_but_lost() -> None:
    vigil = Vigil(clock=(clock := Clock()))
    opening = Signs("serial", steps=1, in_vain=0, works=False, may_be_silent=False, over=False)
    assert not vigil.hopeless([opening])
    clock.now_s += HUNG_S
    assert vigil.hopeless([opening])


def test_what_no_restart_would_change_is_not_waited_for() -> None:
    over = replace(AWAY, lane="wrong", over=True)
    assert not Vigil().hopeless([over])
    assert Vigil().hopeless([over, AWAY])
    assert not Vigil().hopeless([])


def test_each_restart_in_vain_doubles_the_patience_up_to_hours() -> None:
    needed = [next(n for n in range(100_000) if Vigil(restarts).hopeless([replace(AWAY, in_vain=n)])) for restarts in range(9)]
    assert needed == [REOPENINGS * 2**doublings for doublings in (0, 1, 2, 3, 4, 5, 6, 6, 6)]


@given(others=lists(builds(Signs, just("other"), integers(0), integers(0), booleans(), booleans(), booleans()), max_size=4))
def test_one_lane_that_works_is_enough(others: list[Signs]) -> None:
    assert not Vigil().hopeless([*others, IDLE])
