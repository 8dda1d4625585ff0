"""Records whom the keeper declares, by the gate's own rules, and answers once the entry is on disk. Belongs to the consumer's thread.

The lane's light and barrier say nothing of it: they belong to whoever stands there, and a green for somebody at the keeper's table would
send an unregistered person through (decision 0084).
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.device.station_words import Verdict as Answer
from edge_agent.device.station_words import WhyRefused, declared_message
from edge_agent.wire.entry import Method
from firmware.declaration import Declaration
from firmware.gate import TABLE, Gate
from firmware.judgement import Judgement, Moment, Verdict
from firmware.live import passage_message
from firmware.marks import Marker
from firmware.outbox_care import OutboxCare
from firmware.person_codes import Person
from firmware.reading import Declared

REMEMBERED_S = 600.0
_REMEMBERED = 256
BURST, EACH_S = 30, 4.0  # faster than several keepers type; whoever has stolen a PIN fills no outbox before a market is over


class Desk:
    """The keeper's table.

    Args:
        gate: decides.
        outbox: records, and sees to it that recording works.
        moment: what the gate needs to know of a time, monotonic seconds.
        tell: publishes live passages; must return at once.
    """

    def __init__(
        self, gate: Gate, outbox: OutboxCare, moment: Callable[[float], Moment], tell: Callable[[Mapping[str, Any]], object]
    ) -> None:
        self._gate = gate
        self._outbox = outbox
        self._moment = moment
        self._tell = tell
        self._answered = Answered()
        self._pace = Pace()

    def take(self, declared: Declared) -> None:
        """Records somebody, or says why not; what was answered with "accepted" or "repeat" is answered so again, and not recorded again."""
        declaration = declared.declaration
        before = self._answered.find(declaration, declared.at_s)
        if before is not None:
            declared.answer(before)
            return
        judgement = self._gate.judge_declared(declaration.person, declaration.way, self._moment(declared.at_s))
        match judgement.verdict:
            case Verdict.RECORD:
                self._record(declared, judgement)
            case Verdict.ALREADY:
                self._accept(declared, Answer.REPEAT, {})
            case Verdict.NOT_OPEN:
                declared.answer(declared_message(declaration.ref, Answer.REFUSED, WhyRefused.CLOSED))
            case Verdict.ASK_KEEPER:
                declared.answer(declared_message(declaration.ref, Answer.REFUSED, WhyRefused.PASSBACK))

    def _record(self, declared: Declared, judgement: Judgement) -> None:
        declaration, way = declared.declaration, judgement.way
        if not self._pace.allows(declared.at_s):
            declared.answer(declared_message(declaration.ref, Answer.REFUSED, WhyRefused.BUSY))
            return
        person, health, remarks = declaration.person, judgement.health, judgement.remarks
        kept = self._outbox.record(
            lambda: self._outbox.recording.passage(person, way.direction, way.known, Method.PAPER, health=health, remarks=remarks)
        )
        if kept is None:
            why = WhyRefused.OUTBOX_FULL if self._outbox.full else WhyRefused.NOT_RECORDED
            declared.answer(declared_message(declaration.ref, Answer.REFUSED, why))
            return
        self._gate.recorded(TABLE, person, judgement, declared.at_s)
        told = {"warnings": [*map(str, person.warnings), *map(str, remarks)]}
        self._accept(declared, Answer.ACCEPTED, told if health is None else {**told, "health": str(health)})  # it is on disk
        self._outbox.works_again()
        self._tell(passage_message(declaration.lane, person, judgement, kept, Method.PAPER, self._gate.presence()))

    def _accept(self, declared: Declared, verdict: Answer, more: Mapping[str, Any]) -> None:
        answer = {**declared_message(declared.declaration.ref, verdict), **more}
        self._answered.note(declared.declaration, answer, declared.at_s)
        declared.answer(answer)


class Pace:
    """How many may be recorded from the table: a burst, and then one every few seconds.

    Example:
        >>> pace = Pace()
        >>> sum(pace.allows(0.0) for _ in range(100)), pace.allows(3.0), pace.allows(4.0)
        (30, False, True)
    """

    def __init__(self) -> None:
        self._left = float(BURST)
        self._counted_s: float | None = None

    def allows(self, at_s: float) -> bool:
        """Whether one more may be at `at_s` (monotonic seconds); it then counts."""
        if self._counted_s is not None:
            self._left = min(float(BURST), self._left + max(0.0, at_s - self._counted_s) / EACH_S)
        self._counted_s = at_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True)
class _Once:
    mark: bytes
    answer: Mapping[str, Any]
    at_s: float


class Answered:
    """What was answered in the last minutes, by `ref`: a phone that heard nothing sends the same again. Of the person a mark alone.

    In memory only: a declaration sent again after a restart is recorded again, which the register shows as the same person twice.
    """

    def __init__(self) -> None:
        self._mark = Marker()
        self._answers: OrderedDict[str, _Once] = OrderedDict()

    def find(self, declaration: Declaration, at_s: float) -> Mapping[str, Any] | None:
        """The answer from before; a refusal where this ref was another declaration's; None when it is new."""
        once = self._answers.get(declaration.ref)
        if once is None or at_s - once.at_s > REMEMBERED_S:
            return None
        if once.mark != self._mark(_all_of(declaration)):
            return declared_message(declaration.ref, Answer.REFUSED, WhyRefused.REF_USED)
        return once.answer

    def note(self, declaration: Declaration, answer: Mapping[str, Any], at_s: float) -> None:
        """Remembers an answer, for ten minutes and 256 declarations at most."""
        self._answers.pop(declaration.ref, None)
        self._answers[declaration.ref] = _Once(self._mark(_all_of(declaration)), answer, at_s)
        while len(self._answers) > _REMEMBERED or next(iter(self._answers.values())).at_s < at_s - REMEMBERED_S:
            self._answers.popitem(last=False)


def _all_of(declaration: Declaration) -> str:
    person = declaration.person
    said = (declaration.lane, str(declaration.way.direction), *_fields(person))
    return json.dumps(said)


def _fields(person: Person) -> tuple[str | None, ...]:
    return person.id_number, person.name, person.birth_date, person.sex, person.phone, person.card_number
