from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from drivers.grey_plane import copy_grey, has_grey


def padded(rows: NDArray[np.uint8], padding: int) -> NDArray[np.uint8]:
    """The rows as a camera's buffer has them: each followed by bytes that mean nothing, all by the planes of colour."""
    wide = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    return np.concatenate([wide.ravel(), np.full(wide.size // 2, 77, np.uint8)])


def colours(seed: int, width: int, height: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


sizes = st.tuples(st.integers(1, 40), st.integers(1, 30))


@given(sizes, st.integers(0, 64), st.sampled_from(["YUV420", "NV12", "NV21", "R8"]))
def test_a_grey_plane_comes_first_and_without_its_padding(size: tuple[int, int], padding: int, pixel_format: str) -> None:
    grey = colours(1, *size)[..., 0]
    assert has_grey(pixel_format)
    assert np.array_equal(copy_grey(padded(grey, padding), pixel_format, size, size[0] + padding), grey)


@given(sizes, st.integers(0, 64), st.sampled_from(["YUYV", "YVYU", "UYVY", "VYUY"]))
def test_grey_between_colours_is_picked_out(size: tuple[int, int], padding: int, pixel_format: str) -> None:
    size = (size[0] * 2, size[1])
    pairs = colours(2, *size)[..., :2]
    grey = pairs[..., pixel_format.index("Y")]
    buffer = padded(pairs.reshape(size[1], -1), padding)
    assert np.array_equal(copy_grey(buffer, pixel_format, size, 2 * size[0] + padding), grey)


@given(sizes, st.integers(0, 64), st.sampled_from(["RGB888", "BGR888", "XRGB8888", "XBGR8888"]))
def test_colours_become_the_luma_that_pillow_makes_of_them(size: tuple[int, int], padding: int, pixel_format: str) -> None:
    red_green_blue = colours(3, *size)
    in_memory = red_green_blue if "BGR" in pixel_format else red_green_blue[..., ::-1]  # named from the highest byte down
    if pixel_format.startswith("X"):
        in_memory = np.concatenate([in_memory, np.full((*in_memory.shape[:2], 1), 9, np.uint8)], axis=2)
    stride = size[0] * in_memory.shape[2] + padding
    grey = copy_grey(padded(in_memory.reshape(size[1], -1), padding), pixel_format, size, stride)
    expected = np.asarray(Image.fromarray(red_green_blue).convert("L"))
    assert np.abs(grey.astype(int) - expected).max() <= 1


def test_the_picture_outlives_its_buffer() -> None:
    buffer = np.full(12, 7, np.uint8)
    grey = copy_grey(buffer, "YUV420", (2, 2), 4)
    buffer[:] = 0
    assert grey.tolist() == [[7, 7], [7, 7]]


def test_an_unknown_format_and_a_short_buffer_are_refused() -> None:
    assert not has_grey("MJPEG")
    with pytest.raises(ValueError, match="MJPEG"):
        copy_grey(np.zeros(64, np.uint8), "MJPEG", (4, 4), 4)
    with pytest.raises(ValueError, match="reshape"):
        copy_grey(np.zeros(15, np.uint8), "YUV420", (4, 4), 4)
