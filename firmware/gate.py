"""Decides what a person's code means at this gate: a passage to record, or an answer without one. Pure: time is passed in.

Each question has a small file of its own (directions, repeat_window, presence, passback, opening_hours, health); this one asks
them in order. Nothing is counted before its entry is on disk.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict

from edge_agent.wire.entry import Direction, Known
from firmware import passback
from firmware.directions import Directions, Way, other
from firmware.gate_rules import GateRules
from firmware.health import USABLE, Pairing, PassResult, Policy
from firmware.health_pass.answer import ShownPass
from firmware.judgement import Cause, Judgement, Late, Moment, PassVerdict, Remark, Verdict
from firmware.marks import who
from firmware.nightly import Nightly
from firmware.passback import Finding, Passback
from firmware.person_codes import Person
from firmware.presence import Last, Presence
from firmware.repeat_window import RepeatWindow

TABLE = "\0table"  # where people are declared: no lane, so no pass shown at one is theirs
KEEPER_S = 30.0  # the keeper's button counts for the next person within so long


class Gate:
    """One gate.

    Example:
        >>> from firmware.directions import LaneRule, Mode
        >>> gate = Gate(GateRules({"door": LaneRule(Mode.IN)}))
        >>> person = Person("cccd", "001099012345", "Nguyễn Văn A", "1999-03-15", "male")
        >>> judgement = gate.judge("door", person, Moment(at_s=0.0))
        >>> judgement.verdict
        <Verdict.RECORD: 'record'>
        >>> gate.recorded("door", person, judgement, at_s=0.0)
        >>> gate.judge("door", person, Moment(at_s=9.0)).verdict, gate.presence()["inside"]
        (<Verdict.ALREADY: 'already'>, 1)
    """

    def __init__(self, rules: GateRules) -> None:
        self.rules = rules
        self._directions = Directions(rules.lanes, rules.button_s)
        self._passed = {direction: RepeatWindow(rules.repeat_s) for direction in Direction}
        self._unproven = RepeatWindow(rules.repeat_s)  # came in just now, and their record shows no valid pass
        self._presence = Presence()
        self._night = Nightly(rules.reset_minute)
        self._pairing = Pairing(rules.pass_s)
        self._let_in_s = -math.inf  # when the keeper's button was pressed
        self.sent_to_keeper: Counter[str] = Counter()  # by cause

    def pressed(self, part: str, at_s: float) -> None:
        """Notes a button: of a direction, or the keeper's, who lets the next person in."""
        if part and part == self.rules.keeper_button:
            self._let_in_s = at_s
        self._directions.pressed(part, at_s)

    def judge(self, lane: str, person: Person, now: Moment) -> Judgement:
        """Says what to do with a person; notes no more than that a repeat goes on, and that the keeper's press was for it."""
        return self._judge(lane, person, self._directions.way(lane, self._presence.last(who(person)), now.at_s), now)

    def judge_declared(self, person: Person, way: Way, now: Moment) -> Judgement:
        """The same for somebody whom the keeper declares; `recorded` is then told of `TABLE` instead of a lane."""
        return self._judge(TABLE, person, way, now)

    def _judge(self, lane: str, person: Person, way: Way, now: Moment) -> Judgement:
        name = who(person)
        last = self._presence.last(name)
        repeated = self._repeated(name, way, last, now.at_s)
        if repeated is not None:
            return self._again(lane, person, Way(repeated, way.known), now.at_s)
        if way.direction is Direction.OUT:
            finding = passback.look(self.rules.passback, self.rules.passback_s, way.direction, last, now.at_s)
            return Judgement(Verdict.RECORD, way, remarks=_remarks(way, finding), opens=True)
        if self.is_shut(now) and not self._keeper_lets_in(now.at_s):
            return Judgement(Verdict.NOT_OPEN, way)
        return self._coming_in(lane, person, way, last, now)

    def _keeper_lets_in(self, at_s: float) -> bool:
        return 0 <= at_s - self._let_in_s <= KEEPER_S

    def _repeated(self, name: str, way: Way, last: Last | None, at_s: float) -> Direction | None:
        """The direction in which they passed moments ago; a guess must not make a repeat into the way back."""
        direction = last.direction if way.known is Known.INFERRED and last is not None else way.direction
        return direction if self._passed[direction].holds(name, at_s) else None

    def _again(self, lane: str, person: Person, way: Way, at_s: float) -> Judgement:
        name, health = who(person), self._health(lane, person, way, at_s)
        unproven = way.direction is Direction.IN and self._unproven.holds(name, at_s)
        keeper = unproven and self.rules.health is Policy.REQUIRED
        if unproven and health is PassResult.VALID:
            return Judgement(Verdict.RECORD, way, health, (Remark.PASS_AFTER_CODE,), opens=keeper or self._opens_again(way))
        self._pairing.used(lane)
        if self.rules.passback is Passback.OFF:  # with it, a repeat is one within a few seconds of the passage, however often it is shown
            self._passed[way.direction].saw(name, at_s)
            if unproven:
                self._unproven.saw(name, at_s)
        opens = not keeper and self._opens_again(way)
        if way.direction is Direction.IN and self._keeper_lets_in(at_s):
            opens, self._let_in_s = True, -math.inf
        return Judgement(Verdict.ALREADY, way, keeper=keeper, opens=opens)

    def _opens_again(self, way: Way) -> bool:
        """Whether somebody who has been let through may have missed it: always on the way out; coming in, it may be a code handed back."""
        return way.direction is Direction.OUT or self.rules.passback is Passback.OFF

    def _coming_in(self, lane: str, person: Person, way: Way, last: Last | None, now: Moment) -> Judgement:
        finding = passback.look(self.rules.passback, self.rules.passback_s, way.direction, last, now.at_s)
        cause = self._cause(person, finding)
        remarks, let_in = _remarks(way, finding), self._keeper_lets_in(now.at_s)
        if let_in:
            remarks += (Remark.KEEPER,)
        elif cause is not None:
            self.sent_to_keeper[cause] += 1
            return Judgement(Verdict.ASK_KEEPER, way)
        health = self._health(lane, person, way, now.at_s)
        keeper = self._wants_keeper(health)
        return Judgement(Verdict.RECORD, way, health, remarks, keeper, opens=let_in or not keeper)

    def _cause(self, person: Person, finding: Finding) -> Cause | None:
        """Why anti-passback does not let somebody in, if so."""
        if self.rules.passback is Passback.OFF:
            return None
        if "*" in person.id_number:
            return Cause.NUMBER_HIDDEN
        return Cause.PASSBACK if finding is Finding.REFUSE else None

    def _health(self, lane: str, person: Person, way: Way, at_s: float) -> PassResult | None:
        if way.direction is Direction.OUT or self.rules.health is Policy.OFF:
            return None
        return self._pairing.result_for(lane, person, at_s)

    def _wants_keeper(self, health: PassResult | None) -> bool:
        return self.rules.health is Policy.REQUIRED and health is not PassResult.VALID

    def recorded(self, lane: str, person: Person, judgement: Judgement, at_s: float) -> None:
        """Notes that a person's passage is on disk; until then they are not "already" recorded, and nowhere counted."""
        name, way = who(person), judgement.way
        if Remark.KEEPER in judgement.remarks:
            self._let_in_s = -math.inf
        self._passed[way.direction].saw(name, at_s)
        self._passed[other(way.direction)].forget(name)
        if way.direction is Direction.OUT:
            self._unproven.forget(name)
            self._pairing.went(person)
        if judgement.health is not None:
            self._pairing.recorded(lane, person, way, judgement.health, at_s)
            if judgement.health is PassResult.VALID:
                self._unproven.forget(name)
            else:
                self._unproven.saw(name, at_s)
        if Remark.PASS_AFTER_CODE not in judgement.remarks:
            self._presence.passed(name, way.direction, way.known, at_s)

    def asks_passes(self, lane: str) -> bool:
        """Whether health passes mean anything at a lane."""
        return self.rules.health is not Policy.OFF and self.rules.lanes[lane].lets_in

    def pass_shown(self, lane: str, shown: ShownPass, now: Moment) -> PassVerdict | Late:
        """Says what to do about a health pass, and remembers it for the code that should follow."""
        if not self.asks_passes(lane):
            return PassVerdict.NOT_ASKED
        turned_away = self.is_shut(now) and not self._keeper_lets_in(now.at_s)
        late = self._pairing.shown(lane, shown, now.at_s, keep=not turned_away)
        if late is not None:
            person, way, result = late
            remarks = (Remark.PASS_AFTER_CODE,)
            keeper = self._wants_keeper(result)
            opens = self.rules.health is Policy.REQUIRED and not keeper  # where passes are only asked for, the code has opened it
            return Late(person, Judgement(Verdict.RECORD, way, result, remarks, keeper, opens), shown.answer in USABLE)
        if turned_away:
            return PassVerdict.NOT_OPEN
        return PassVerdict.NOW_THE_CODE if shown.answer in USABLE else PassVerdict.NOT_VALID

    def is_shut(self, now: Moment) -> bool:
        """Whether nobody comes in now, by command or by the hours."""
        return now.closed or not self.rules.hours.are_open(now.wall_ms)

    def shut_lanes(self, now: Moment) -> frozenset[str]:
        """The lanes whose light should say so."""
        return frozenset(lane for lane, rule in self.rules.lanes.items() if rule.lets_in) if self.is_shut(now) else frozenset()

    def tidy(self, now: Moment) -> None:
        """Forgets what time has passed over; to be called every second or so."""
        self._pairing.tidy(now.at_s)
        if self._night.passed(now.at_s, now.wall_ms):
            self._presence.reset()

    def presence(self) -> dict[str, int]:
        """Counts for people: see `presence.Counts`."""
        return asdict(self._presence.counts())


def _remarks(way: Way, finding: Finding) -> tuple[Remark, ...]:
    noted = ((Remark.PASSBACK, finding is not Finding.CLEAR), (Remark.BUTTONS_CLASH, way.clash))
    return tuple(remark for remark, holds in noted if holds)
