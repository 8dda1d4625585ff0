"""Chooses what each light shows: the answer to a person at once, and between people how the gate is.

A light that fails never stops the gate: it is said once, and the light is opened anew with back-off.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping

from drivers.catalogue import open_indicator
from drivers.errors import DriverError
from drivers.indicator import Indicator, Signal
from edge_agent.settings import GateSettings, LaneSettings
from firmware.reading import SourceState
from firmware.trouble import where

log = logging.getLogger(__name__)
_BROKEN = (SourceState.FAULT, SourceState.ENDED)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
_STEADY_S = 120.0  # a light that lasted so long has recovered: its next failure is news again


def state_signal(sources: Mapping[str, SourceState], *, full: bool, broken: bool, note: bool, shut: bool = False) -> Signal:
    """What a light shows between people.

    Args:
        sources: the lanes this light stands for, and how their sources are.
        full: the outbox takes nothing more.
        broken: the outbox does not work.
        note: the outbox is nearly full.
        shut: nobody comes in through one of these lanes.

    Example:
        >>> state_signal({"in": SourceState.WORKING, "out": SourceState.FAULT}, full=False, broken=False, note=False)
        <Signal.ATTENTION: 'attention'>
    """
    if broken or all(state in _BROKEN for state in sources.values()):
        return Signal.FAULT
    if full:
        return Signal.FULL
    if shut:
        return Signal.SHUT
    if note or any(state in _BROKEN for state in sources.values()):
        return Signal.ATTENTION
    if all(state is SourceState.OPENING for state in sources.values()):
        return Signal.STARTING
    return Signal.READY


class Light:
    """One indicator, opened anew when it has failed.

    Args:
        url: its driver URL.
        clock: monotonic seconds.

    Raises:
        drivers.errors.DriverError: it cannot be opened the first time.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._indicator: Indicator | None = open_indicator(url)
        self._state: Signal | None = None
        self._opened_s = clock() - _STEADY_S  # so that its very first failure is said
        self._wait_s = _FIRST_WAIT_S
        self._next_try_s = 0.0

    @property
    def works(self) -> bool:
        """Whether it is open, as far as we know."""
        return self._indicator is not None

    def answer(self, signal: Signal) -> None:
        """Shows an answer; returns at once."""
        self._show(signal)

    def be(self, state: Signal) -> None:
        """Shows a state where it has changed, and opens the light anew when that is due."""
        if self._indicator is None and self._clock() >= self._next_try_s:
            self._reopen()
        if state is not self._state:
            self._show(state)
            self._state = state

    def close(self) -> None:
        """Light off."""
        if self._indicator is not None:
            with contextlib.suppress(Exception):  # it is given up in any case, and the other lights must go off too
                self._indicator.close()
            self._indicator = None

    def _show(self, signal: Signal) -> None:
        if self._indicator is None:
            return
        try:
            self._indicator.show(signal)
        except Exception as error:  # noqa: BLE001 - whatever a light raises, people go on passing
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        now_s = self._clock()
        if now_s - self._opened_s >= _STEADY_S:
            self._wait_s = _FIRST_WAIT_S
            why = str(error) if isinstance(error, DriverError) else where(error)
            log.error("indicator %s failed: %s; the gate goes on and opens it anew", self._url, why)
        self.close()
        self._next_try_s = now_s + self._wait_s
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)

    def _reopen(self) -> None:
        self._opened_s = self._clock()
        try:
            self._indicator = open_indicator(self._url)
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(error)
        else:
            log.info("indicator %s is opened again", self._url)
            self._state = None  # it shows nothing yet


class Feedback:
    """All lights and buzzers of the gate.

    Args:
        gate: names the gate's own indicator.
        lanes: a lane may have its own; lanes with the same URL share one.

    Raises:
        drivers.errors.DriverError: an indicator cannot be opened; those opened before are closed again.
    """

    def __init__(self, gate: GateSettings, lanes: tuple[LaneSettings, ...]) -> None:
        self._url_of = {lane.name: lane.indicator or gate.indicator for lane in lanes}
        self._lights: dict[str, Light] = {}
        self._sources = {lane.name: SourceState.OPENING for lane in lanes}
        try:
            for url in self._url_of.values():
                if url not in self._lights:
                    self._lights[url] = Light(url)
        except BaseException:
            self.close()
            raise

    def answer(self, lane: str, signal: Signal) -> None:
        """Answers the person at a lane; returns at once."""
        self._lights[self._url_of[lane]].answer(signal)

    def everywhere(self, signal: Signal) -> None:
        """Shows a signal on every light, whatever it stands for."""
        for light in self._lights.values():
            light.answer(signal)

    def source_is(self, lane: str, state: SourceState) -> None:
        """Notes how a lane's source is; `settle` shows it."""
        self._sources[lane] = state

    def settle(self, *, full: bool, broken: bool, note: bool, shut: frozenset[str] = frozenset()) -> None:
        """Shows on each light how the gate is, where that has changed; a failed light is opened anew when that is due.

        Args:
            full: the outbox takes nothing more.
            broken: the outbox does not work.
            note: the outbox is nearly full.
            shut: lanes through which nobody comes in now.
        """
        for url, light in self._lights.items():
            sources = {lane: self._sources[lane] for lane, of_lane in self._url_of.items() if of_lane == url}
            light.be(state_signal(sources, full=full, broken=broken, note=note, shut=not shut.isdisjoint(sources)))

    def sources(self) -> dict[str, str]:
        """How each lane's source is, for counters."""
        return {lane: str(state) for lane, state in self._sources.items()}

    def lights(self) -> dict[str, str]:
        """How each light is, for counters."""
        return {url: "working" if light.works else "fault" for url, light in self._lights.items()}

    def close(self) -> None:
        """Lights off."""
        for light in self._lights.values():
            light.close()
