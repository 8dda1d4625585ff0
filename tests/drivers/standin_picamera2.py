"""A stand-in for picamera2 and libcamera that behaves as their documentation and source say: padded rows, requests with counts."""

from __future__ import annotations

import threading
import time
from enum import IntEnum
from types import ModuleType, TracebackType
from typing import Any, Self

import numpy as np
import pytest

STRIDE_PADDING = 64
CONTROL_DELAY = 3
SENSOR = (0, 0, 4608, 2592)
CAMERA_CONTROLS = ("FrameDurationLimits", "ExposureTime", "AnalogueGain", "AeExposureMode", "NoiseReductionMode")


class AeExposureModeEnum(IntEnum):
    Normal = 0
    Short = 1


class AfModeEnum(IntEnum):
    Continuous = 2


class AfSpeedEnum(IntEnum):
    Fast = 1


class AfMeteringEnum(IntEnum):
    Auto = 0
    Windows = 1


class ColorSpace:
    @staticmethod
    def Sycc() -> str:  # noqa: N802 - libcamera's own name
        return "sYCC"


class Request:
    """CompletedRequest: counts who holds it, and goes back to the camera at zero."""

    def __init__(self, camera: Picamera2, number: int) -> None:
        self.camera = camera
        self.ref_count = 1
        self.number = number
        self.sensor_ns = time.monotonic_ns()
        self.exposure = camera.exposure_now()

    def acquire(self) -> None:
        with self.camera.request_lock:
            assert self.ref_count > 0
            self.ref_count += 1

    def release(self) -> None:
        with self.camera.request_lock:
            self.ref_count -= 1
            assert self.ref_count >= 0
            if self.ref_count == 0:
                self.camera.free += 1

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": self.sensor_ns, **self.exposure}


class MappedArray:
    def __init__(self, request: Request, stream: str, reshape: bool = True) -> None:
        assert stream == "lores"
        assert not reshape
        assert request.ref_count > 0
        self.request = request
        self.array = np.empty(0, np.uint8)

    def __enter__(self) -> Self:
        width, height = self.request.camera.config["lores"]["size"]
        assert self.request.camera.is_open, "the buffers are gone"
        grey = np.full((height, width + STRIDE_PADDING), 255, np.uint8)
        grey[:, :width] = np.arange(width) % 200
        grey[0, 0] = self.request.number % 256
        colours = np.full(grey.size // 2, 128, np.uint8)
        self.array = np.concatenate([grey.ravel(), colours])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.array = np.empty(0, np.uint8)


class Picamera2:
    cameras = 1
    has_autofocus = False
    crops: tuple[str, ...] = ("ScalerCrop",)  # a Pi 5 has ScalerCrops as well
    output_format = "YUV420"
    frames_before_stall: int | None = None
    fail_at_start = False
    made: list[Picamera2]

    def __init__(self, camera_num: int = 0) -> None:
        self.camera_num = camera_num
        names = CAMERA_CONTROLS + (("AfMode", "AfSpeed", "AfMetering", "AfWindows") if self.has_autofocus else ())
        self.camera_controls: dict[str, Any] = dict.fromkeys(names, (0, 16, 0))
        self.camera_controls |= dict.fromkeys(self.crops, ((0, 0, 64, 64), SENSOR, SENSOR))
        self.asked: dict[str, Any] = {}
        self.pipeline = [{"ExposureTime": 5_000, "AnalogueGain": 1.0}] * CONTROL_DELAY
        self.request_lock = threading.Lock()
        self.post_callback: Any = None
        self.config: dict[str, Any] = {}
        self.is_open = True
        self.free = 0
        self.delivered = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        type(self).made.append(self)

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [{"Model": "imx708"}] * Picamera2.cameras

    def create_video_configuration(self, **given: Any) -> dict[str, Any]:
        assert all(side % 2 == 0 for side in given["main"]["size"])
        return given

    def configure(self, config: dict[str, Any]) -> None:
        for name in config["controls"]:
            if name not in self.camera_controls:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
        main, lores = config["main"], config["lores"]
        if lores["size"][0] > main["size"][0] or lores["size"][1] > main["size"][1]:
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        main |= {"stride": main["size"][0], "format": "YUV420"}
        lores |= {"stride": lores["size"][0] + STRIDE_PADDING, "format": self.output_format}
        self.config = config
        given = {name: value for name, value in config["controls"].items() if name in {"ExposureTime", "AnalogueGain"}}
        self.pipeline = [each | given for each in self.pipeline]
        self.free = config["buffer_count"]
        self.asked = dict(config["controls"])
        if "ScalerCrops" in self.camera_controls:
            self.asked["ScalerCrops"] = [SENSOR, SENSOR]

    def set_controls(self, controls: dict[str, Any]) -> None:
        assert self.is_open
        unknown = controls.keys() - self.camera_controls.keys()
        if unknown:
            raise RuntimeError(f"Control {unknown} is not advertised by libcamera")
        self.asked |= controls
        exposure = {name: value for name, value in controls.items() if name in {"ExposureTime", "AnalogueGain"}}
        self.pipeline.append(self.pipeline[-1] | exposure)

    def exposure_now(self) -> dict[str, Any]:
        """What the sensor uses for this frame: settings arrive some frames after they were asked for."""
        now = self.pipeline[0]
        if len(self.pipeline) > 1:
            self.pipeline.pop(0)
        return dict(now)

    def stream_configuration(self, name: str = "main") -> dict[str, Any]:
        stream: dict[str, Any] = self.config[name]
        return stream

    def start(self) -> None:
        if self.fail_at_start:
            raise RuntimeError("Failed to start camera: Device or resource busy")
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        limits = self.config["controls"]["FrameDurationLimits"]
        while not self._stop.wait(limits[0] / 1e6):
            if self.frames_before_stall is not None and self.delivered >= self.frames_before_stall:
                continue
            with self.request_lock:
                if self.free == 0:
                    continue  # every buffer is held by somebody: the camera waits
                self.free -= 1
            self.delivered += 1
            request = Request(self, self.delivered)
            callback = self.post_callback
            if callback:
                callback(request)
            request.release()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        # One may be in the hands of a consumer that close() overtook.
        assert not self.config or self.free >= self.config["buffer_count"] - 1, "requests were not released"
        self.is_open = False


def install(monkeypatch: pytest.MonkeyPatch, **behaviour: Any) -> type[Picamera2]:
    """Puts the stand-in where `import picamera2` finds it, for one test."""
    fresh = type("Picamera2", (Picamera2,), {"made": [], **behaviour})
    picamera2, libcamera, controls = ModuleType("picamera2"), ModuleType("libcamera"), ModuleType("libcamera.controls")
    for module, names in (
        (picamera2, {"Picamera2": fresh, "MappedArray": MappedArray}),
        (controls, {each.__name__: each for each in (AeExposureModeEnum, AfModeEnum, AfSpeedEnum, AfMeteringEnum)}),
        (libcamera, {"controls": controls, "ColorSpace": ColorSpace}),
    ):
        for name, value in names.items():
            setattr(module, name, value)
        monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    return fresh
