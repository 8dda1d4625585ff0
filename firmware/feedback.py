"""Chooses what each light, display and barrier does: the answer to a person at once, and between people how the gate is.

One that fails never stops the gate; see kept_output.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from drivers.barrier import Barrier
from drivers.catalogue import open_barrier, open_display, open_indicator
from drivers.display import Display
from drivers.indicator import Indicator, Signal
from edge_agent.device.settings import GateSettings, LaneSettings
from firmware.kept_output import KeptOutput
from firmware.reading import SourceState

_BROKEN = (SourceState.FAULT, SourceState.ENDED)


class Shower(Protocol):
    """What shows signals: an indicator, a display."""

    def show(self, signal: Signal) -> None:
        """Shows a signal."""

    def close(self) -> None:
        """Releases it."""


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
    """A light with its buzzer, or a display: it shows answers, and between them how the gate is.

    Args:
        kept: the device.
    """

    def __init__(self, kept: KeptOutput[Shower]) -> None:
        self._kept = kept
        self._state: Signal | None = None

    @property
    def works(self) -> bool:
        """Whether it is open, as far as we know."""
        return self._kept.works

    def answer(self, signal: Signal) -> None:
        """Shows an answer; returns at once."""
        self._kept.ask(lambda device: device.show(signal))

    def be(self, state: Signal) -> None:
        """Shows a state where it has changed, and opens the light anew when that is due."""
        if self._kept.revive() or state is not self._state:
            self.answer(state)
            self._state = state

    def close(self) -> None:
        """Light off."""
        self._kept.close()


class Feedback:
    """All lights, buzzers, displays and barriers of the gate.

    Args:
        gate: names the gate's own indicator and display.
        lanes: a lane may have its own indicator and barrier; lanes with the same URL share one.

    Raises:
        drivers.errors.DriverError: a light or barrier cannot be opened; those opened before are closed again. A display may come later.
    """

    def __init__(self, gate: GateSettings, lanes: tuple[LaneSettings, ...]) -> None:
        self._url_of = {lane.name: lane.indicator or gate.indicator for lane in lanes}
        self._barrier_of = {lane.name: lane.barrier for lane in lanes if lane.barrier}
        self._indicators: dict[str, KeptOutput[Indicator]] = {}
        self._lights: dict[str, Light] = {}
        self._display: KeptOutput[Display] | None = None
        self._shown: Light | None = None  # on the display
        self._barriers: dict[str, KeptOutput[Barrier]] = {}
        self._sources = {lane.name: SourceState.OPENING for lane in lanes}
        self._inside: int | None = None
        self._quiet = False
        try:
            self._open(gate.display)
        except BaseException:
            self.close()
            raise

    def _open(self, display: str) -> None:
        for url in self._url_of.values():
            if url not in self._lights:
                self._indicators[url] = KeptOutput(f"indicator {url}", partial(self._open_light, url))
                self._lights[url] = Light(self._indicators[url])
        for url in self._barrier_of.values():
            if url not in self._barriers:
                self._barriers[url] = KeptOutput(f"barrier {url}", partial(open_barrier, url))
        if display:
            self._display = KeptOutput(f"display {display}", lambda: self._open_display(display), needed=False)
            self._shown = Light(self._display)

    def _open_light(self, url: str) -> Indicator:
        indicator = open_indicator(url)
        indicator.set_quiet(self._quiet)
        return indicator

    def _open_display(self, url: str) -> Display:
        display = open_display(url)
        display.count(self._inside)
        return display

    def answer(self, lane: str, signal: Signal, *, opens: bool = False) -> None:
        """Answers the person at a lane, and opens the lane's barrier, if it has one, where the answer says so; returns at once."""
        self._lights[self._url_of[lane]].answer(signal)
        if self._shown is not None:
            self._shown.answer(signal)
        if opens and lane in self._barrier_of:
            self._barriers[self._barrier_of[lane]].ask(lambda barrier: barrier.let_through())

    def everywhere(self, signal: Signal) -> None:
        """Shows a signal on every light and display, whatever it stands for."""
        for light in self._all_lights():
            light.answer(signal)

    def source_is(self, lane: str, state: SourceState) -> None:
        """Notes how a lane's source is; `settle` shows it."""
        self._sources[lane] = state

    def inside(self, count: int | None) -> None:
        """Shows on the display how many are inside; None: nobody counts."""
        if self._display is not None and count != self._inside:
            self._inside = count
            self._display.ask(lambda display: display.count(count))

    def quiet(self, quiet: bool) -> None:
        """Silences every buzzer, or lets it sound again."""
        if quiet != self._quiet:
            self._quiet = quiet
            for indicator in self._indicators.values():
                indicator.ask(lambda opened: opened.set_quiet(quiet))

    def settle(self, *, full: bool, broken: bool, note: bool, shut: frozenset[str] = frozenset()) -> None:
        """Shows on each light how the gate is, where that has changed; a failed device is opened anew when that is due.

        Args:
            full: the outbox takes nothing more.
            broken: the outbox does not work.
            note: an operator should look: the outbox is nearly full, the case is open.
            shut: lanes through which nobody comes in now.
        """
        for url, light in self._lights.items():
            sources = {lane: self._sources[lane] for lane, of_lane in self._url_of.items() if of_lane == url}
            light.be(state_signal(sources, full=full, broken=broken, note=note, shut=not shut.isdisjoint(sources)))
        if self._shown is not None:
            self._shown.be(state_signal(self._sources, full=full, broken=broken, note=note, shut=bool(shut)))
        for barrier in self._barriers.values():
            barrier.revive()

    def sources(self) -> dict[str, str]:
        """How each lane's source is, for counters."""
        return {lane: str(state) for lane, state in self._sources.items()}

    def lights(self) -> dict[str, str]:
        """How each light, display and barrier is, for counters."""
        outputs = {**{url: light.works for url, light in self._lights.items()}, **{url: each.works for url, each in self._barriers.items()}}
        if self._display is not None:
            outputs["display"] = self._display.works
        return {url: "working" if works else "fault" for url, works in outputs.items()}

    def _all_lights(self) -> list[Light]:
        return [*self._lights.values(), *([] if self._shown is None else [self._shown])]

    def close(self) -> None:
        """Lights off, barriers to their fail-safe level."""
        for light in self._all_lights():
            light.close()
        for barrier in self._barriers.values():
            barrier.close()
