"""What firmware says, as the page shows it: the last counters and the last masked passages, in memory only.

Nobody queues: a phone asks for what is there now, so a slow one misses passages and costs nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.device.control import BadMessage, ControlClient

SHOWN = 15
SHOWN_S = 900.0  # masked, and gone from memory after a quarter of an hour
_SILENT_S = 5.0  # firmware speaks each second
_REOPEN_S = 1.0
_TEXT = 120
MOST_MS = 2**43  # a moment in the year 2248: later ones are none


@dataclass(frozen=True, slots=True, repr=False)
class Passed:
    """One passage, masked by firmware.

    Attributes:
        at_s: wall time, seconds since 1970; 0 where firmware does not say.
        heard_s: monotonic seconds.
        way: `in` or `out`, or something this agent does not know.
        method: how they came in: `camera`, `serial`, `hid`, `paper`; empty: firmware does not say.
        asks: the keeper should look.
    """

    at_s: float
    heard_s: float
    name: str
    number: str
    way: str
    lane: str
    method: str
    asks: bool


def passed(message: Mapping[str, Any], now_s: float) -> Passed:
    """A passage message of whatever content as what is shown of it: texts, and short ones."""
    masked = message.get("masked")
    masked = masked if isinstance(masked, dict) else {}
    at_ms = message.get("at_ms", message.get("green_ms"))
    return Passed(
        at_ms / 1000 if isinstance(at_ms, int) and 0 < at_ms < MOST_MS else 0.0,
        now_s,
        _text(masked.get("name")),
        _text(masked.get("number")),
        _text(message.get("direction")),
        _text(message.get("lane")),
        _text(message.get("method")),
        message.get("verdict") == "accepted-ask",
    )


class Live:
    """What is known now; written by the listener's thread, read by the page's.

    Args:
        changed: called after each change, from the listener's thread; must return at once.
        clock: monotonic seconds.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.monotonic) -> None:
        self._changed = changed
        self._clock = clock
        self._lock = threading.Lock()
        self._passages: deque[Passed] = deque(maxlen=SHOWN)
        self._counters: tuple[Mapping[str, Any] | None, float] = (None, 0.0)

    def heard(self, message: Mapping[str, Any]) -> None:
        """Takes in a message of firmware; of most it wants nothing."""
        now_s = self._clock()
        with self._lock:
            self._forget_old(now_s)
            match message["type"]:
                case "counters":
                    self._counters = message, now_s
                case "passage":
                    self._passages.appendleft(passed(message, now_s))
                    self._take_presence(message, now_s)
                case _:
                    return
        self._changed()

    def _take_presence(self, message: Mapping[str, Any], now_s: float) -> None:
        counters, presence = self._counters[0], message.get("presence")
        if counters is not None and isinstance(presence, dict):
            self._counters = {**counters, "presence": presence}, now_s

    def gone(self) -> None:
        """Firmware has closed the connection."""
        with self._lock:
            self._forget_old(self._clock())
            self._counters = None, 0.0
        self._changed()

    def counters(self) -> Mapping[str, Any] | None:
        """Firmware's last counters; None when it is silent or not there."""
        with self._lock:
            counters, heard_s = self._counters
        return counters if self._clock() - heard_s < _SILENT_S else None

    def passages(self) -> tuple[Passed, ...]:
        """The last passages, the newest first."""
        with self._lock:
            self._forget_old(self._clock())
            return tuple(self._passages)

    def _forget_old(self, now_s: float) -> None:
        """Each second, whether somebody looks or not: nobody's name stays over the night."""
        while self._passages and now_s - self._passages[-1].heard_s > SHOWN_S:
            self._passages.pop()


class Listener:
    """Listens to firmware in a thread of its own, and comes back whenever firmware does.

    Args:
        runtime: where the control socket is.
        live: told.
    """

    def __init__(self, runtime: Path, live: Live) -> None:
        self._runtime = runtime
        self._live = live
        self._stopping = threading.Event()
        self._client: ControlClient | None = None
        self._thread = threading.Thread(target=self._listen, name="station-listener", daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, within a moment."""
        self._stopping.set()
        client = self._client
        if client is not None:
            with suppress(OSError):  # gone already
                client.shut()
        if self._thread.is_alive():
            self._thread.join(_REOPEN_S)

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(ControlClient(self._runtime)) as client:
                    self._client = client
                    for message in client.messages():
                        if self._stopping.is_set():
                            return
                        self._live.heard(message)
            except (OSError, BadMessage):
                pass  # not there, or another release: asked again in a second
            finally:
                self._client = None
            self._live.gone()
            self._stopping.wait(_REOPEN_S)


def _text(value: object) -> str:
    return value[:_TEXT] if isinstance(value, str) else ""
