"""Tests what the gate sees with: each lane's camera by its frames, by a code held up to it, and the decoders. Not while a gate runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import numpy as np
from numpy.typing import NDArray

from drivers.camera import Camera
from drivers.catalogue import check_camera_url, open_camera
from drivers.urls import DriverUrl
from edge_agent.device.settings import LaneSettings
from firmware import decoder, sample_code, view_judgement, zbar
from firmware.verdict import Finding, fault, guarded, note, ok

_FRAME_S = 5.0
_RATE_S = 1.0
_SHOW_S = 20.0
_SLOW = 0.8  # of the frames a second asked for
_MODULE_PX = 3.0  # below it reading becomes a matter of luck: hw_docs/camera.md


@dataclass(slots=True)
class _Seen:
    """Frames as they came: how many, when, and the last one, by which time the exposure has settled."""

    count: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    grey: NDArray[np.uint8] | None = None


def check_decoders() -> Finding:
    """Whether both decoders of cameras work here."""
    part, todo = "decoders", "sudo apt-get install libzbar0 (0.23.92 or newer)"
    blank = np.full((240, 320), 255, dtype=np.uint8)
    try:
        zbar.read_qr(blank)
        look = decoder.Decoder().look(blank)
    except (zbar.ZBarError, ImportError) as error:
        return fault(part, str(error), todo)
    return ok(part, f"zxing-cpp and ZBar work; a look at an empty frame took {look.took_ms:.1f} ms")


def check_camera(lane: LaneSettings, frame_s: float = _FRAME_S) -> Finding:
    """Whether a camera delivers frames as asked for, in which a code could be read."""
    part = f'camera of lane "{lane.name}"'
    todo = f"check the camera's cable and the URL {lane.camera!r}; cameras seen here: {_cameras()}"
    return guarded(part, todo, lambda: _look_through(part, todo, lane.camera, frame_s))


def _look_through(part: str, todo: str, url: str, frame_s: float) -> Finding:
    seen = _Seen()
    with _opened(url, frame_s) as camera:
        for frame in camera.frames():
            seen.first_s = seen.first_s if seen.count else frame.at_s
            seen.count, seen.last_s, seen.grey = seen.count + 1, frame.at_s, frame.grey.copy()
            if seen.last_s - seen.first_s >= _RATE_S:
                break
    if seen.grey is None:
        return fault(part, f"it opens, but no frame came within {frame_s:g} s", todo)
    if seen.count == 1 and time.monotonic() - seen.first_s >= frame_s / 2:
        return fault(part, f"it stalls: one frame came, then none within {frame_s:g} s", todo)
    return _judged(part, seen, seen.grey, check_camera_url(url))


def _judged(part: str, seen: _Seen, grey: NDArray[np.uint8], url: DriverUrl) -> Finding:
    height, width = grey.shape
    fps = (seen.count - 1) / (seen.last_s - seen.first_s) if seen.last_s > seen.first_s else None
    view = view_judgement.measured(grey)
    rate = "a single frame" if fps is None else f"{fps:.0f} frames a second"
    detail = f"{width} x {height}, {rate}, brightness {view.brightness:.0f} of 255, contrast {view.contrast:.0f}"
    if (why := view_judgement.hopeless(view)) is not None:
        return fault(part, f"{detail}: {why[0]}", why[1])
    size, wanted_fps = url.arguments.get("size"), url.arguments.get("fps")
    if isinstance(size, tuple) and size != (width, height):
        return note(part, f"{detail}: {size[0]} x {size[1]} was asked for", "set size in its URL to one that this camera has")
    if (why := view_judgement.doubtful(view)) is not None:
        return note(part, f"{detail}: {why[0]}", why[1])
    if fps is not None and isinstance(wanted_fps, int | float) and fps < _SLOW * wanted_fps:
        return note(part, f"{detail}: {wanted_fps:g} were asked for", "give it light, or set fps or size lower in its URL")
    return ok(part, detail)


def check_with_code(lane: LaneSettings, prompt: Callable[[str], None], show_s: float = _SHOW_S) -> Finding:
    """Whether the test code is read when somebody holds it up, and how large the camera sees it.

    Args:
        lane: whose camera.
        prompt: asks the person at the gate to hold it up.
        show_s: how long to wait for that.
    """
    part = f'test code at lane "{lane.name}"'
    return guarded(part, f"see the camera of lane {lane.name!r}", lambda: _read_code(part, lane, prompt, show_s))


def _read_code(part: str, lane: LaneSettings, prompt: Callable[[str], None], show_s: float) -> Finding:
    looking, located, others = decoder.Decoder(), False, False
    prompt(f'lane "{lane.name}": hold up the test code (gate-firmware test-code) now ({show_s:g} s)')
    with _opened(lane.camera, show_s) as camera:
        for frame in camera.frames():
            look = looking.look(frame.grey)
            for one in look.decoded:
                if one.text == sample_code.TEXT:
                    return _how_large(part, one)
            located, others = located or bool(look.located), others or bool(look.decoded)
    if others:
        return fault(part, "a code was read, but another one", "draw the test code: gate-firmware test-code test-code.png")
    todo = "hold it flat and still, 10 to 30 cm away, with light on it; turn a screen's brightness up"
    seen = "a code was seen, but could not be read" if located else "no code was seen"
    return fault(part, f"{seen} within {show_s:g} s", todo)


def _how_large(part: str, code: decoder.Decoded) -> Finding:
    if code.corners is None:
        return ok(part, "read")
    pixels = sample_code.module_px(code.corners)
    detail = f"read, {pixels:.1f} pixels a module"
    if pixels < _MODULE_PX:
        return note(part, f"{detail}, {_MODULE_PX:g} are wanted", "mount the camera closer, or set size in its URL larger")
    return ok(part, detail)


@contextmanager
def _opened(url: str, at_most_s: float) -> Iterator[Camera]:
    """A camera that is closed after a time, however stuck it is: it must not hold up the self-test."""
    camera = open_camera(url)
    timer = Timer(at_most_s, camera.close)
    timer.daemon = True
    timer.start()
    try:
        with closing(camera):
            yield camera
    finally:
        timer.cancel()
        timer.join(2.0)  # if it is closing the device just now: others may open it when that is done


def _cameras() -> str:
    return ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none in /dev"
