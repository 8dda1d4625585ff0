"""Tests each light, and shows the self-test's result on it. Not while a gate runs."""

from __future__ import annotations

from contextlib import closing
from threading import Event

from drivers.catalogue import open_indicator
from drivers.indicator import Signal
from drivers.patterns import PATTERNS
from firmware.verdict import Finding, guarded, ok

_AFTERWARDS_S = 0.2
RESULT_S = 3.0  # long enough to be told from a flicker


def check_indicator(part: str, url: str, *, silent: bool = False) -> Finding:
    """Whether a light opens and plays a signal: that of a person accepted, or the quiet one of starting."""
    return guarded(part, f"check its wiring and the URL {url!r}", lambda: _play(part, url, Signal.STARTING if silent else Signal.ACCEPTED))


def _play(part: str, url: str, signal: Signal) -> Finding:
    _show(url, signal, PATTERNS[signal].duration_ms / 1000 + _AFTERWARDS_S)
    return ok(part, f'opens; "{signal}" was played: did you see{"" if PATTERNS[signal].is_state else " and hear"} it?')


def show_result(part: str, url: str, *, well: bool) -> Finding:
    """Shows the pattern of a gate that is ready, or of one with a fault, for some seconds; both are silent."""
    signal = Signal.READY if well else Signal.FAULT

    def show() -> Finding:
        _show(url, signal, RESULT_S)
        return ok(part, f'"{signal}" was shown for {RESULT_S:g} s')

    return guarded(part, f"check its wiring and the URL {url!r}", show)


def _show(url: str, signal: Signal, for_s: float) -> None:
    with closing(open_indicator(url)) as indicator:
        indicator.show(signal)
        Event().wait(for_s if url.startswith("gpio:") else 0)  # pins take their time; what prints has printed
        indicator.show(Signal.CLOSED)  # says so if the pins failed meanwhile
