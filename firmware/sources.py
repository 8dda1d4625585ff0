"""Keeps each camera and reader of the gate going in a thread of its own, and reports what they read to one bounded queue.

Source: design.md "Watchdog": each source has its own supervisor that reopens it with back-off, so that one stalled lane stops
nothing else.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from drivers.camera import Camera
from drivers.catalogue import open_camera, open_reader
from drivers.errors import BadUrl, DriverError
from drivers.line_reader import LineReader
from edge_agent.settings import LaneSettings
from firmware.decoder import Decoder
from firmware.reading import Reading, Report, SourceChanged, SourceState, Unread
from firmware.unread_watch import UnreadWatch

log = logging.getLogger(__name__)
QUEUE_SIZE = 64
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
_PUT_S = 1.0


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
        self.look_ms = 0.0  # of the last frame
        self._reports = reports
        self._stopping = threading.Event()
        self._device: _Device | None = None
        self._device_lock = threading.Lock()
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
                self._device.close()

    def join(self, timeout_s: float) -> None:
        """Waits for the thread to end."""
        self._thread.join(timeout_s)

    def _supervise(self) -> None:
        wait_s = _FIRST_WAIT_S
        while not self._stopping.is_set():
            self._works = False
            try:
                self._read_until_it_ends()
            except BadUrl as error:  # checked before the start: only a driver's own finer check can get here
                self._say(SourceState.FAULT, str(error))
                return
            except DriverError as error:
                self.counters["reopened"] += 1
                self._say(SourceState.FAULT, str(error))
            else:
                if not self._stopping.is_set():
                    self._say(SourceState.ENDED, "no more pictures")
                return
            wait_s = _FIRST_WAIT_S if self._works else min(wait_s * 2, _LONGEST_WAIT_S)
            self._stopping.wait(wait_s)

    def _read_until_it_ends(self) -> None:
        if self.lane.camera:
            camera = open_camera(self.lane.camera)
            self._use(camera, lambda: self._look_at_frames(camera))
        else:
            reader = open_reader(self.lane.reader)
            self._use(reader, lambda: self._take_lines(reader))

    def _use(self, device: _Device, work: Callable[[], None]) -> None:
        with self._device_lock:
            self._device = device
        try:
            if not self._stopping.is_set():
                work()
        finally:
            with self._device_lock:
                self._device = None
            device.close()

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
        decoder, watch = Decoder(), UnreadWatch()
        for frame in camera.frames():
            if not self._works:
                self._say(SourceState.WORKING)
            look = decoder.look(frame.grey)
            self.counters["frames"] += 1
            self.look_ms = look.took_ms
            for decoded in look.decoded:
                self._put(Reading(self.lane.name, decoded.text.encode(), "camera", frame.at_s), wait=False)
            read = bool(look.decoded or look.not_text)
            if look.not_text:
                self._put(Reading(self.lane.name, b"\xff", "camera", frame.at_s), wait=False)  # not UTF-8: surely no person's code
            if watch.look(located=bool(look.located), read=read, now_s=frame.at_s):
                self._put(Unread(self.lane.name), wait=False)

    def _take_lines(self, reader: LineReader) -> None:
        self._say(SourceState.WORKING)
        for line in reader.lines():
            self.counters["lines"] += 1
            self._put(Reading(self.lane.name, line.data, "serial", line.at_s), wait=True)
