"""What every camera must do, asked of each of them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import standin_picamera2
from PIL import Image

from drivers.camera import Camera
from drivers.catalogue import open_camera
from drivers.errors import BadUrl, Unavailable
from drivers.v4l2_camera import V4l2Camera

pytestmark = pytest.mark.timeout(30)
Opener = Callable[[], Camera]


@pytest.fixture(params=["images", "simulated", "v4l2", "picamera2"])
def opener(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opener:
    if request.param == "images":
        for number in range(3):
            Image.fromarray(np.full((48, 64, 3), 80 * number, np.uint8)).save(tmp_path / f"{number}.png")
        return lambda: open_camera(f"images:{tmp_path}?loop=1")
    if request.param == "simulated":
        return lambda: open_camera(f"simulated:{tmp_path}/gate.fifo?size=320x240")
    if request.param == "v4l2":  # FFmpeg's own moving picture, at its real speed, through the same code
        return lambda: V4l2Camera("testsrc=size=320x240:rate=30,format=yuv420p,realtime", container="lavfi")
    standin_picamera2.install(monkeypatch)
    return lambda: open_camera("picamera2:?size=320x240")


def test_frames_are_grey_pictures_in_the_order_of_their_times(opener: Opener) -> None:
    camera = opener()
    last_s = 0.0
    try:
        for _, frame in zip(range(8), camera.frames(), strict=False):
            assert frame.grey.ndim == 2
            assert frame.grey.dtype == np.uint8
            assert last_s <= frame.at_s <= time.monotonic()
            last_s = frame.at_s
    finally:
        camera.close()


def test_close_from_another_thread_ends_the_frames_within_a_second(opener: Opener) -> None:
    camera = opener()
    taking = threading.Event()

    def take() -> None:
        for _ in camera.frames():
            taking.set()

    consumer = threading.Thread(target=take)
    consumer.start()
    assert taking.wait(5)
    closed_s = time.monotonic()
    camera.close()
    consumer.join(5)
    assert not consumer.is_alive()
    assert time.monotonic() - closed_s < 1


def test_closing_twice_is_harmless_and_there_are_no_frames_afterwards(opener: Opener) -> None:
    camera = opener()
    frames = camera.frames()
    next(frames)
    camera.close()
    camera.close()
    assert list(frames) == []
    assert list(camera.frames()) == []


def test_a_camera_closed_unused_can_be_opened_again(opener: Opener) -> None:
    for _ in range(2):
        camera = opener()
        camera.close()
    camera = opener()
    next(camera.frames())
    camera.close()


@pytest.mark.parametrize(
    "url, told",
    [
        ("v4l2:", "name the device after the colon"),
        ("images:?loop=1", "name the path after the colon"),
        ("simulated:/tmp/gate.fifo?fps=0", "fps='0' is not allowed"),
        ("picamera2:?size=1x1", "size='1x1' is not allowed"),
        ("camera:", "there is no camera 'camera'"),
    ],
)
def test_a_wrong_url_is_refused_before_anything_is_opened(url: str, told: str) -> None:
    with pytest.raises(BadUrl, match=told):
        open_camera(url)


@pytest.mark.parametrize("url", ["v4l2:{}/video9", "images:{}/none", "simulated:{}/none/gate.fifo", "picamera2:"])
def test_what_is_not_there_is_unavailable_with_what_to_do(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(Unavailable, match=r"\. [A-Z].*\."):
        open_camera(url.format(tmp_path))
