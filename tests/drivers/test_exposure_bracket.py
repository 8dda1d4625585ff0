from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.exposure_bracket import LONG_US, SHORT_US, Exposure, ExposureBracket

FRAME_S = 1 / 30


def film(
    bracket: ExposureBracket, light: list[float], delay: int, lost: frozenset[int] = frozenset()
) -> tuple[list[Exposure], list[float]]:
    """A camera whose settings reach the sensor `delay` frames late; light: grey levels for one µs at gain 1.

    Of what is asked, the requests `lost` (counted from 0) never reach it.
    """
    pipeline = [bracket.first()] * (delay + 1)
    taken, greys, requests = [], [], 0
    for number, level in enumerate(light):
        exposure = pipeline.pop(0)
        grey = min(255.0, level * exposure.us * exposure.gain)
        asked = bracket.after_frame(exposure, grey, number * FRAME_S)
        requests += asked is not None
        asked = None if requests - 1 in lost else asked
        pipeline.append(asked or pipeline[-1] if pipeline else asked or exposure)
        taken.append(exposure)
        greys.append(grey)
    return taken, greys


@given(level=st.floats(0.001, 0.05), delay=st.integers(0, 4))
def test_both_exposures_come_and_reach_the_target_where_gain_can(level: float, delay: int) -> None:
    taken, greys = film(ExposureBracket(), [level] * 80, delay)
    assert {exposure.us for exposure in taken[-24:]} == {LONG_US, SHORT_US}
    for exposure, grey in zip(taken[-24:], greys[-24:], strict=True):
        reachable = min(16.0, max(1.0, 190 / level / exposure.us))
        assert grey == pytest.approx(min(255.0, level * exposure.us * reachable), rel=0.25)


@given(light=st.lists(st.floats(0, 100), max_size=60), delay=st.integers(0, 4))
def test_whatever_the_light_what_is_asked_stays_within_the_camera(light: list[float], delay: int) -> None:
    taken, _greys = film(ExposureBracket(most_gain=8.0), light, delay)
    assert all(exposure.us in {LONG_US, SHORT_US} and 1.0 <= exposure.gain <= 8.0 for exposure in taken)


def test_each_is_held_by_the_clock_however_few_frames_were_seen() -> None:
    bracket = ExposureBracket(hold_s=0.2)
    at_s = [0.0, 0.19, 0.21, 0.30, 0.42, 1.0]
    asked = [bracket.after_frame(Exposure(LONG_US, 4.0), 190.0, each_s) for each_s in at_s]
    assert [exposure.us if exposure else None for exposure in asked] == [None, None, SHORT_US, None, LONG_US, SHORT_US]


@given(first=st.integers(0, 8), delay=st.integers(0, 2))
def test_a_request_that_was_lost_is_repeated_and_no_turn_is_missed(first: int, delay: int) -> None:
    taken, _greys = film(ExposureBracket(), [190 / 4.0 / LONG_US] * 120, delay, frozenset({first}))
    runs = [len(list(run)) for _us, run in groupby(exposure.us for exposure in taken)]
    assert max(runs) < 14  # a hold is seven frames: three would pass without a repetition
    assert min(runs[:-1]) >= 2


def test_a_burnt_frame_is_answered_at_once() -> None:
    asked = ExposureBracket().after_frame(Exposure(LONG_US, 4.0), 255.0, 0.0)
    assert asked == Exposure(LONG_US, 1.0)


@pytest.mark.parametrize("wrong", [{"short_us": 0}, {"short_us": 9_000}, {"hold_s": 0}, {"most_gain": 0.5}])
def test_no_bracket_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no bracket"):
        ExposureBracket(**wrong)  # type: ignore[arg-type]
