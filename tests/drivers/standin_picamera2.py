"""A stand-in for picamera2 and libcamera that behaves as their source says (picamera2 0.3.38), in everything the driver uses.

Rows are padded, requests counted, settings late, controls placeholders until the camera is configured; what picamera2 refuses is
refused in its words.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace, TracebackType
from typing import Any, Self

import numpy as np
import pytest
from standin_libcamera import CONTROL_ENUMS, ColorSpace, Rectangle, StreamRole, buffer_of

STRIDE_PADDING = 64
CONTROL_DELAY = 3
SENSOR = (0, 0, 4608, 2592)
UNKNOWN = (65_535, 65_535, 65_535, 65_535)  # what libcamera says of crops until the camera is configured
YUV_FORMATS = ("YUV420", "NV12", "YUYV")
FIELDS = ("AeExposureMode", "NoiseReductionMode")
AF_FIELDS = ("AfMode", "AfSpeed", "AfMetering", "AfWindows")
RECTANGLES = ("ScalerCrop", "ScalerCrops", "AfWindows")


class Controls:
    """What will be sent with the next request: set_controls adds to it, a released request takes it and leaves an empty one."""

    def __init__(self, camera: Picamera2, given: dict[str, Any]) -> None:
        self.camera = camera
        self.values: dict[str, Any] = {}
        self.set(given)

    def set(self, given: dict[str, Any]) -> None:
        for name, value in given.items():
            if name not in self.camera.control_info:
                raise RuntimeError(f"Control {name} is not advertised by libcamera")
            self.values[name] = value

    def for_libcamera(self) -> dict[str, Any]:
        """The values as libcamera takes them: rectangles from tuples or lists, of these very types, or lists of such."""
        return {name: _rectangles(value) if name in RECTANGLES else value for name, value in self.values.items()}


def _rectangles(value: Any) -> Any:
    if type(value) in {list, tuple} and value and type(value[0]) in {list, tuple}:
        return [Rectangle(*each) for each in value]
    return Rectangle(*value)


class Request:
    """CompletedRequest: counts who holds it, and goes back to the camera at zero."""

    def __init__(self, camera: Picamera2, number: int) -> None:
        self.camera = camera
        self.ref_count = 1
        self.number = number
        self.sensor_ns = time.monotonic_ns() - round(camera.age_s(number) * 1e9)
        self.exposure = camera.exposure_now()

    def acquire(self) -> None:
        with self.camera.request_lock:
            if self.ref_count == 0:
                raise RuntimeError("CompletedRequest: acquiring lock with ref_count 0")
            self.ref_count += 1

    def release(self) -> None:
        with self.camera.request_lock:
            self.ref_count -= 1
            assert self.ref_count >= 0, "CompletedRequest: lock now has negative ref_count"
            if self.ref_count == 0:
                self.camera.send(self.camera.controls.for_libcamera())
                self.camera.controls = Controls(self.camera, {})
                self.camera.free += 1

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": self.sensor_ns, **self.exposure}


class MappedArray:
    def __init__(self, request: Request, stream: str, reshape: bool = True) -> None:
        assert request.ref_count > 0
        if reshape and request.camera.config[stream]["format"] in {"NV12", "YUYV"}:
            raise RuntimeError("Format not supported")
        self.request, self.config = request, request.camera.config[stream]
        self.array = np.empty(0, np.uint8)

    def __enter__(self) -> Self:
        assert self.request.camera.is_open, "the buffers are gone"
        width, height = self.config["size"]
        grey = np.tile((np.arange(width) % 200).astype(np.uint8), (height, 1))
        grey[0, 0] = self.request.number % 256
        self.array = buffer_of(grey, self.config["format"], self.config["stride"])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.array = np.empty(0, np.uint8)


class Picamera2:
    cameras = 1
    has_autofocus = False
    has_manual_exposure = True
    tells_exposure = True
    crops: tuple[str, ...] = ("ScalerCrop",)  # a Pi 5 has ScalerCrops as well
    streams = 2  # at once; webcams and libcamera's virtual cameras have one
    has_raw = True
    output_format = "YUV420"  # what the pipeline makes of YUV420
    size_step = 2
    frames_before_stall: int | None = None
    fail_at_start = False
    between_reads: Callable[[Picamera2], object] = staticmethod(lambda _camera: None)  # of the callback
    made: list[Picamera2]

    def __init__(self, camera_num: int = 0) -> None:
        assert camera_num < len(self.global_camera_info())
        self.control_info: dict[str, Any] = self._control_info(UNKNOWN, most_gain=16.0)
        self.controls = Controls(self, {})
        self.sent: dict[str, Any] = {}
        self.pipeline: list[dict[str, Any]] = []
        self.request_lock = threading.Lock()
        self.frame_arrived = threading.Condition()
        self.closing = threading.Event()
        self.died: Exception | None = None
        self.post_callback: Any = None
        self.config: dict[str, Any] = {}
        self.camera = SimpleNamespace(generate_configuration=self._generate_configuration)
        self.is_open = self.started = False
        self.free = self.delivered = 0
        self.stamps_s: dict[int, float] = {}
        self._thread: threading.Thread | None = None
        type(self).made.append(self)
        try:
            self._generate_configuration([StreamRole.Raw]).at(0)
        except Exception as problem:
            raise RuntimeError("Camera __init__ sequence did not complete.") from problem
        self.is_open = True

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [{"Model": "imx708"}] * Picamera2.cameras

    @staticmethod
    def age_s(_number: int) -> float:
        """How long before it arrives a frame was taken."""
        return 0.0

    def _generate_configuration(self, roles: list[StreamRole]) -> Any:
        """libcamera's: no configuration at all for a role that is not supported, and no more streams than there are."""
        if StreamRole.Raw in roles and not self.has_raw:
            return None
        offered = list(range(min(len(roles), self.streams)))
        return SimpleNamespace(size=len(offered), at=offered.__getitem__)

    def _control_info(self, view: tuple[int, int, int, int], most_gain: float) -> dict[str, Any]:
        """Each control with its smallest, largest and usual value."""
        if self.streams == 1:
            return {"Brightness": (-1.0, 1.0, 0.0), "Contrast": (0.0, 2.0, 1.0)}
        info: dict[str, Any] = {"FrameDurationLimits": (33_333, 120_000, 33_333)}
        if self.has_manual_exposure:
            info |= {"ExposureTime": (1, 66_666, 20_000), "AnalogueGain": (1.0, most_gain, 1.0)}
        info |= dict.fromkeys(FIELDS + (AF_FIELDS if self.has_autofocus else ()), (0, 4, 0))
        return info | dict.fromkeys(self.crops, ((0, 0, 64, 64), view, view))

    @property
    def camera_controls(self) -> dict[str, Any]:
        return dict(self.control_info)

    def create_video_configuration(  # noqa: PLR0913, PLR0917 - picamera2's own
        self, main: dict[str, Any] = {}, lores: dict[str, Any] | None = None, raw: dict[str, Any] | None = {}, transform: Any = None,  # noqa: B006
        colour_space: Any = None, buffer_count: int = 6, controls: dict[str, Any] = {}, display: str | None = "main",  # noqa: B006
        encode: str | None = "main", queue: bool = True, sensor: dict[str, Any] | None = {}, use_case: str = "video",  # noqa: B006
    ) -> dict[str, Any]:  # fmt: skip
        main = {"format": "XBGR8888", "size": (1280, 720), "preserve_ar": True} | main
        if lores is not None:
            lores = {"format": "YUV420", "size": main["size"], "preserve_ar": False} | lores
        if raw is not None:
            raw = {"format": "SRGGB10_CSI2P", "size": main["size"]} | raw
        colour_space = colour_space or ColorSpace.Rec709()
        if {"NoiseReductionMode", "FrameDurationLimits"} <= self.control_info.keys():
            controls = {"NoiseReductionMode": 1, "FrameDurationLimits": (33_333, 33_333)} | controls
        return {
            "use_case": use_case, "transform": transform, "colour_space": colour_space, "buffer_count": buffer_count, "queue": queue,
            "main": main, "lores": lores, "raw": raw, "controls": controls, "sensor": sensor, "display": display, "encode": encode,
        }  # fmt: skip

    @staticmethod
    def _check(config: dict[str, Any]) -> None:
        if not isinstance(config["colour_space"], ColorSpace):
            raise RuntimeError("Colour space has incorrect type")  # noqa: TRY004 - as picamera2 does
        for stream in (config["main"], config["lores"]):
            if stream is not None and (stream["size"][0] % 2 or stream["size"][1] % 2):
                raise RuntimeError("width and height should be even")
        if config["lores"] is not None:
            if any(lores > main for lores, main in zip(config["lores"]["size"], config["main"]["size"], strict=True)):
                raise RuntimeError("lores stream dimensions may not exceed main stream")
            if config["lores"]["format"] not in YUV_FORMATS:
                raise RuntimeError("lores stream must be YUV")

    def configure(self, config: dict[str, Any]) -> None:
        if self.started:
            raise RuntimeError("Camera must be stopped before configuring")
        self._check(config)
        wanted = [config[name] for name in ("main", "lores") if config[name] is not None]
        offered = self._generate_configuration([StreamRole.Viewfinder] * len(wanted))
        for number, stream in enumerate(wanted):
            assert number < offered.size, "here libcamera reads past the end of its list"
            width, height = (side - side % self.size_step for side in stream["size"])
            pixel_format = self.output_format if stream["format"] == "YUV420" else stream["format"]
            bytes_a_pixel = {"BGR888": 3, "YUYV": 2}.get(pixel_format, 1)
            stream |= {"size": (width, height), "format": pixel_format, "stride": width * bytes_a_pixel + STRIDE_PADDING}
        self.config = config
        self.free = config["buffer_count"]
        self.control_info = self._control_info(SENSOR, most_gain=8.0)
        self.controls = Controls(self, config["controls"])
        if "ScalerCrops" in self.control_info:
            self.controls.set({"ScalerCrops": [SENSOR] * len(wanted)})

    def stream_configuration(self, name: str = "main") -> dict[str, Any]:
        stream: dict[str, Any] = self.config[name]
        return stream

    def set_controls(self, controls: dict[str, Any]) -> None:
        assert self.is_open
        self.controls.set(controls)

    def send(self, controls: dict[str, Any]) -> None:
        """What libcamera does with a request's controls: they reach the sensor some frames later."""
        self.sent |= controls
        exposure = {name: value for name, value in controls.items() if name in {"ExposureTime", "AnalogueGain"}}
        if exposure:
            self.pipeline.append((self.pipeline[-1] if self.pipeline else {}) | exposure)

    def exposure_now(self) -> dict[str, Any]:
        """What the sensor uses for this frame."""
        now = self.pipeline[0]
        if len(self.pipeline) > 1:
            self.pipeline.pop(0)
        return dict(now) if self.tells_exposure else {}

    def start(self) -> None:
        if self.fail_at_start:
            raise RuntimeError("Failed to start camera: Device or resource busy")
        self.pipeline = [{"ExposureTime": 5_000, "AnalogueGain": 1.0}] if self.has_manual_exposure and self.streams > 1 else [{}]
        self.send(self.controls.for_libcamera())
        self.pipeline = [self.pipeline[-1]] * CONTROL_DELAY
        self.controls = Controls(self, {})
        self.started = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """NullPreview's thread, which an exception ends."""
        try:
            while not self.closing.wait(self.sent.get("FrameDurationLimits", (33_333,))[0] / 1e6):
                self._frame()
        except Exception as problem:  # noqa: BLE001 - tests look at it
            self.died = problem

    def _frame(self) -> None:
        if self.frames_before_stall is not None and self.delivered >= self.frames_before_stall:
            return
        with self.request_lock:
            if self.free == 0:
                return  # every buffer is held by somebody: the camera waits
            self.free -= 1
        request = Request(self, self.delivered + 1)
        self.stamps_s[request.number % 256] = request.sensor_ns / 1e9
        with self.frame_arrived:
            self.delivered += 1
            self.frame_arrived.notify_all()
        if self.post_callback:
            type(self).between_reads(self)
            self.post_callback(request)
        request.release()

    def close(self) -> None:
        self.closing.set()
        if self._thread is not None:
            self._thread.join()
        # One may be in the hands of a consumer that close() overtook.
        assert not self.config or self.free >= self.config["buffer_count"] - 1, "requests were not released"
        self.is_open = self.started = False


def install(monkeypatch: pytest.MonkeyPatch, **behaviour: Any) -> type[Picamera2]:
    """Puts the stand-in where `import picamera2` finds it, for one test."""
    plain = {name: staticmethod(value) if callable(value) else value for name, value in behaviour.items()}
    fresh = type("Picamera2", (Picamera2,), {"made": [], **plain})
    picamera2, libcamera, controls = ModuleType("picamera2"), ModuleType("libcamera"), ModuleType("libcamera.controls")
    for module, names in (
        (picamera2, {"Picamera2": fresh, "MappedArray": MappedArray}),
        (controls, {each.__name__: each for each in CONTROL_ENUMS}),
        (libcamera, {"controls": controls, "ColorSpace": ColorSpace, "StreamRole": StreamRole}),
    ):
        for name, value in names.items():
            setattr(module, name, value)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return fresh
