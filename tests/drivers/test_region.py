from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.region import Rectangle, Region, crop_of


@st.composite
def regions(draw: st.DrawFn) -> Region:
    width, height = draw(st.integers(10, 100)), draw(st.integers(10, 100))
    return Region(draw(st.integers(0, 100 - width)), draw(st.integers(0, 100 - height)), width, height)


sensors = st.builds(Rectangle, st.integers(0, 50), st.integers(0, 50), st.integers(640, 9000), st.integers(480, 7000))
sizes = st.tuples(st.integers(160, 4608), st.integers(160, 2592))


@given(regions(), sensors, sizes)
def test_the_crop_lies_on_the_sensor_and_has_the_frames_proportions(region: Region, full: Rectangle, size: tuple[int, int]) -> None:
    crop = crop_of(region, full, size)
    assert crop.x >= full.x
    assert crop.y >= full.y
    assert crop.x + crop.width <= full.x + full.width
    assert crop.y + crop.height <= full.y + full.height
    if min(crop.width, crop.height) > 100:
        assert crop.width / crop.height == pytest.approx(size[0] / size[1], rel=0.03)


@given(sensors)
def test_the_whole_view_is_the_whole_sensor(full: Rectangle) -> None:
    assert crop_of(Region(0, 0, 100, 100), full, (full.width, full.height)) == full
