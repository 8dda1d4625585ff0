"""Plays the patterns of signals on any lights and buzzer, in a thread of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Condition, Thread

from drivers.errors import Unplugged
from drivers.indicator import Signal
from drivers.patterns import PATTERNS, Pattern, Step

_log = logging.getLogger(__name__)
_DARK = Step(frozenset(), sound=False, duration_ms=1)
_CLOSE_S = 1.0


class PatternPlayer:
    """Shows the newest answer, and the last state whenever no answer plays.

    Args:
        apply: sets the lamps and the buzzer to what a step says; called from the player's thread only.
        name: of the device, for messages.

    Example:
        >>> seen = []
        >>> player = PatternPlayer(seen.append, "example:")
        >>> player.show(Signal.READY)
        >>> player.close()
        >>> seen[-1].lamps, seen[-1].sound
        (frozenset(), False)
    """

    def __init__(self, apply: Callable[[Step], None], name: str) -> None:
        self._apply = apply
        self._name = name
        self._changed = Condition()
        self._state = PATTERNS[Signal.CLOSED]  # dark until somebody says otherwise
        self._answer: Pattern | None = None
        self._news = 0  # grows with each signal that interrupts what plays
        self._quiet = False
        self._closed = False
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name=f"indicator {name}", daemon=True)
        self._thread.start()

    def show(self, signal: Signal) -> None:
        """Starts a signal and returns at once; a state asked for during an answer begins when the answer ends.

        Raises:
            Unplugged: the lamps failed while an earlier signal played.
        """
        pattern = PATTERNS[signal]
        with self._changed:
            if self._error is not None:
                raise Unplugged(f"{self._name!r} does not work any more. Check its wiring, then restart the gate.") from self._error
            if pattern.is_state:
                self._news += self._answer is None and pattern is not self._state
                self._state = pattern
            else:
                self._answer = pattern
                self._news += 1
            self._changed.notify_all()

    def set_quiet(self, quiet: bool) -> None:
        """Whether steps are played without their sound, from the next one on."""
        self._quiet = quiet

    def close(self) -> None:
        """Ends the thread with everything off; calling it twice is harmless. Lamps that hang are waited for no longer than a second."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            _log.warning("%s the indicator does not answer: it is given up", self._name)

    def _run(self) -> None:
        try:
            while not self._closed:
                with self._changed:
                    pattern, news = self._answer or self._state, self._news
                self._play(pattern, news)
            self._apply(_DARK)
        except Exception as error:  # noqa: BLE001 - whatever pins raise must reach the next caller of show, not die with this thread
            _log.exception("%s the indicator failed", self._name)
            with self._changed:
                self._error = error

    def _play(self, pattern: Pattern, news: int) -> None:
        at_s = time.monotonic()
        steady = pattern.is_state and len(pattern.steps) == 1
        for _ in range(pattern.repeats):
            for step in pattern.steps:
                self._apply(replace(step, sound=False) if self._quiet else step)
                at_s += step.duration_ms / 1000  # summed, so that late wake-ups do not add up
                if self._interrupted(news, None if steady else at_s - time.monotonic()):
                    return
        with self._changed:
            if self._news == news and not pattern.is_state:
                self._answer = None

    def _interrupted(self, news: int, timeout_s: float | None) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._closed or self._news != news, timeout_s)
