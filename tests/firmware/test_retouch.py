"""Retouches keep to bytes, to sizes and to what they promise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware.retouch import blurred, darkest, doubled, halved, sharpened

Retouch = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
ALL: list[Retouch] = [halved, doubled, blurred, sharpened, darkest]
pictures = st.builds(
    lambda seed, height, width: np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8),
    st.integers(0, 2**32 - 1),
    st.integers(1, 40),
    st.integers(1, 40),
)


@pytest.mark.parametrize("retouch", ALL)
@settings(max_examples=60, deadline=None)
@given(picture=pictures)
def test_pictures_of_any_size_stay_pictures_and_the_original_is_left_alone(retouch: Retouch, picture: NDArray[np.uint8]) -> None:
    before = picture.copy()
    after = retouch(picture)
    assert after.dtype == np.uint8
    assert after.ndim == 2
    assert after.size > 0
    assert np.array_equal(picture, before)
    assert after.min() >= 0 if retouch is sharpened else after.min() >= picture.min()
    assert after.max() <= 255 if retouch is sharpened else after.max() <= picture.max()


@pytest.mark.parametrize("retouch", ALL)
@given(grey=st.integers(0, 255), height=st.integers(1, 30), width=st.integers(1, 30))
def test_a_plain_wall_stays_a_plain_wall(retouch: Retouch, grey: int, height: int, width: int) -> None:
    assert np.unique(retouch(np.full((height, width), grey, np.uint8))).tolist() == [grey]


@given(picture=pictures)
def test_halved_and_doubled_change_the_size_only_so(picture: NDArray[np.uint8]) -> None:
    height, width = picture.shape
    assert doubled(picture).shape == (2 * height, 2 * width)
    assert halved(picture).shape == ((height // 2, width // 2) if min(height, width) > 1 else (height, width))
    assert np.array_equal(doubled(picture)[::2, ::2], picture)


def test_sharpened_takes_back_a_blur() -> None:
    stripes = np.tile(np.repeat([40, 200], 3), 10).astype(np.uint8)[None].repeat(60, axis=0)
    soft = blurred(stripes)
    middle = (slice(15, 45), slice(15, 45))
    assert sharpened(soft)[middle].std() > 1.2 * soft[middle].std()


def test_darkest_joins_strokes() -> None:
    paper = np.full((20, 20), 200, np.uint8)
    paper[10, 10] = 0
    assert (darkest(paper) == 0).sum() == 4
