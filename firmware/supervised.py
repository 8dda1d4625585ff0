"""Keeps one device of the gate going in a thread of its own: opened anew with back-off, and nothing it raises ends the thread silently.

Source: design.md "Watchdog": each source has its own supervisor, so that one stalled part stops nothing else.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from drivers.errors import BadUrl, DriverError
from edge_agent.base.trouble import where
from firmware.reading import SourceState

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0


class Device(Protocol):
    """What can be closed, from any thread and twice."""

    def close(self) -> None:
        """Ends what its user waits for, and releases it."""


Opened = TypeVar("Opened", bound=Device)


class Supervised(Generic[Opened]):
    """A device that is kept open.

    Seen from outside: `reopened` counts every opening after the first, `in_vain` those since it last worked, `steps` what its thread does
    at all, and `over` says that the thread has ended by itself.

    Args:
        name: of the thread.
        opens: opens the device.
        use: works with the device until it ends or raises, and calls `works` once it is known to work.
        say: told each change of state and why; it may wait, but not once `stopping` is set.
        ended: what to say of a device that came to its end by itself.
    """

    def __init__(
        self,
        name: str,
        opens: Callable[[], Opened],
        use: Callable[[Opened], None],
        say: Callable[[SourceState, str], None],
        ended: str = "it ended",
    ) -> None:
        self.stopping = threading.Event()
        self.reopened = self.in_vain = self.steps = 0
        self.over = False
        self._opens, self._use, self._say, self._ended = opens, use, say, ended
        self._device: Opened | None = None
        self._lock = threading.Lock()
        self._works = False
        self._thread = threading.Thread(target=self._supervise, name=name, daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Has the device closed, and returns at once: a close may hang. Call `join` to wait for the end."""
        self.stopping.set()
        threading.Thread(target=self._close_now, name=f"{self._thread.name}-close", daemon=True).start()

    def join(self, timeout_s: float) -> bool:
        """Waits for the thread to end, and says whether it has."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def is_working(self) -> bool:
        """Whether it is open and has shown that it works."""
        return self._works

    def works(self, why: str = "") -> None:
        """To be called by `use`: the device works. Said once for each opening, and again when there is something to add."""
        self.steps += 1
        self.in_vain = 0
        if not self._works or why:
            self._works = True
            self._say(SourceState.WORKING, why)

    def _close_now(self) -> None:
        with self._lock:
            if self._device is not None:
                _close(self._device)

    def _supervise(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self.stopping.is_set():
            self._works = False
            self.steps += 1
            if not self._once():
                self.over = True
                return
            self.steps += 1
            self.reopened += 1
            self.in_vain += 1
            wait_s = FIRST_WAIT_S if self._works else wait_s
            self.stopping.wait(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    def _once(self) -> bool:
        """Opens the device, works with it, says how that ended (before closing it, which may hang), and returns whether to try again."""
        device = None
        try:
            device = self._opens()
            with self._lock:
                self._device = device
            if not self.stopping.is_set():
                self._use(device)
        except BadUrl as error:  # checked before the start: only a driver's own finer check can get here
            self._say(SourceState.FAULT, str(error))
            return False
        except DriverError as error:
            self._say(SourceState.FAULT, str(error))
        except Exception as error:  # noqa: BLE001 - a part must not die without a word; the message could hold somebody's data
            self._say(SourceState.FAULT, f"unexpected {where(error)}: opened anew; please report it")
        else:
            if not self.stopping.is_set():
                self._say(SourceState.ENDED, self._ended)
            return False
        finally:
            with self._lock:
                self._device = None
            if device is not None:
                _close(device)
        return True


def stop_all(parts: Sequence[Supervised[Any]], timeout_s: float) -> None:
    """Has all devices closed at once, and waits so long for each: one that hangs keeps no other open."""
    for part in parts:
        part.stop()
    for part in parts:
        part.join(timeout_s)


def _close(device: Device) -> None:
    with contextlib.suppress(Exception):  # an unplugged device may refuse even this; what counts was said when it failed
        device.close()
