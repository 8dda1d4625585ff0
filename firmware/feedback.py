"""Chooses what each light shows: the answer to a person at once, and between people how the gate is."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.catalogue import open_indicator
from drivers.indicator import Indicator, Signal
from edge_agent.settings import GateSettings, LaneSettings
from firmware.reading import SourceState

_BROKEN = (SourceState.FAULT, SourceState.ENDED)


def state_signal(sources: Mapping[str, SourceState], *, full: bool, broken: bool, note: bool) -> Signal:
    """What a light shows between people.

    Args:
        sources: the lanes this light stands for, and how their sources are.
        full: the outbox takes nothing more.
        broken: the outbox does not work.
        note: the outbox is nearly full.

    Example:
        >>> state_signal({"in": SourceState.WORKING, "out": SourceState.FAULT}, full=False, broken=False, note=False)
        <Signal.ATTENTION: 'attention'>
    """
    if broken or all(state in _BROKEN for state in sources.values()):
        return Signal.FAULT
    if full:
        return Signal.FULL
    if note or any(state in _BROKEN for state in sources.values()):
        return Signal.ATTENTION
    if all(state is SourceState.OPENING for state in sources.values()):
        return Signal.STARTING
    return Signal.READY


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
        self._indicators: dict[str, Indicator] = {}
        self._shown: dict[str, Signal] = {}
        self._sources = {lane.name: SourceState.OPENING for lane in lanes}
        try:
            for url in self._url_of.values():
                if url not in self._indicators:
                    self._indicators[url] = open_indicator(url)
        except BaseException:
            self.close()
            raise

    def answer(self, lane: str, signal: Signal) -> None:
        """Answers the person at a lane; returns at once."""
        self._indicators[self._url_of[lane]].show(signal)

    def everywhere(self, signal: Signal) -> None:
        """Shows a signal on every light."""
        for indicator in self._indicators.values():
            indicator.show(signal)

    def source_is(self, lane: str, state: SourceState) -> None:
        """Notes how a lane's source is; `settle` shows it."""
        self._sources[lane] = state

    def settle(self, *, full: bool, broken: bool, note: bool) -> None:
        """Shows on each light how the gate is, where that has changed."""
        for url, indicator in self._indicators.items():
            sources = {lane: self._sources[lane] for lane, of_lane in self._url_of.items() if of_lane == url}
            signal = state_signal(sources, full=full, broken=broken, note=note)
            if self._shown.get(url) is not signal:
                self._shown[url] = signal
                indicator.show(signal)

    def sources(self) -> dict[str, str]:
        """How each lane's source is, for counters."""
        return {lane: str(state) for lane, state in self._sources.items()}

    def close(self) -> None:
        """Lights off."""
        for indicator in self._indicators.values():
            indicator.close()
