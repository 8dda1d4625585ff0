"""Keeps each camera and reader of the gate going in a thread of its own, and reports what they read to one bounded queue.

Source: design.md "Watchdog": each source has its own supervisor that reopens it with back-off, so that one stalled lane stops
nothing else. Nothing a driver or decoder raises ends the thread without a word.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Protocol

from drivers.catalogue import open_camera, open_reader
from drivers.errors import BadUrl, DriverError, Unavailable
from drivers.line_reader import LineReader
from edge_agent.settings import LaneSettings
from firmware.aim import Aim
from firmware.reading import Reading, Report, SourceChanged, SourceState, Unread
from firmware.trouble import where

if TYPE_CHECKING:  # numpy and the decoders: a gate with a barcode reader does not need them
    from drivers.camera import Camera, Frame
    from firmware.decoder import Decoder, Look

QUEUE_SIZE = 64
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
_PUT_S = 1.0
_EXPOSURES = 2  # a camera alternates at most
_ANSWERED_REFUSALS = ("binary", "oversize")  # somebody did show a code; `incomplete` is a line's noise


class _Device(Protocol):
    def close(self) -> None: ...


class Source:
    """One lane's camera or reader, kept open.

    Args:
        lane: the lane as configured.
        reports: where readings go. A full queue drops a camera's reading (the code is still in view) and makes a reader wait.
    """

    def __init__(self, lane: LaneSettings, reports: queue.Queue[Report]) -> None:
        self.lane = lane
        self.counters: Counter[str] = Counter()
        self.look_ms = 0.0  # of the last frame that was looked at
        self._reports = reports
        self._stopping = threading.Event()
        self._device: _Device | None = None
        self._device_lock = threading.Lock()
        self._reader: LineReader | None = None
        self._refused_before: Counter[str] = Counter()  # by readers that are closed now
        self._refused_told = 0
        self._works = False
        self._thread = threading.Thread(target=self._supervise, name=f"source-{lane.name}", daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Closes the device; call `join` to wait for the end."""
        self._stopping.set()
        with self._device_lock:
            if self._device is not None:
                _close(self._device)

    def join(self, timeout_s: float) -> None:
        """Waits for the thread to end."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def snapshot(self) -> dict[str, float]:
        """What was counted so far; a reader's refused lines as `refused_binary` and the like."""
        refused = {f"refused_{reason}": count for reason, count in self._refused().items()}
        return {**self.counters, **refused, "look_ms": round(self.look_ms, 2)}

    def newly_refused(self) -> bool:
        """Tells whether a reader has thrown away somebody's code (binary, far too long) since this was last asked."""
        refused = self._refused()
        told, self._refused_told = self._refused_told, sum(refused[reason] for reason in _ANSWERED_REFUSALS)
        return self._refused_told > told

    def _refused(self) -> Counter[str]:
        with self._device_lock:
            return self._refused_before + Counter(self._reader.refused() if self._reader is not None else {})

    def _supervise(self) -> None:
        wait_s = _FIRST_WAIT_S
        while not self._stopping.is_set():
            self._works = False
            with ExitStack() as closing:  # last of all: a camera that hangs is slow to close, and the light must not wait for it
                if not self._reads_until_it_fails(closing):
                    return
            wait_s = _FIRST_WAIT_S if self._works else wait_s
            self._stopping.wait(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def _reads_until_it_fails(self, closing: ExitStack) -> bool:
        """Opens the device and reads until it ends; False when opening it anew is of no use."""
        try:
            if self.lane.camera:
                camera = open_camera(self.lane.camera)
                self._use(camera, closing, lambda: self._look_at_frames(camera))
            else:
                reader = open_reader(self.lane.reader)
                self._use(reader, closing, lambda: self._take_lines(reader))
        except BadUrl as error:  # checked before the start: only a driver's own finer check can get here
            self._say(SourceState.FAULT, str(error))
            return False
        except DriverError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - a lane must not die without a word; the message could hold somebody's data
            why = f"unexpected {where(error)}: opened anew; please report it"
        else:
            self._say(SourceState.ENDED, "no more pictures")
            return False
        self.counters["reopened"] += 1
        self._say(SourceState.FAULT, why)
        return True

    def _use(self, device: _Device, closing: ExitStack, work: Callable[[], None]) -> None:
        closing.callback(self._let_go, device)
        with self._device_lock:
            self._device = device
        if not self._stopping.is_set():
            work()

    def _let_go(self, device: _Device) -> None:
        with self._device_lock:
            self._device = None
        _close(device)

    def _say(self, state: SourceState, why: str = "") -> None:
        self._works = self._works or state is SourceState.WORKING
        self._put(SourceChanged(self.lane.name, state, why), wait=True)

    def _put(self, report: Report, *, wait: bool) -> None:
        while not self._stopping.is_set():
            try:
                self._reports.put(report, timeout=_PUT_S if wait else None, block=wait)
            except queue.Full:
                if not wait:
                    self.counters["dropped"] += 1
                    return
            else:
                return

    def _look_at_frames(self, camera: Camera) -> None:
        eye, aim = _Eye(), Aim()
        for frame in camera.frames():
            if not self._works:
                self._say(SourceState.WORKING)
            look = eye.look(frame)
            if eye.trouble:
                self._say(SourceState.WORKING, eye.told_trouble())
            self.counters["frames"] += 1
            self.counters["skipped"] += look.skipped
            self.look_ms = self.look_ms if look.skipped else look.took_ms
            for decoded in look.decoded:
                self._put(Reading(self.lane.name, decoded.text.encode(), "camera", frame.at_s), wait=False)
            read = bool(look.decoded or look.not_text)
            if look.not_text:
                self._put(Reading(self.lane.name, b"\xff", "camera", frame.at_s), wait=False)  # not UTF-8: surely no person's code
            advice = aim.look(look.located, read=read, now_s=frame.at_s)
            if advice is not None:
                self._put(Unread(self.lane.name, advice), wait=False)

    def _take_lines(self, reader: LineReader) -> None:
        with self._device_lock:
            self._reader = reader
        try:
            self._say(SourceState.WORKING)
            for line in reader.lines():
                self.counters["lines"] += 1
                self._put(Reading(self.lane.name, line.data, "serial", line.at_s), wait=True)
        finally:
            with self._device_lock:
                self._reader = None
                self._refused_before += Counter(reader.refused())


class _Eye:
    """A camera's decoders, which go on without their second opinion when ZBar does not work, and say so once.

    A camera that alternates two exposures has a decoder for each: what changed and what was tried is told by comparing like with like.

    Raises:
        Unavailable: a decoder's library is missing.
    """

    def __init__(self) -> None:
        try:
            from firmware import decoder, zbar  # noqa: PLC0415 - see TYPE_CHECKING above
        except ImportError as error:
            raise Unavailable(f"cameras cannot be used: {error}") from error
        self._new_decoder: Callable[[], Decoder] = decoder.Decoder
        self._without_zbar = partial(decoder.Decoder, with_zbar=False)
        self._zbar_error = zbar.ZBarError
        self._decoders: dict[int | None, Decoder] = {}  # by exposure, the one used last at the end
        self.trouble = ""

    def look(self, frame: Frame) -> Look:
        """One look at a frame; raises ValueError as `Decoder.look` does."""
        try:
            return self._decoder_for(frame.exposure_us).look(frame.grey)
        except self._zbar_error as error:
            self.trouble = f"{error}; reading goes on without the second decoder"
            self._new_decoder = self._without_zbar
            self._decoders.clear()
        return self._decoder_for(frame.exposure_us).look(frame.grey)

    def _decoder_for(self, exposure_us: int | None) -> Decoder:
        decoder = self._decoders.pop(exposure_us, None) or self._new_decoder()
        if len(self._decoders) == _EXPOSURES:
            del self._decoders[next(iter(self._decoders))]
        self._decoders[exposure_us] = decoder
        return decoder

    def told_trouble(self) -> str:
        """The trouble, told for the first and last time."""
        trouble, self.trouble = self.trouble, ""
        return trouble


def _close(device: _Device) -> None:
    with contextlib.suppress(Exception):  # an unplugged device may refuse even this; what counts was said when it failed
        device.close()
