"""Reads the gate's cameras and readers, each in a thread of its own, and reports what they read to the consumer's inbox.

Source: design.md "Watchdog". How a device is kept open is in supervised.py.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from drivers.catalogue import open_camera, open_reader
from drivers.errors import DriverError, Unavailable
from drivers.line_reader import LineReader
from edge_agent.device.settings import LaneSettings
from firmware.aim import Aim
from firmware.inbox import Inbox
from firmware.look_times import LookTimes
from firmware.reading import Method, Reading, Report, SourceChanged, SourceState, Unread
from firmware.supervised import Device, Supervised
from firmware.vigil import Signs

if TYPE_CHECKING:  # numpy and the decoders: a gate with a barcode reader does not need them
    from drivers.camera import Camera, Frame
    from firmware.decoder import Decoder, Look

_PUT_S = 1.0
_HELD_ON_S = 0.2  # what is held up before a still view is told again so often: well within the least of gate.held_s
_EXPOSURES = 2  # a camera alternates at most
_ANSWERED_REFUSALS = ("binary", "oversize", "unended")  # somebody did show a code; `incomplete` is a line's noise


class Source:
    """One lane's camera or reader; `kept` starts and stops it.

    Args:
        lane: the lane as configured.
        reports: where readings go. A full line drops a camera's reading (the code is still in view) and makes a reader wait.
    """

    def __init__(self, lane: LaneSettings, reports: Inbox) -> None:
        self.lane = lane
        self.counters: Counter[str] = Counter()
        self.look_ms = 0.0  # of the last frame that was looked at
        self._look_times = LookTimes()
        self._reports = reports
        self._reader: LineReader | None = None
        self._reader_lock = threading.Lock()
        self._refused_before: Counter[str] = Counter()  # by readers that are closed now
        self._refused_told = 0
        self.kept = Supervised[Device](f"source-{lane.name}", self._open, self._use, self._say, "no more pictures")

    def trigger(self) -> None:
        """Makes a reader that waits to be asked read now; nothing happens with a camera, or while the reader is away."""
        with self._reader_lock:
            reader = self._reader
        if reader is not None:
            with suppress(DriverError):  # the thread that reads it meets the same, says it and opens it anew
                reader.trigger()

    def snapshot(self) -> dict[str, float]:
        """What was counted so far; a reader's refused lines as `refused_binary` and the like."""
        refused = {f"refused_{reason}": count for reason, count in self._refused().items()}
        reopened = {"reopened": self.kept.reopened} if self.kept.reopened else {}
        return {**self.counters, **reopened, **refused, "look_ms": round(self.look_ms, 2), **self._look_times.percentiles()}

    def signs(self) -> Signs:
        """What the watchdog goes by: a camera always has something to tell, a reader that is open waits for people."""
        kept = self.kept
        silent = kept.is_working and not self.lane.camera
        return Signs(self.lane.name, kept.steps, kept.in_vain, kept.is_working, silent, kept.over)

    def newly_refused(self) -> bool:
        """Tells whether a reader has thrown away somebody's code (binary, far too long, without an end) since this was last asked."""
        refused = self._refused()
        told, self._refused_told = self._refused_told, sum(refused[reason] for reason in _ANSWERED_REFUSALS)
        return self._refused_told > told

    def _refused(self) -> Counter[str]:
        with self._reader_lock:
            return self._refused_before + Counter(self._reader.refused() if self._reader is not None else {})

    def _open(self) -> Device:
        return open_camera(self.lane.camera) if self.lane.camera else open_reader(self.lane.reader)

    def _use(self, device: Device) -> None:
        if self.lane.camera:
            self._look_at_frames(cast("Camera", device))
        else:
            self._take_lines(cast("LineReader", device))

    def _say(self, state: SourceState, why: str) -> None:
        self._put(SourceChanged(self.lane.name, state, why), wait=True)

    def _put(self, report: Report, *, wait: bool) -> None:
        while not self.kept.stopping.is_set():
            try:
                self._reports.put(report, block=wait, timeout=_PUT_S)
            except queue.Full:
                if not wait:
                    self.counters["dropped"] += 1
                    return
            else:
                return

    def _look_at_frames(self, camera: Camera) -> None:
        eye, aim, told_s = _Eye(), Aim(), 0.0
        for frame in camera.frames():
            self.kept.works()
            look = eye.look(frame)
            if eye.trouble:
                self.kept.works(eye.told_trouble())
            self.counters["frames"] += 1
            self.counters["skipped"] += look.skipped
            if not look.skipped:
                self.look_ms = look.took_ms
                self._look_times.add(look.took_ms)
            if not look.skipped or frame.at_s - told_s >= _HELD_ON_S:
                told_s = frame.at_s
                self._tell_read(look, frame.at_s)
            read = [*(decoded.corners for decoded in look.decoded), *look.not_text]
            advice = aim.look(look.located, read=read, now_s=frame.at_s)
            if advice is not None:
                self._put(Unread(self.lane.name, advice), wait=False)

    def _tell_read(self, look: Look, at_s: float) -> None:
        for decoded in look.decoded:
            self._put(Reading(self.lane.name, decoded.text.encode(), "camera", at_s), wait=False)
        if look.not_text:
            self._put(Reading(self.lane.name, b"\xff", "camera", at_s), wait=False)  # not UTF-8: surely no person's code

    def _take_lines(self, reader: LineReader) -> None:
        method: Method = "hid" if self.lane.reader.startswith("hid:") else "serial"
        with self._reader_lock:
            self._reader = reader
        try:
            self.kept.works()
            for line in reader.lines():
                self.counters["lines"] += 1
                self._put(Reading(self.lane.name, line.data, method, line.at_s), wait=True)
        finally:
            with self._reader_lock:
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
