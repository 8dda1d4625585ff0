"""Attends to each code that was read: sorts it, asks the gate, records, and only then answers.

Source: design.md "The way of a record". Belongs to the consumer's thread.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from drivers.indicator import Signal
from edge_agent.wire.entry import Method
from firmware.codes import PassCode, UnknownCode, sort_code
from firmware.gate import Gate
from firmware.health_pass import read_pass
from firmware.held_codes import HeldCodes
from firmware.judgement import Judgement, Late, Moment, PassVerdict, Verdict
from firmware.live import passage_message
from firmware.other_codes import OtherCode
from firmware.outbox_care import OutboxCare
from firmware.person_codes import Person
from firmware.reading import Reading
from firmware.watched_trust_list import WatchedTrustList

log = logging.getLogger(__name__)
_SAY_EVERY_S = 1.0
_PASS_SIGNALS = {
    PassVerdict.NOT_ASKED: Signal.NOT_A_PERSON_CODE,
    PassVerdict.NOT_OPEN: Signal.NOT_OPEN,
    PassVerdict.NOW_THE_CODE: Signal.PASS_SEEN,
    PassVerdict.NOT_VALID: Signal.PASS_NOT_VALID,
}
_KEPT_OUT = {Signal.REFUSED, Signal.NOT_OPEN, Signal.ASK_KEEPER, Signal.ACCEPTED_ASK, Signal.ALREADY}  # where no barrier opens


class Attendant:
    """Answers people, one reading at a time.

    Args:
        gate: decides.
        trust: who may sign health passes.
        held_s: a code unseen at its lane for so many seconds counts as taken away.
        outbox: records, and sees to it that recording works.
        moment: what the gate needs to know of a time, monotonic seconds.
        answer: shows a signal at a lane, and opens its barrier if so told.
        tell: publishes live passages; must return at once.
        obey: takes one of our other codes to be obeyed; says whether it is obeyed now.
    """

    def __init__(
        self,
        gate: Gate,
        trust: WatchedTrustList,
        held_s: float,
        outbox: OutboxCare,
        moment: Callable[[float], Moment],
        answer: Callable[[str, Signal, bool], None],
        tell: Callable[[Mapping[str, Any]], object],
        obey: Callable[[str], bool],
    ) -> None:
        self._gate = gate
        self._trust = trust
        self._said_s: dict[str, float] = {}  # by lane, when the log last told of a code that is nobody's
        self._held = {lane: HeldCodes(held_s) for lane in gate.rules.lanes}
        self._outbox = outbox
        self._moment = moment
        self._answer = answer
        self._tell = tell
        self._obey = obey

    def attend(self, reading: Reading) -> None:
        """Answers whoever showed a code, unless they have had their answer and still hold it up."""
        if self._held[reading.lane].saw(reading.data.hex(), reading.at_s):
            return
        code = sort_code(reading.data)
        match code:
            case Person():
                self._person(reading, code)
            case PassCode(text):
                self._pass(reading, text)
            case OtherCode(text=text) if self._obey(text):
                self._say(reading, Signal.IDENTIFY)
            case _:
                reason = code.reason if isinstance(code, UnknownCode) else code.kind
                self._say_nobody(reading, reason)
                if isinstance(code, OtherCode):  # a ticket may be obeyed when a button was pressed
                    self._held[reading.lane].kept_out(reading.data.hex(), reading.at_s)
                self._say(reading, Signal.NOT_A_PERSON_CODE)

    def look_again(self, since_s: float = -math.inf) -> None:
        """Answers anew whoever was kept out and still holds their code up, if it is seen at `since_s` (monotonic seconds) or later.

        To be called when what kept them out may have changed: a button was pressed, the gate has opened, the outbox works again.
        """
        for held in self._held.values():
            held.look_again(since_s)

    def _say(self, reading: Reading, signal: Signal, opens: bool = False) -> None:
        if signal in _KEPT_OUT and not opens:
            self._held[reading.lane].kept_out(reading.data.hex(), reading.at_s)
        self._answer(reading.lane, signal, opens)

    def _say_nobody(self, reading: Reading, reason: str) -> None:
        """Tells the log, at most once a second for each lane: a reader gone mad must not bury everything else in it."""
        if reading.at_s - self._said_s.get(reading.lane, -math.inf) >= _SAY_EVERY_S:
            self._said_s[reading.lane] = reading.at_s
            log.info("lane %s: not a person code (%s)", reading.lane, reason)

    def _person(self, reading: Reading, person: Person) -> None:
        judgement = self._gate.judge(reading.lane, person, self._moment(reading.at_s))
        match judgement.verdict:
            case Verdict.RECORD:
                self._record(reading, person, judgement, Signal.ACCEPTED_ASK if judgement.keeper else Signal.ACCEPTED)
            case Verdict.ALREADY:
                self._say(reading, Signal.ACCEPTED_ASK if judgement.keeper else Signal.ALREADY, judgement.opens)
            case Verdict.NOT_OPEN:
                self._say(reading, Signal.NOT_OPEN)
            case Verdict.ASK_KEEPER:
                self._say(reading, Signal.ASK_KEEPER)

    def _pass(self, reading: Reading, text: str) -> None:
        moment = self._moment(reading.at_s)
        if not self._gate.asks_passes(reading.lane):
            self._say(reading, _PASS_SIGNALS[PassVerdict.NOT_ASKED])
            return
        verdict = self._gate.pass_shown(reading.lane, read_pass(text, self._trust.signers, moment.wall_ms), moment)
        if not isinstance(verdict, Late):
            self._say(reading, _PASS_SIGNALS[verdict])
            return
        recorded = Signal.ACCEPTED_ASK if verdict.judgement.keeper else Signal.ACCEPTED
        self._record(reading, verdict.person, verdict.judgement, recorded if verdict.usable else Signal.PASS_NOT_VALID)

    def _record(self, reading: Reading, person: Person, judgement: Judgement, signal: Signal) -> None:
        way, method = judgement.way, Method(reading.method)
        health, remarks = judgement.health, judgement.remarks
        kept = self._outbox.record(
            lambda: self._outbox.recording.passage(person, way.direction, way.known, method, health=health, remarks=remarks)
        )
        if kept is None:
            self._say(reading, Signal.REFUSED)
            return
        self._say(reading, signal, judgement.opens)  # recorded before green: the entry is on disk
        green_ms, scan_to_green_ms = time.time_ns() // 1_000_000, (time.monotonic() - reading.at_s) * 1000
        self._gate.recorded(reading.lane, person, judgement, reading.at_s)
        self._outbox.works_again()
        passage = passage_message(reading.lane, person, judgement, kept, method, self._gate.presence())
        self._tell({**passage, "green_ms": green_ms, "scan_to_green_ms": round(scan_to_green_ms, 3)})
