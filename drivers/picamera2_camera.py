"""The Raspberry Pi's own camera through picamera2, as grey frames without a conversion.

Wiring: a Camera Module (best a Module 3, which focuses on near phones) on the CSI connector by its ribbon, 3.3 V from the
connector, contacts as the board's print shows; power off before plugging. `rpicam-hello --list-cameras` must list it.
picamera2 comes from Raspberry Pi OS, not from PyPI: `apt install python3-picamera2`, and the virtual environment is made
with `--system-site-packages` by /usr/bin/python3.

Frames come from the `lores` stream in YUV420, whose first plane is the grey picture; rows are padded to the stride. picamera2
wants a `main` stream at least as large beside it (`check_camera_config`), so `main` has the same size and nobody reads it. A camera
of one stream (webcams, libcamera's virtual cameras) is read from `main`, in the format and size it makes of ours.

Example:
    >>> from drivers.catalogue import open_camera                                          # doctest: +SKIP
    >>> for frame in open_camera("picamera2:?camera=0&size=1280x720").frames():            # doctest: +SKIP
    ...     print(frame.grey.shape)
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock
from typing import Any

import numpy as np

from drivers.camera import Frame, GreyFrame
from drivers.errors import Stalled, Unavailable
from drivers.exposure_bracket import METERED_PERCENTILE, Exposure, ExposureBracket
from drivers.grey_plane import copy_grey, has_grey
from drivers.latest import Latest
from drivers.region import Rectangle, Region, crop_of

_BUFFERS = 4  # one waits for the consumer, one is being copied, two stay with the camera so that it never pauses
_CLOCK_SKEW_S = 2.0
_LARGEST = 1  # libcamera lists a control as its smallest, largest and usual value
_METER_STEP = 16  # every 16th pixel each way is enough to know how bright a frame is


class Picamera2Camera:
    """Frames from the CSI camera, the newest each time one is asked for.

    Args:
        camera: its number, as `rpicam-hello --list-cameras` counts.
        size: width and height in pixels, both even.
        fps: frames a second.
        exposure_us: fixed exposure in microseconds; 0 lets the camera choose, favouring short ones against blur.
        gain: fixed analogue gain; 0 lets the camera choose.
        exposures: `auto`, or `bracket` to alternate a flicker-safe long and a short one (then exposure_us and gain are not given).
        autofocus: `continuous` or `off`; modules without a focus motor ignore it.
        roi: the part of the view to look at, which fills the whole frame then; None is all of it.
        stall_s: seconds without a frame after which it counts as stalled.

    Raises:
        Unavailable: picamera2 is not installed, or the camera is absent or in use.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one argument for each option of its URL
        self,
        camera: int = 0,
        size: tuple[int, int] = (1280, 720),
        fps: int = 30,
        exposure_us: int = 0,
        gain: float = 0.0,
        exposures: str = "auto",
        autofocus: str = "continuous",
        roi: tuple[int, int, int, int] | None = None,
        stall_s: float = 3.0,
    ) -> None:
        self._name = f"picamera2:?camera={camera}"
        self._stall_s = stall_s
        self._newest = Latest[Any]()
        self._using = Lock()  # held while a buffer is copied, so that the camera is not closed under it
        self._is_open = True
        self._last_s = 0.0
        self._taken, self._bright_grey = Exposure(0, 1.0), 0.0  # of the frame given out last, for the bracket
        self._bracket: ExposureBracket | None = None
        self._device = _find(self._name, camera)
        try:
            self._stream_name = _stream_name(self._device)
            self._configure(size)
            has = self._device.camera_controls  # asked now: what libcamera says before it is configured stands for nothing
            if exposures == "bracket":
                _must_have(has, "exposures=bracket", "ExposureTime", "AnalogueGain")
                self._bracket = ExposureBracket(most_gain=max(1.0, float(has["AnalogueGain"][_LARGEST])))
                self._taken = self._bracket.first()
                exposure_us, gain = self._taken.us, self._taken.gain
            self._device.set_controls(_controls(has, fps, exposure_us, gain, autofocus))
            if roi is not None:
                self._device.set_controls(_crop(has, Region(*roi), self._stream["size"], autofocus, self._stream_name))
            self._device.post_callback = self._arrived
            self._device.start()
        except Exception as problem:
            with suppress(Exception):  # what went wrong first is what counts
                self.close()
            raise Unavailable(f"{self._name!r} cannot be started ({problem}). Check the size and that nothing else films.") from problem

    def _configure(self, size: tuple[int, int]) -> None:
        """Sets the camera up and notes what it made of our wish: a format it does not have is replaced, a size rounded."""
        wish = {"format": "YUV420", "size": size}
        self._device.configure(
            self._device.create_video_configuration(
                main=dict(wish),
                lores=dict(wish) if self._stream_name == "lores" else None,
                raw=None,
                colour_space=_full_range(),
                buffer_count=_BUFFERS,
                queue=False,
                display=None,
                encode=None,
            )
        )
        self._stream = dict(self._device.stream_configuration(self._stream_name))
        if not has_grey(self._stream["format"]):
            raise RuntimeError(f"it gives {self._stream['format']}, in which no grey picture is known; a USB camera is read by v4l2:")

    def _arrived(self, request: Any) -> None:
        """Runs in picamera2's thread for each frame: keeps a hold on the newest and lets go of the one it replaces."""
        request.acquire()
        displaced = self._newest.put(request)
        if displaced is not None:
            displaced.release()

    def frames(self) -> Iterator[Frame]:
        """Yields the newest frame each time one is asked for.

        Raises:
            Stalled: no frame came for `stall_s` seconds.
        """
        while True:
            try:
                request = self._newest.take(self._stall_s)
            except TimeoutError as problem:
                raise Stalled(
                    f"{self._name!r} gave no frame for {self._stall_s:g} s. It is opened anew; if this returns, check the ribbon."
                ) from problem
            frame = None if request is None else self._copy(request)
            if frame is None:
                return
            yield frame
            if self._bracket is not None:
                self._alternate(self._bracket)

    def _alternate(self, bracket: ExposureBracket) -> None:
        """Lets the bracket see the frame just given out, and asks the camera for what it wants next."""
        asked = bracket.after_frame(self._taken, self._bright_grey, self._last_s)
        with self._using:
            if asked is not None and self._is_open:
                self._device.set_controls({"ExposureTime": asked.us, "AnalogueGain": asked.gain})

    def _copy(self, request: Any) -> Frame | None:
        with self._using:
            if not self._is_open:
                return None  # the buffers went with the camera, there is nothing left to give back
            try:
                now_s = time.monotonic()
                metadata = request.get_metadata()
                at_s = metadata.get("SensorTimestamp", 0) / 1e9
                # The sensor's clock counts since boot as ours does, unless the machine ever slept.
                at_s = at_s if now_s - _CLOCK_SKEW_S < at_s <= now_s else now_s
                self._last_s = max(self._last_s, at_s)
                grey = self._grey(request)
                if self._bracket is None:
                    return Frame(grey, self._last_s)
                # A frame that does not say what it was taken with was taken with what the last one was.
                self._taken = Exposure(metadata.get("ExposureTime", self._taken.us), metadata.get("AnalogueGain", self._taken.gain))
                self._bright_grey = float(np.percentile(grey[::_METER_STEP, ::_METER_STEP], METERED_PERCENTILE))
                return Frame(grey, self._last_s, self._bracket.nominal_us(self._taken.us))
            finally:
                request.release()

    def _grey(self, request: Any) -> GreyFrame:
        from picamera2 import MappedArray  # noqa: PLC0415 - see _find

        with MappedArray(request, self._stream_name, reshape=False) as mapped:
            return copy_grey(mapped.array, self._stream["format"], self._stream["size"], self._stream["stride"])

    def close(self) -> None:
        """Ends `frames` and releases the camera."""
        left_over = self._newest.close()
        with self._using:
            if left_over is not None:
                left_over.release()
            if self._is_open:
                self._is_open = False
                self._device.close()  # stops its thread and the camera first; until then `_arrived` gives every frame back at once


