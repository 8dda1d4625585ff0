from __future__ import annotations

import threading
from itertools import groupby

import numpy as np
import pytest
import standin_picamera2

from drivers.catalogue import open_camera
from drivers.errors import BadUrl, Stalled, Unavailable
from drivers.exposure_bracket import LONG_US, SHORT_US
from drivers.picamera2_camera import Picamera2Camera


def test_without_picamera2_the_message_says_how_to_install_it() -> None:
    with pytest.raises(Unavailable, match=r"apt install python3-picamera2, and the venv needs --system-site-packages"):
        open_camera("picamera2:")


def test_padding_at_the_end_of_rows_is_not_part_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    standin_picamera2.install(monkeypatch)
    camera = Picamera2Camera(size=(322, 240))
    grey = next(camera.frames()).grey
    camera.close()
    assert grey.shape == (240, 322)
    assert np.array_equal(grey[1], np.arange(322) % 200)


def test_a_slow_consumer_gets_the_newest_frame_and_the_camera_never_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = standin_picamera2.install(monkeypatch).made
    camera = Picamera2Camera(size=(320, 240), fps=100)
    frames = camera.frames()
    next(frames)
    before = made[0].delivered
    threading.Event().wait(0.3)
    shown = int(next(frames).grey[0, 0])
    delivered = made[0].delivered
    camera.close()
    assert delivered - before > 10
    assert delivered - shown <= 1


def test_no_frames_is_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    standin_picamera2.install(monkeypatch, frames_before_stall=2)
    camera = Picamera2Camera(size=(320, 240), stall_s=0.3)
    with pytest.raises(Stalled, match=r"gave no frame for 0\.3 s"):
        list(camera.frames())
    camera.close()


@pytest.mark.parametrize(
    "behaviour, told",
    [({"fail_at_start": True}, "resource busy"), ({"output_format": "MJPEG"}, "MJPEG")],
)
def test_a_camera_that_cannot_start_is_closed_again(behaviour: dict[str, object], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = standin_picamera2.install(monkeypatch, **behaviour).made
    with pytest.raises(Unavailable, match=told):
        Picamera2Camera(size=(320, 240))
    assert not made[0].is_open


def test_an_absent_camera_is_told_with_the_number_found(monkeypatch: pytest.MonkeyPatch) -> None:
    standin_picamera2.install(monkeypatch)
    with pytest.raises(Unavailable, match="1 cameras found"):
        open_camera("picamera2:?camera=2")


@pytest.mark.parametrize("has_autofocus", [False, True])
def test_only_controls_the_module_has_are_asked_for(has_autofocus: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = standin_picamera2.install(monkeypatch, has_autofocus=has_autofocus).made
    Picamera2Camera(size=(320, 240), fps=25).close()
    Picamera2Camera(size=(320, 240), exposure_us=99_000, gain=4.0, autofocus="off").close()
    automatic, fixed = (camera.config["controls"] for camera in made)
    assert automatic["FrameDurationLimits"] == (40_000, 40_000)
    assert automatic["AeExposureMode"] == standin_picamera2.AeExposureModeEnum.Short
    assert ("AfMode" in automatic) == has_autofocus
    assert fixed == {"FrameDurationLimits": (33_333, 33_333), "ExposureTime": 33_333, "AnalogueGain": 4.0}


def test_the_bracket_alternates_and_each_frame_says_its_exposure(monkeypatch: pytest.MonkeyPatch) -> None:
    standin_picamera2.install(monkeypatch)
    camera = open_camera("picamera2:?size=320x240&fps=100&exposures=bracket")
    frames = camera.frames()
    seen = [next(frames).exposure_us for _ in range(60)]
    camera.close()
    assert set(seen) == {LONG_US, SHORT_US}
    assert seen[0] == LONG_US
    runs = [len(list(run)) for _us, run in groupby(seen)]
    assert len(runs) >= 3
    assert min(runs[1:-1]) >= 3  # held long enough for the sensor to follow


@pytest.mark.parametrize("has_autofocus", [False, True])
@pytest.mark.parametrize("crops", [("ScalerCrop",), ("ScalerCrop", "ScalerCrops")])
def test_a_region_of_interest_is_cropped_on_the_sensor_and_focused_on(
    crops: tuple[str, ...], has_autofocus: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = standin_picamera2.install(monkeypatch, crops=crops, has_autofocus=has_autofocus).made
    open_camera("picamera2:?size=320x180&roi=25,25,50,50").close()
    asked, crop = made[0].asked, (1152, 648, 2304, 1296)
    assert (asked.get("ScalerCrops") or asked["ScalerCrop"]) == ([crop, crop] if "ScalerCrops" in crops else crop)
    assert ("AfWindows" in asked) == has_autofocus
    if has_autofocus:
        assert asked["AfMetering"] == standin_picamera2.AfMeteringEnum.Windows
        assert asked["AfWindows"] == [crop]


def test_a_camera_that_cannot_crop_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    standin_picamera2.install(monkeypatch, crops=())
    with pytest.raises(Unavailable, match="cannot crop its view: leave out roi"):
        open_camera("picamera2:?roi=25,25,50,50")


@pytest.mark.parametrize("roi", ["25,25,80,50", "0,0,5,50", "0,0,101,50", "25,25,50", "a,b,c,d", "0,60,50,50"])
def test_a_region_outside_the_view_is_refused(roi: str) -> None:
    with pytest.raises(BadUrl, match="LEFT,TOP,WIDTH,HEIGHT in percent of the view"):
        open_camera(f"picamera2:?roi={roi}")


def test_a_bracket_beside_a_fixed_exposure_is_refused() -> None:
    with pytest.raises(BadUrl, match=r"leave out exposure_us=900 and gain=2\.0"):
        open_camera("picamera2:?exposures=bracket&exposure_us=900&gain=2")
