from __future__ import annotations

import itertools
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drivers.errors import Unavailable
from drivers.image_camera import ImageCamera


def write(path: Path, grey: int) -> None:
    Image.fromarray(np.full((24, 32, 3), grey, np.uint8)).save(path)


def test_a_folder_comes_in_the_order_of_its_names_and_broken_pictures_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "c.png", 30)
    write(tmp_path / "a.webp", 10)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    camera = ImageCamera(str(tmp_path), fps=1000)
    with caplog.at_level(logging.WARNING):
        greys = [int(frame.grey[0, 0]) for frame in camera.frames()]
    assert greys == [10, 30]
    assert camera.skipped == 1
    assert caplog.messages == ["picture b.jpg skipped: it cannot be read (UnidentifiedImageError)"]


def test_loop_begins_again(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 1)
    write(tmp_path / "b.png", 2)
    camera = ImageCamera(str(tmp_path), fps=1000, loop=True)
    assert [int(frame.grey[0, 0]) for frame in itertools.islice(camera.frames(), 5)] == [1, 2, 1, 2, 1]
    camera.close()


def test_pictures_come_at_their_rate(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 1)
    camera = ImageCamera(str(tmp_path / "a.png"), fps=50, loop=True)
    times = [frame.at_s for frame in itertools.islice(camera.frames(), 11)]
    assert 0.19 <= times[-1] - times[0] <= 0.6


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_nothing_there_is_told_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unavailable, match=f"{name}' cannot be opened"):
        ImageCamera(str(tmp_path / name))


@pytest.mark.parametrize("loop", [False, True])
def test_a_folder_without_one_readable_picture_does_not_spin(loop: bool, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(Unavailable, match="no picture that can be read"):
        list(ImageCamera(str(tmp_path), loop=loop).frames())