def _find(name: str, camera: int) -> Any:
    try:
        from picamera2 import Picamera2  # noqa: PLC0415 - exists on Raspberry Pi OS only
    except ImportError as problem:
        raise Unavailable(
            f"{name!r} needs picamera2 ({problem}). On the Raspberry Pi: apt install python3-picamera2, "
            "and the venv needs --system-site-packages; it cannot come from PyPI."
        ) from problem
    cure = "Check the ribbon with the power off, that `rpicam-hello --list-cameras` lists the camera, and that nothing else films."
    found = len(Picamera2.global_camera_info())
    if camera >= found:  # asked first: an attempt that fails leaves picamera2 with a half-open camera
        raise Unavailable(f"{name!r} cannot be opened ({found} cameras found, counted from 0). {cure}")
    try:
        return Picamera2(camera)
    except Exception as problem:  # picamera2 says that it failed, and why in the error behind it
        why = f"{problem} {problem.__context__ or ''}".rstrip()
        raise Unavailable(f"{name!r} cannot be opened ({why}). {cure}") from problem


def _stream_name(device: Any) -> str:
    """Asks libcamera for two streams, and names the one to read: of a `lores` that is not there picamera2 reads past a list's end."""
    from libcamera import StreamRole  # noqa: PLC0415 - comes with picamera2

    offered = device.camera.generate_configuration([StreamRole.Viewfinder, StreamRole.Viewfinder])
    return "lores" if offered is not None and offered.size > 1 else "main"


