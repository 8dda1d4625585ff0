"""Which way somebody goes: fixed by the lane, said with a button, or guessed from their last passage. Pure: time is passed in."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.wire.entry import Direction, Known
from firmware.presence import Last

_TURNS = 8  # remembered of each button: a press is told after its bounce time, and codes were read meanwhile
CLASH_S = 1.0  # two buttons within so long: two hands, not a change of mind


def other(direction: Direction) -> Direction:
    """The way back."""
    return Direction.OUT if direction is Direction.IN else Direction.IN


class Mode(StrEnum):
    """Where a lane's direction comes from."""

    IN = "in"
    OUT = "out"
    BUTTON = "button"
    ALTERNATE = "alternate"


@dataclass(frozen=True, slots=True)
class LaneRule:
    """How a lane knows its direction.

    Attributes:
        mode: where from.
        button_in, button_out: parts whose press says so, for those who pass soon after; empty: there is none. With only one of
            them, no press says the other direction.
        button_turn: a part whose press turns the direction round, until it is pressed again; it begins with in.
    """

    mode: Mode
    button_in: str = ""
    button_out: str = ""
    button_turn: str = ""

    @property
    def lets_in(self) -> bool:
        """Whether people may come in through this lane."""
        return self.mode is not Mode.OUT

    @property
    def guesses(self) -> bool:
        """Whether a direction may have to be guessed here from somebody's last passage."""
        return self.mode is Mode.ALTERNATE or bool(self.button_in and self.button_out)


@dataclass(frozen=True, slots=True)
class Way:
    """A direction.

    Attributes:
        known: how it is known; `INFERRED` is a guess.
        clash: both buttons were pressed at once, so that the guess had to serve.
    """

    direction: Direction
    known: Known
    clash: bool = False


def said(rule: LaneRule, direction: Direction) -> Way | None:
    """The way of somebody of whom the keeper says it, as with a button; None where nobody goes that way at this lane.

    Example:
        >>> said(LaneRule(Mode.ALTERNATE), Direction.OUT).known, said(LaneRule(Mode.IN), Direction.OUT)
        (<Known.BUTTON: 'button'>, None)
    """
    if rule.mode in (Mode.IN, Mode.OUT):
        return Way(direction, Known.LANE) if Direction(rule.mode) is direction else None
    return Way(direction, Known.BUTTON)


class Directions:
    """The ways through one gate.

    Args:
        lanes: by name.
        button_s: a press counts for those whose code is read within so many seconds after it, above 0.

    Example:
        >>> ways = Directions({"door": LaneRule(Mode.BUTTON, button_in="in", button_out="out")}, button_s=10.0)
        >>> ways.pressed("out", at_s=5.0)
        >>> ways.way("door", None, at_s=9.0).direction, ways.way("door", None, at_s=20.0).known
        (<Direction.OUT: 'out'>, <Known.INFERRED: 'inferred'>)
    """

    def __init__(self, lanes: Mapping[str, LaneRule], button_s: float) -> None:
        self._lanes = lanes
        self._button_s = button_s
        self._pressed_s: dict[str, float] = {}  # by part, the last time
        self._turns = {rule.button_turn: _Turns() for rule in lanes.values() if rule.button_turn}

    def pressed(self, part: str, at_s: float) -> None:
        """Notes that a button was pressed, at monotonic seconds; parts that are no lane's button mean nothing here."""
        self._pressed_s[part] = at_s
        if part in self._turns:
            self._turns[part].turn(at_s)

    def way(self, lane: str, last: Last | None, at_s: float) -> Way:
        """The way of somebody whose code was read at a lane.

        Args:
            lane: its name.
            last: their last passage, as far as it is remembered.
            at_s: when the code was read, monotonic seconds.
        """
        rule = self._lanes[lane]
        match rule.mode:
            case Mode.IN | Mode.OUT:
                return Way(Direction(rule.mode), Known.LANE)
            case Mode.ALTERNATE:
                return _guess(last)
            case Mode.BUTTON:
                return self._said(rule, last, at_s)

    def _said(self, rule: LaneRule, last: Last | None, at_s: float) -> Way:
        if rule.button_turn:
            return Way(self._turns[rule.button_turn].direction(at_s), Known.BUTTON)
        into_s, out_s = self._fresh(rule.button_in, at_s), self._fresh(rule.button_out, at_s)
        if into_s is not None and out_s is not None and abs(into_s - out_s) < CLASH_S:
            return _guess(last, clash=True)
        if into_s is None and out_s is None:
            if rule.guesses:
                return _guess(last)
            return Way(Direction.OUT if rule.button_in else Direction.IN, Known.BUTTON)
        says_in = out_s is None or (into_s is not None and into_s > out_s)
        return Way(Direction.IN if says_in else Direction.OUT, Known.BUTTON)

    def _fresh(self, part: str, at_s: float) -> float | None:
        """When a button was last pressed, if that still counts."""
        pressed_s = self._pressed_s.get(part) if part else None
        return pressed_s if pressed_s is not None and 0 <= at_s - pressed_s <= self._button_s else None


class _Turns:
    """Which way a button that turns the direction round says, now and a moment ago."""

    def __init__(self) -> None:
        self._since = deque([(-math.inf, Direction.IN)], maxlen=_TURNS)

    def turn(self, at_s: float) -> None:
        self._since.append((at_s, other(self._since[-1][1])))

    def direction(self, at_s: float) -> Direction:
        return next((direction for since_s, direction in reversed(self._since) if since_s <= at_s), self._since[0][1])


def _guess(last: Last | None, *, clash: bool = False) -> Way:
    """The other way than last time; in, for somebody not seen today."""
    return Way(Direction.IN if last is None else other(last.direction), Known.INFERRED, clash)
