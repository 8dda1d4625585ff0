"""Keeps a light, display or barrier at work: what fails is said once, given up, and opened anew with back-off; people go on passing."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from drivers.errors import BadUrl, DriverError
from edge_agent.base.trouble import where

log = logging.getLogger(__name__)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_STEADY_S = 120.0  # what lasted so long has recovered: its next failure is news again


class Device(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Releases it."""


Opened_co = TypeVar("Opened_co", bound=Device, covariant=True)


class KeptOutput(Generic[Opened_co]):
    """One output device, opened anew when it has failed.

    Args:
        name: what it is and its URL, for the log.
        opens: opens it.
        clock: monotonic seconds.
        needed: whether a device that cannot be opened the first time is an error; if not, it is opened when it comes.

    Raises:
        drivers.errors.DriverError: it is needed, and cannot be opened the first time.
    """

    def __init__(
        self, name: str, opens: Callable[[], Opened_co], clock: Callable[[], float] = time.monotonic, *, needed: bool = True
    ) -> None:
        self._name, self._opens, self._clock = name, opens, clock
        self._device: Opened_co | None = None
        self._opened_s = clock() - _STEADY_S  # so that its very first failure is said
        self._wait_s = _FIRST_WAIT_S
        self._next_try_s = 0.0
        try:
            self._device = opens()
        except DriverError as error:
            if needed or isinstance(error, BadUrl):
                raise
            self._failed(error)

    @property
    def works(self) -> bool:
        """Whether it is open, as far as we know."""
        return self._device is not None

    def ask(self, work: Callable[[Opened_co], None]) -> None:
        """Has the device do something; one that is away or fails does nothing."""
        if self._device is None:
            return
        try:
            work(self._device)
        except Exception as error:  # noqa: BLE001 - whatever an output raises, people go on passing
            self._failed(error)

    def revive(self) -> bool:
        """Opens a device that has failed anew, when that is due; True when it is new and does not know yet what to show."""
        if self._device is not None or self._clock() < self._next_try_s:
            return False
        self._opened_s = self._clock()
        try:
            self._device = self._opens()
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(error)
            return False
        log.info("%s is opened again", self._name)
        return True

    def close(self) -> None:
        """Gives the device up."""
        if self._device is not None:
            with contextlib.suppress(Exception):  # it is given up in any case, and the others must be closed too
                self._device.close()
            self._device = None

    def _failed(self, error: Exception) -> None:
        now_s = self._clock()
        if now_s - self._opened_s >= _STEADY_S:
            self._wait_s = _FIRST_WAIT_S
            why = str(error) if isinstance(error, DriverError) else where(error)
            log.error("%s failed: %s; the gate goes on and opens it anew", self._name, why)
        self.close()
        self._next_try_s = now_s + self._wait_s
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)
