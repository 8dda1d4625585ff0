"""Tests what the gate sees and shows with: each lane's camera or reader, each light. Opens them for itself: not while a gate runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event, Timer

from drivers.camera import Camera, Frame
from drivers.catalogue import open_camera, open_indicator, open_reader
from drivers.errors import DriverError
from drivers.indicator import Signal
from drivers.patterns import PATTERNS
from edge_agent.settings import LaneSettings
from firmware.trouble import where
from firmware.verdict import Finding, fault, ok

_FRAME_S = 5.0
_RATE_S = 1.0
_SCAN_S = 20.0
_BLACK, _SATURATED = 12.0, 243.0  # mean brightness of 0 to 255 beyond which no code can be read
_PLAYED_S = 0.2


def guarded(part: str, todo: str, test: Callable[[], Finding]) -> Finding:
    """A test whose driver may fail in any way: it is a fault of that part, never the end of the self-test."""
    try:
        return test()
    except DriverError as error:
        return fault(part, str(error), todo)
    except Exception as error:  # noqa: BLE001 - a driver's surprise is what a self-test is for
        return fault(part, f"unexpected {where(error)}", "report it, please")


def check_camera(lane: LaneSettings, frame_s: float = _FRAME_S) -> Finding:
    """Whether a camera delivers frames that are neither black nor saturated, how large and how many a second."""
    part = f'camera of lane "{lane.name}"'
    todo = f"check the camera's cable and the URL {lane.camera!r}; cameras seen here: {_seen('video*')}"
    return guarded(part, todo, lambda: _look_through(part, todo, open_camera(lane.camera), frame_s))


def _look_through(part: str, todo: str, camera: Camera, frame_s: float) -> Finding:
    timer = Timer(frame_s, camera.close)  # a camera that is stuck must not hold up the self-test
    timer.daemon = True
    timer.start()
    try:
        with closing(camera):
            count, first, last, brightness = 0, 0.0, 0.0, 0.0
            height = width = 0
            for frame in camera.frames():
                if not count:
                    first, (height, width), brightness = frame.at_s, frame.grey.shape, _brightness(frame)
                count, last = count + 1, frame.at_s
                if last - first >= _RATE_S:
                    break
    finally:
        _end(timer)
    if not count:
        return fault(part, f"it opens, but no frame came within {frame_s:g} s", todo)
    if count == 1 and time.monotonic() - first >= frame_s / 2:
        return fault(part, f"it stalls: one frame came, then none within {frame_s:g} s", todo)
    rate = f"{(count - 1) / (last - first):.0f} frames a second" if last > first else "a single frame"
    detail = f"{width} x {height}, {rate}, brightness {brightness:.0f} of 255"
    if brightness <= _BLACK:
        return fault(part, f"{detail}: black", "take off the lens cap, or give the gate light")
    if brightness >= _SATURATED:
        return fault(part, f"{detail}: saturated", "turn the camera out of the sun, or set exposure_us lower")
    return ok(part, detail)


def _brightness(frame: Frame) -> float:
    return float(frame.grey.mean())


def check_decoders() -> Finding:
    """Whether both decoders of cameras work here."""
    part, todo = "decoders", "sudo apt-get install libzbar0 (0.23.92 or newer)"
    try:
        import numpy as np  # noqa: PLC0415 - a gate without cameras needs none of them

        from firmware import decoder, zbar  # noqa: PLC0415 - the same
    except ImportError as error:
        return fault(part, str(error), todo)
    blank = np.full((240, 320), 255, dtype=np.uint8)
    try:
        zbar.read_qr(blank)
        look = decoder.Decoder().look(blank)
    except zbar.ZBarError as error:
        return fault(part, str(error), todo)
    return ok(part, f"zxing-cpp and ZBar work; a look at an empty frame took {look.took_ms:.1f} ms")


def check_reader(lane: LaneSettings, prompt: Callable[[str], None] | None, scan_s: float = _SCAN_S) -> Finding:
    """Whether a reader can be opened for us alone; with a prompt, whether a code comes through it.

    Args:
        lane: whose reader.
        prompt: asks the person at the gate to scan something; None asks nobody.
        scan_s: how long to wait for that.
    """
    part = f'reader of lane "{lane.name}"'
    todo = f"plug the reader in and check the URL {lane.reader!r}; ports seen here: {_ports()}"
    return guarded(part, todo, lambda: _try_reader(part, lane, prompt, scan_s))


def _try_reader(part: str, lane: LaneSettings, prompt: Callable[[str], None] | None, scan_s: float) -> Finding:
    with closing(open_reader(lane.reader)) as reader:
        if prompt is None:
            return ok(part, "opens; --ask tests it with a code")
        prompt(f'lane "{lane.name}": scan any code now ({scan_s:g} s)')
        timer = Timer(scan_s, reader.close)
        timer.daemon = True
        timer.start()
        try:
            line = next(iter(reader.lines()), None)
        finally:
            _end(timer)
        refused = sum(reader.refused().values())
    if line is not None:
        return ok(part, f"opens; a code of {len(line.data)} bytes came")
    if refused:
        return fault(part, f"opens; {refused} lines came that are no text", "check its baud rate, and that it sends UTF-8")
    return fault(part, f"opens, but no code came within {scan_s:g} s", "check that it is set to USB virtual COM with CR or LF at the end")


def check_indicator(part: str, url: str) -> Finding:
    """Whether a light opens and plays the signal of a person accepted."""
    return guarded(part, f"check its wiring and the URL {url!r}", lambda: _play(part, url))


def _play(part: str, url: str) -> Finding:
    with closing(open_indicator(url)) as indicator:
        indicator.show(Signal.ACCEPTED)
        Event().wait(PATTERNS[Signal.ACCEPTED].duration_ms / 1000 + _PLAYED_S if url.startswith("gpio:") else 0)
        indicator.show(Signal.CLOSED)  # says so if the pins failed meanwhile
    return ok(part, 'opens; "accepted" was played: did you see and hear it?')


def _end(timer: Timer) -> None:
    timer.cancel()
    timer.join(2.0)  # if it is closing the device just now: others may open it when that is done


def _ports() -> str:
    from serial.tools import list_ports  # noqa: PLC0415 - only a gate with a reader needs it

    return ", ".join(sorted(port.device for port in list_ports.comports())) or "none"


def _seen(pattern: str) -> str:
    return ", ".join(sorted(map(str, Path("/dev").glob(pattern)))) or "none in /dev"