def _full_range() -> Any:
    """Black 0 to white 255: the video default is Rec. 709 with 16 to 235."""
    from libcamera import ColorSpace  # noqa: PLC0415 - comes with picamera2

    return ColorSpace.Sycc()


def _must_have(has: Any, option: str, *names: str) -> None:
    """Raises RuntimeError when the camera lacks a control that an option needs."""
    missing = [name for name in names if name not in has]
    if missing:
        raise RuntimeError(f"it has no {' and no '.join(missing)}: leave out {option}")


def _controls(has: Any, fps: int, exposure_us: int, gain: float, autofocus: str) -> dict[str, Any]:
    """What to ask of the camera: what was given must be there, the rest is limited to what this module has, as picamera2 refuses more.

    A given exposure or gain switches its own automatic off inside picamera2; `AeEnable` is left alone, since libcamera 0.5
    no longer handles it on the Pi (picamera2 issue 1269).

    Raises:
        RuntimeError: exposure_us or gain is given, and this camera's cannot be set.
    """
    from libcamera import controls as names  # noqa: PLC0415 - comes with picamera2

    frame_us = round(1_000_000 / fps)
    wanted: dict[str, Any] = {"FrameDurationLimits": (frame_us, frame_us)}
    if exposure_us:
        _must_have(has, "exposure_us", "ExposureTime")
        wanted["ExposureTime"] = min(exposure_us, frame_us)
    else:
        wanted["AeExposureMode"] = names.AeExposureModeEnum.Short  # a phone is bright and its holder moves
    if gain:
        _must_have(has, "gain", "AnalogueGain")
        wanted["AnalogueGain"] = gain
    if autofocus == "continuous":
        wanted["AfMode"] = names.AfModeEnum.Continuous
        wanted["AfSpeed"] = names.AfSpeedEnum.Fast
    return {name: value for name, value in wanted.items() if name in has}


def _crop(has: Any, region: Region, size: tuple[int, int], autofocus: str, stream_name: str) -> dict[str, Any]:
    """What makes the scaler read, and the focus mind, a part of the view only.

    The largest crop is the whole view. The Pi 5 takes one crop a stream (`rpi::ScalerCrops`), and picamera2's configure() sets those,
    so every stream is given ours; older boards know one for all.

    Raises:
        RuntimeError: this camera cannot crop.
    """
    from libcamera import controls as names  # noqa: PLC0415 - comes with picamera2

    _must_have(has, "roi", "ScalerCrop")
    crop = tuple(crop_of(region, Rectangle(*has["ScalerCrop"][_LARGEST]), size))  # picamera2 takes tuples and lists, no other sequence
    streams = 2 if stream_name == "lores" else 1
    wanted: dict[str, Any] = {"ScalerCrops": [crop] * streams} if "ScalerCrops" in has else {"ScalerCrop": crop}
    if autofocus == "continuous" and "AfWindows" in has:
        wanted |= {"AfMetering": names.AfMeteringEnum.Windows, "AfWindows": [crop]}
    return wanted
