"""Decides what a person's code means at this gate: a passage to record, or someone already recorded. Pure: time is passed in."""

from __future__ import annotations

from enum import StrEnum

from edge_agent.entry import Direction
from firmware.person_codes import Person
from firmware.repeat_window import RepeatWindow


class Verdict(StrEnum):
    """What to do with someone at the gate."""

    RECORD = "record"
    ALREADY = "already"  # the same person, the same direction, moments ago: answered, not recorded again


class Gate:
    """One gate with lanes of fixed direction.

    Args:
        repeat_s: the same person again in the same direction within so many seconds is not recorded again, above 0.

    Example:
        >>> gate, person = Gate(repeat_s=30), Person("cccd", "001099012345", "Nguyễn Văn A", "1999-03-15", "male")
        >>> gate.judge(person, Direction.IN, now_s=0.0)
        <Verdict.RECORD: 'record'>
        >>> gate.recorded(person, Direction.IN, now_s=0.0)
        >>> gate.judge(person, Direction.IN, now_s=9.0), gate.judge(person, Direction.OUT, now_s=9.0)
        (<Verdict.ALREADY: 'already'>, <Verdict.RECORD: 'record'>)
    """

    def __init__(self, repeat_s: float) -> None:
        self._passed = {direction: RepeatWindow(repeat_s) for direction in Direction}

    def judge(self, person: Person, direction: Direction, now_s: float) -> Verdict:
        """Says what to do with a person at `now_s` (monotonic seconds); notes nothing."""
        if not self._passed[direction].holds(_who(person), now_s):
            return Verdict.RECORD
        self._passed[direction].saw(_who(person), now_s)
        return Verdict.ALREADY

    def recorded(self, person: Person, direction: Direction, now_s: float) -> None:
        """Notes that a person's passage is on disk; until then they are not "already" recorded."""
        self._passed[direction].saw(_who(person), now_s)


def _who(person: Person) -> str:
    """One text per person: the number, which is the same on card and phone, and more where part of it is covered."""
    if "*" not in person.id_number:
        return person.id_number
    return "|".join((person.id_number, person.name, person.birth_date or "", person.qid or "", person.phone or ""))
