"""Tells systemd how a service is: ready, alive, stopping, and in a few words what it does; outside systemd it says nothing.

Source: sd_notify(3): one datagram of `NAME=value` lines to the socket that `$NOTIFY_SOCKET` names, an `@` standing for the zero byte of
an abstract one; sd_watchdog_enabled(3) for `$WATCHDOG_USEC`. Nothing here waits for systemd longer than a second,
raises, or names a person.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

_BEATS = 4  # within the watchdog's time: three may be late
_START_STEP_S = 60.0
_IMPORTANT_S = 1.0  # what is said once waits so long for a manager whose hands are full
_OWN_BEAT_S = 5.0  # where systemd watches for the start alone


class Notifier:
    """The way to the service manager; may be used from any thread.

    Args:
        address: of the manager's socket, empty for none.
        watchdog_s: within how long the manager wants to hear that we are alive, None when it does not.

    Example:
        >>> Notifier().beat_s is None, Notifier("/run/systemd/notify", 60.0).beat_s
        (True, 15.0)
    """

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_s = watchdog_s
        self._lengthened = False
        self._status = ""
        self.is_ready = False

    @classmethod
    def of(cls, environment: Mapping[str, str], pid: int) -> Notifier:
        """The one that a process was given in its environment: a watchdog only where it is meant for this process."""
        text, whose = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(pid))
        watched = text.isdecimal() and int(text) > 0 and whose == str(pid)
        return cls(environment.get("NOTIFY_SOCKET", ""), int(text) / 1e6 if watched else None)

    @property
    def beat_s(self) -> float | None:
        """How often to say something, in seconds; None when nobody listens."""
        if not self._address:
            return None
        return _OWN_BEAT_S if self._watchdog_s is None else self._watchdog_s / _BEATS

    def ready(self, status: str = "") -> None:
        """The service does its work now."""
        self.is_ready = True
        self._status = status
        self._send("READY=1", f"STATUS={status}", wait_s=_IMPORTANT_S)

    def status(self, words: str) -> None:
        """What the service does, for `systemctl status`; sent when it is news."""
        if words != self._status:
            self._status = words
            self._send(f"STATUS={words}")

    def alive(self) -> None:
        """The service works, or is still on its way to be ready, and takes no longer than usual from here on."""
        if not self.is_ready:
            self.may_take(_START_STEP_S)
        elif self._watchdog_s is not None:
            if self._lengthened:
                self._lengthened = False
                self._send(f"WATCHDOG_USEC={_usec(self._watchdog_s)}")
            self._send("WATCHDOG=1")

    def may_take(self, at_most_s: float) -> None:
        """What begins now may take so long, in seconds, before `ready` or `alive` is said next."""
        if not self.is_ready:
            self._send(f"EXTEND_TIMEOUT_USEC={_usec(at_most_s)}")
        elif self._watchdog_s is not None and at_most_s > self._watchdog_s:
            self._lengthened = True
            self._send(f"WATCHDOG_USEC={_usec(at_most_s)}")

    def stopping(self, status: str = "stopping") -> None:
        """The service ends."""
        self._send("STOPPING=1", f"STATUS={status}", wait_s=_IMPORTANT_S)

    def _send(self, *lines: str, wait_s: float = 0.0) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:  # full or gone: a manager restarts or is busy
            way.settimeout(wait_s)
            way.connect(self._address)
            way.send("\n".join(lines).encode(), socket.MSG_NOSIGNAL)


class Beat:
    """Tells the manager that a loop goes round, as often as it wants to hear it; to be called at each round, in the loop's own thread.

    Args:
        notifier: the way to the manager.
        clock: monotonic seconds.
    """

    def __init__(self, notifier: Notifier, clock: Callable[[], float] = time.monotonic) -> None:
        self.notifier = notifier
        self._clock = clock
        self._next_s = 0.0

    def __call__(self) -> None:
        """One more round."""
        if self.notifier.beat_s is not None and self._clock() >= self._next_s:
            self._next_s = self._clock() + self.notifier.beat_s
            self.notifier.alive()


def of_this_process() -> Notifier:
    """The way to whoever started this process; silent when that was not systemd."""
    return Notifier.of(os.environ, os.getpid())


def _usec(seconds: float) -> int:
    return round(seconds * 1_000_000)
