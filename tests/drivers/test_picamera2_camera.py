from __future__ import annotations

import time
from itertools import groupby

import numpy as np
import pytest
import standin_libcamera
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
    enough = made[0].delivered + 10  # more than there are buffers
    with made[0].frame_arrived:
        assert made[0].frame_arrived.wait_for(lambda: made[0].delivered >= enough, 10)
    shown = int(next(frames).grey[0, 0])
    camera.close()
    assert shown >= enough - 1  # the newest may be on its way still


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
    automatic, fixed = (camera.sent for camera in made)
    assert automatic["FrameDurationLimits"] == (40_000, 40_000)
    assert automatic["AeExposureMode"] == standin_libcamera.AeExposureModeEnum.Short
    assert ("AfMode" in automatic) == has_autofocus
    del fixed["NoiseReductionMode"]  # picamera2's own wish
    assert fixed == {"FrameDurationLimits": (33_333, 33_333), "ExposureTime": 33_333, "AnalogueGain": 4.0}


def test_nothing_but_the_two_streams_is_asked_for_and_black_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    made = standin_picamera2.install(monkeypatch).made
    Picamera2Camera(size=(320, 240)).close()
    config = made[0].config
    assert config["colour_space"].name == "sYCC"
    assert config["main"]["size"] == config["lores"]["size"] == (320, 240)
    assert [config[name] for name in ("raw", "display", "encode", "queue")] == [None, None, None, False]


def test_a_frame_is_as_old_as_the_sensor_says(monkeypatch: pytest.MonkeyPatch) -> None:
    made = standin_picamera2.install(monkeypatch, age_s=lambda _number: 0.05).made
    camera = Picamera2Camera(size=(320, 240), fps=100)
    for _, frame in zip(range(3), camera.frames(), strict=False):
        assert frame.at_s == made[0].stamps_s[int(frame.grey[0, 0])]
    camera.close()


@pytest.mark.parametrize("age_s", [-5.0, 10.0])
def test_a_clock_that_is_not_ours_is_not_believed(age_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    standin_picamera2.install(monkeypatch, age_s=lambda _number: age_s)
    camera = Picamera2Camera(size=(320, 240))
    before_s = time.monotonic()
    assert before_s <= next(camera.frames()).at_s <= time.monotonic()
    camera.close()


def test_times_never_go_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    standin_picamera2.install(monkeypatch, age_s=lambda number: 0.1 * number)  # older by more than a frame with each frame
    camera = Picamera2Camera(size=(320, 240), fps=100)
    times_s = [frame.at_s for _, frame in zip(range(5), camera.frames(), strict=False)]
    camera.close()
    assert times_s == sorted(times_s)


def test_close_while_a_frame_arrives_leaves_picamera2s_thread_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    # picamera2 looks whether there is a callback, is closed meanwhile, and then calls it.
    made = standin_picamera2.install(monkeypatch, between_reads=lambda device: device.closing.wait(10)).made
    camera = Picamera2Camera(size=(320, 240))
    with made[0].frame_arrived:
        assert made[0].frame_arrived.wait_for(lambda: made[0].delivered > 0, 10)
    camera.close()
    assert made[0].died is None
    assert not made[0].is_open


@pytest.mark.parametrize("pixel_format", ["YUV420", "NV12", "YUYV", "BGR888"])
def test_a_camera_of_one_stream_is_read_in_the_format_and_size_it_has(pixel_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = standin_picamera2.install(monkeypatch, streams=1, output_format=pixel_format, size_step=6).made
    camera = Picamera2Camera(size=(1280, 720))
    grey = next(camera.frames()).grey
    camera.close()
    assert grey.shape == (720, 1278)
    assert np.array_equal(grey[1], np.arange(1278) % 200)
    assert made[0].config["lores"] is None
    assert made[0].sent == {}


@pytest.mark.parametrize(
    "options, told",
    [
        ("exposures=bracket", "no ExposureTime and no AnalogueGain: leave out exposures=bracket"),
        ("exposure_us=900", "no ExposureTime: leave out exposure_us"),
        ("gain=2", "no AnalogueGain: leave out gain"),
        ("roi=25,25,50,50", "no ScalerCrop: leave out roi"),
    ],
)
def test_what_was_asked_for_and_cannot_be_is_named(options: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = standin_picamera2.install(monkeypatch, has_manual_exposure=False, crops=()).made
    with pytest.raises(Unavailable, match=told):
        open_camera(f"picamera2:?size=320x240&{options}")
    assert not made[0].is_open


def test_what_kept_picamera2_from_opening_a_camera_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    standin_picamera2.install(monkeypatch, has_raw=False)
    with pytest.raises(Unavailable, match=r"sequence did not complete\. .*NoneType"):
        open_camera("picamera2:")


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
    sent, crop = made[0].sent, standin_libcamera.Rectangle(1152, 648, 2304, 1296)
    assert (sent.get("ScalerCrops") or sent["ScalerCrop"]) == ([crop, crop] if "ScalerCrops" in crops else crop)
    assert ("AfWindows" in sent) == has_autofocus
    if has_autofocus:
        assert sent["AfMetering"] == standin_libcamera.AfMeteringEnum.Windows
        assert sent["AfWindows"] == [crop]


def test_frames_that_do_not_say_their_exposure_do_not_stop_the_bracket(monkeypatch: pytest.MonkeyPatch) -> None:
    standin_picamera2.install(monkeypatch, tells_exposure=False)
    camera = open_camera("picamera2:?size=320x240&fps=100&exposures=bracket")
    assert {frame.exposure_us for _, frame in zip(range(5), camera.frames(), strict=False)} == {LONG_US}
    camera.close()


@pytest.mark.parametrize("roi", ["25,25,80,50", "0,0,5,50", "0,0,101,50", "25,25,50", "a,b,c,d", "0,60,50,50"])
def test_a_region_outside_the_view_is_refused(roi: str) -> None:
    with pytest.raises(BadUrl, match="LEFT,TOP,WIDTH,HEIGHT in percent of the view"):
        open_camera(f"picamera2:?roi={roi}")


def test_a_bracket_beside_a_fixed_exposure_is_refused() -> None:
    with pytest.raises(BadUrl, match=r"leave out exposure_us=900 and gain=2\.0"):
        open_camera("picamera2:?exposures=bracket&exposure_us=900&gain=2")
