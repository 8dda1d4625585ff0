from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import pytest

from drivers.catalogue import open_camera
from drivers.errors import Stalled, Unavailable, Unplugged
from drivers.v4l2_camera import V4l2Camera, grey_plane

PICTURE = np.tile(np.arange(128, dtype=np.uint8), (96, 1)) + 60


def make_video(path: Path, pictures: int = 20) -> None:
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for _ in range(pictures):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(PICTURE, format="gray").reformat(format="yuv420p")))
        video.mux(stream.encode(None))


def test_a_real_video_gives_its_brightness_and_then_ends(tmp_path: Path) -> None:
    make_video(tmp_path / "gate.mp4")
    camera = V4l2Camera(str(tmp_path / "gate.mp4"), container=None)
    frames = [frame.grey.copy() for frame in camera.frames()]
    camera.close()
    assert frames
    assert frames[-1].shape == (96, 128)
    assert np.abs(frames[-1].astype(int) - PICTURE).mean() < 16


@pytest.mark.parametrize("form", ["gray", "yuv420p", "yuvj422p", "nv12", "yuyv422", "rgb24", "yuv420p10le"])
def test_every_pixel_format_gives_the_same_grey(form: str) -> None:
    picture = av.VideoFrame.from_ndarray(PICTURE, format="gray").reformat(format=form)
    grey = grey_plane(picture)
    assert grey.shape == PICTURE.shape
    expected = picture.reformat(format="yuv420p").to_ndarray()[:96]
    assert np.abs(grey.astype(int) - expected).max() <= 36  # full range against studio range


@pytest.mark.parametrize("form", ["gray", "yuv420p", "nv12"])
def test_a_ready_plane_is_not_copied(form: str) -> None:
    picture = av.VideoFrame.from_ndarray(PICTURE, format="gray").reformat(format=form)
    assert not grey_plane(picture).flags.owndata
    assert grey_plane(picture).base is not None


def test_a_stream_without_frames_is_a_stall() -> None:
    camera = V4l2Camera("testsrc=size=320x240:rate=1,realtime", stall_s=0.2, container="lavfi")
    with pytest.raises(Stalled, match=r"gave no frame for 0\.2 s"):
        list(camera.frames())
    camera.close()


def test_a_live_stream_that_ends_was_unplugged() -> None:
    camera = V4l2Camera("testsrc=size=320x240:rate=30:duration=0.1", container="lavfi")
    with pytest.raises(Unplugged, match="reopened by itself"):
        list(camera.frames())
    camera.close()


def test_an_absent_device_is_named_with_the_cure() -> None:
    with pytest.raises(Unavailable, match=r"'v4l2:/dev/video99' cannot be opened.*v4l2-ctl --list-devices"):
        open_camera("v4l2:/dev/video99")


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(Unavailable, match=r"gate-scanner\[webcam\]"):
        open_camera("v4l2:/dev/video0")
