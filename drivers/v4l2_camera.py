"""A USB webcam through Video4Linux, decoded by PyAV.

Wiring: any USB port (5 V, up to 500 mA); the webcam appears as /dev/video0, and under /dev/v4l/by-id/ with a name that does
not change with the plug. The user needs the group video. Needs the extra `gate-scanner[webcam]`.

Example:
    >>> from drivers.catalogue import open_camera                                         # doctest: +SKIP
    >>> for frame in open_camera("v4l2:/dev/video0?size=1280x720&fps=30").frames():       # doctest: +SKIP
    ...     print(frame.grey.shape)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import numpy as np

from drivers.camera import Frame, GreyFrame
from drivers.errors import Stalled, Unavailable, Unplugged
from drivers.latest import Latest

_log = logging.getLogger(__name__)
_CLOSE_S = 0.9


class V4l2Camera:
    """Frames from a video device, read by a thread of its own so that the newest is always at hand.

    Args:
        device: for example `/dev/video0`.
        size: width and height asked for, in pixels; the webcam gives the nearest it has.
        fps: frames a second asked for.
        stall_s: seconds without a frame after which it counts as stalled.
        container: FFmpeg's name of the input; None lets FFmpeg find it out, for a file.

    Raises:
        Unavailable: the device is absent, busy, forbidden or no camera, or PyAV is not installed.
    """

    def __init__(
        self,
        device: str,
        size: tuple[int, int] = (1280, 720),
        fps: int = 30,
        stall_s: float = 3.0,
        *,
        container: str | None = "v4l2",
    ) -> None:
        self._name = f"v4l2:{device}"
        self._stall_s = stall_s
        self._live = container is not None
        self._newest = Latest[tuple[Any, float]]()
        self._closed = Event()
        options = {"video_size": f"{size[0]}x{size[1]}", "framerate": str(fps)} if container == "v4l2" else {}
        self._input = _open(self._name, device, container, options)
        self._thread = Thread(target=self._read, name=f"camera {self._name}", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            stream = self._input.streams.video[0]
            stream.thread_type = "SLICE"  # threads over frames would hold several frames back
            for picture in self._input.decode(stream):
                self._newest.put((picture, time.monotonic()))
                if self._closed.is_set():
                    break
            self._newest.fail(EOFError("the stream ended"))
        except Exception as error:  # noqa: BLE001 - whatever FFmpeg raises must reach the consumer, not die with this thread
            self._newest.fail(error)
        finally:
            self._input.close()

    def frames(self) -> Iterator[Frame]:
        """Yields the newest frame each time one is asked for.

        Raises:
            Stalled: no frame came for `stall_s` seconds.
            Unplugged: the webcam went away.
        """
        while True:
            try:
                taken = self._newest.take(self._stall_s)
            except TimeoutError as problem:
                raise Stalled(f"{self._name!r} gave no frame for {self._stall_s:g} s. It is opened anew; check its cable.") from problem
            except EOFError as problem:
                if not self._live:
                    return
                raise Unplugged(f"{self._name!r} ended its stream. Plug the webcam in again; it is reopened by itself.") from problem
            except Exception as problem:
                raise Unplugged(f"{self._name!r} went away ({problem}). Plug the webcam in again; it is reopened by itself.") from problem
            if taken is None:
                return
            yield Frame(grey_plane(taken[0]), taken[1])

    def close(self) -> None:
        """Ends `frames`; the device is released as soon as the driver lets go of its last frame."""
        self._closed.set()
        self._newest.close()
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            _log.warning("%s: the camera does not answer: its device is released when it does", self._name)


def grey_plane(picture: Any) -> GreyFrame:
    """The brightness of a decoded `av.VideoFrame`.

    Planar YUV and grey pictures hold it ready as their first plane (a view, nothing is copied), packed YUYV as every second
    byte; anything else is converted.

    Returns:
        An array of shape (height, width), dtype uint8; it keeps the picture's memory alive.
    """
    luma = picture.format.components[0]
    packed = picture.format.name in {"yuyv422", "yvyu422"}
    ready = luma.is_luma and luma.bits == 8 and (packed or not any(part.plane == 0 for part in picture.format.components[1:]))
    if not ready:
        picture, packed = picture.reformat(format="gray"), False
    plane = picture.planes[0]
    rows = np.frombuffer(plane, np.uint8)[: plane.line_size * picture.height].reshape(picture.height, plane.line_size)
    return np.ascontiguousarray(rows[:, : 2 * picture.width : 2]) if packed else rows[:, : picture.width]


def _open(name: str, device: str, container: str | None, options: dict[str, str]) -> Any:
    try:
        import av  # noqa: PLC0415 - only machines with a webcam need it
    except ImportError as problem:
        raise Unavailable(f"{name!r} needs PyAV. Install it: pip install 'gate-scanner[webcam]'.") from problem
    try:
        opened = av.open(device, format=container, options=options)
    except (av.FFmpegError, OSError, ValueError) as problem:
        raise Unavailable(
            f"{name!r} cannot be opened ({problem}). Plug the webcam in, add the user to the group video, "
            "or name its device: `v4l2-ctl --list-devices` lists them."
        ) from problem
    if not opened.streams.video:
        opened.close()
        raise Unavailable(f"{name!r} has no picture. Name the device that films: `v4l2-ctl --list-devices` lists them.")
    return opened
