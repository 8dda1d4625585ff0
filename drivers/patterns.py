"""What each signal looks and sounds like: one table, in which rhythm alone, light alone and sound alone tell signals apart.

Colours alone, in their order, tell apart what asks something else of the person: green is go on, amber is show the code again, and
whatever needs somebody else's word has colours of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from drivers.indicator import Signal


class Lamp(StrEnum):
    """The lamps of a gate."""

    GREEN = "green"
    RED = "red"
    AMBER = "amber"


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of time in which nothing changes.

    Attributes:
        lamps: the lamps lit.
        sound: whether the buzzer sounds.
        duration_ms: how long, above 0.
    """

    lamps: frozenset[Lamp]
    sound: bool
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """Steps to play.

    Attributes:
        steps: one round.
        repeats: rounds of an answer; a state ignores it.
        is_state: a state plays until the next state, an answer plays once and the state returns.
    """

    steps: tuple[Step, ...]
    repeats: int = 1
    is_state: bool = False

    @property
    def duration_ms(self) -> int:
        """How long an answer takes, or one round of a state."""
        return sum(step.duration_ms for step in self.steps) * (1 if self.is_state else self.repeats)


_GREEN, _RED, _AMBER = frozenset({Lamp.GREEN}), frozenset({Lamp.RED}), frozenset({Lamp.AMBER})
_RED_AMBER, _GREEN_AMBER = _RED | _AMBER, _GREEN | _AMBER
_ALL, _DARK = frozenset(Lamp), frozenset[Lamp]()


def _light(lamps: frozenset[Lamp], duration_ms: int) -> Step:
    return Step(lamps, sound=False, duration_ms=duration_ms)


def _beep(lamps: frozenset[Lamp], duration_ms: int) -> Step:
    return Step(lamps, sound=True, duration_ms=duration_ms)


def _off(duration_ms: int) -> Step:
    return _light(_DARK, duration_ms)


def _state(*steps: Step) -> Pattern:
    return Pattern(steps, is_state=True)


def _ticket(lamps: frozenset[Lamp], blinks: int) -> Pattern:
    return Pattern((_beep(_ALL, 150), _off(100), *[_beep(lamps, 100), _off(100)] * blinks))


PATTERNS: Mapping[Signal, Pattern] = MappingProxyType(
    {
        # States are silent: they last for hours.
        Signal.STARTING: _state(_light(_AMBER, 500), _off(500)),
        Signal.WAITING: _state(*[_light(_AMBER, 100), _off(150)] * 3, _off(1250)),  # three winks, and a pause
        Signal.WAITING_WITH_FAULT: _state(*[_light(_AMBER, 100), _off(150)] * 3, _light(_RED, 500), _off(750)),  # and red: look at me
        Signal.READY: _state(_light(_GREEN, 100), _off(2900)),  # a calm wink that also proves it is alive
        Signal.ATTENTION: _state(_light(_GREEN, 100), _off(200), _light(_AMBER, 100), _off(2600)),
        Signal.SHUT: _state(_light(_RED_AMBER, 1500), _off(500)),
        Signal.FAULT: _state(_light(_RED, 200), _off(200)),
        Signal.FULL: _state(_light(_RED, 1000)),
        Signal.CLOSED: _state(_off(1000)),
        # Answers are short: the next person is already there.
        Signal.ACCEPTED: Pattern((_beep(_GREEN, 200), _light(_GREEN, 600))),
        Signal.ACCEPTED_ASK: Pattern((_beep(_GREEN, 200), _light(_GREEN, 100), _off(100), _beep(_AMBER, 100), _light(_AMBER, 600))),
        Signal.ALREADY: Pattern((_beep(_GREEN, 50), _light(_GREEN, 100), _off(100), _light(_GREEN, 250))),
        Signal.ASK_KEEPER: Pattern((_beep(_AMBER, 100), _off(100), _beep(_AMBER, 100), _off(100), _beep(_RED, 300), _light(_RED, 400))),
        Signal.NOT_OPEN: Pattern((_beep(_RED_AMBER, 300), _off(150), _beep(_RED_AMBER, 300), _light(_RED_AMBER, 300))),
        Signal.PASS_SEEN: Pattern((_beep(_AMBER, 50), _light(_AMBER, 150), _beep(_GREEN_AMBER, 50), _light(_GREEN_AMBER, 600))),  # half-way
        Signal.PASS_NOT_VALID: Pattern(
            (_beep(_RED, 300), _off(100), _beep(_AMBER, 100), _off(100), _beep(_AMBER, 100), _light(_AMBER, 200))
        ),
        Signal.NOT_A_PERSON_CODE: Pattern((_beep(_AMBER, 150), _off(150)), repeats=2),
        Signal.CLOSER: Pattern((_beep(_AMBER, 50), _light(_AMBER, 50), _off(50)), repeats=5),  # quick, as one walks up
        Signal.HOLD_STILL: Pattern((_beep(_AMBER, 100), _light(_AMBER, 1000))),  # one long light: wait
        Signal.UNREADABLE: Pattern((_beep(_AMBER, 50), _off(100)), repeats=3),
        Signal.REFUSED: Pattern((_beep(_RED, 600), _off(150), _beep(_RED, 150), _light(_RED, 200))),
        Signal.TESTED: Pattern((_beep(_RED_AMBER, 50), _off(50), _beep(_RED_AMBER, 50), _off(50), _beep(_AMBER, 300), _light(_AMBER, 300))),
        Signal.IDENTIFY: Pattern((_beep(_ALL, 150), _off(150)), repeats=4),
        # What came of a ticket: all lamps once, then blinks to count: 2 the ticket is over, 3 the network, 4 it is not of this province.
        Signal.JOINED: Pattern((_beep(_ALL, 150), _off(100), _beep(_GREEN, 600), _light(_GREEN, 300))),
        Signal.TICKET_REFUSED: _ticket(_AMBER, 2),
        Signal.NOT_REACHED: _ticket(_RED_AMBER, 3),
        Signal.TICKET_FOREIGN: _ticket(_RED, 4),
    }
)
