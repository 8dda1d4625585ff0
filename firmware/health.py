"""Pairs a health pass that was shown with the person's own code, at the same lane and within seconds, in either order. Pure.

A pass is kept for those seconds as the little that may be compared, a person as their code said it; both in memory only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from firmware.directions import Way
from firmware.health_pass.answer import SIGNED, PassAnswer, ShownPass
from firmware.marks import who
from firmware.person_codes import Person
from firmware.person_codes.national import bare_capitals


class Policy(StrEnum):
    """What a site wants of those who come in."""

    OFF = "off"  # a pass is not a code of this gate
    ASKED = "asked"  # recorded when it is shown, nobody waits for it
    REQUIRED = "required"  # without a valid one: recorded, and the keeper is called


class PassResult(StrEnum):
    """What a passage's record says about the pass; the first seven as `PassAnswer`."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    ISSUER_UNKNOWN = "issuer-unknown"
    BAD_SIGNATURE = "bad-signature"
    MALFORMED = "malformed"
    CLOCK_UNKNOWN = "clock-unknown"
    OTHER_PERSON = "other-person"  # signed, and not for the name and birth date of the code
    NOT_SHOWN = "not-shown"


def agrees(person: Person, shown: ShownPass) -> bool:
    """Says whether a pass names the same person as a code.

    The names must hold the same words without diacritics, in any order; the birth dates must be the same as far as both go.
    What is covered by `*` or missing agrees with nothing.

    Example:
        >>> an = Person("cccd", "001099012345", "Nguyễn Văn An", "1999-03-15", "male")
        >>> agrees(an, ShownPass(PassAnswer.VALID, "VAN AN NGUYEN", "1999"))
        True
    """
    if not (shown.name and shown.birth_date and person.birth_date):
        return False
    shorter, longer = sorted((shown.birth_date, person.birth_date), key=len)
    return longer.startswith(shorter) and sorted(bare_capitals(person.name).split()) == sorted(shown.name.split())


@dataclass(frozen=True, slots=True)
class _Pass:
    shown: ShownPass
    at_s: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    person: Person
    way: Way
    result: PassResult
    at_s: float


class Pairing:
    """Passes and people of one gate, waiting for each other.

    Args:
        within_s: for how long, seconds, above 0.
    """

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._passes: dict[str, _Pass] = {}  # by lane
        self._waiting: dict[str, _Waiting] = {}  # by lane: recorded, and their pass was not valid

    def result_for(self, lane: str, person: Person, at_s: float) -> PassResult:
        """What the pass shown at a lane is worth for somebody whose code is read there now; notes nothing."""
        held = self._passes.get(lane)
        if held is None or not self._still(held.at_s, at_s):
            return PassResult.NOT_SHOWN
        if held.shown.answer in SIGNED and not agrees(person, held.shown):
            return PassResult.OTHER_PERSON
        return PassResult(held.shown.answer)

    def used(self, lane: str) -> None:
        """The pass at a lane has had its person."""
        self._passes.pop(lane, None)

    def recorded(self, lane: str, person: Person, way: Way, result: PassResult, at_s: float) -> None:
        """Notes that somebody's passage is on disk with this result."""
        self.used(lane)
        self._waiting.pop(lane, None)
        if result is not PassResult.VALID:
            self._waiting[lane] = _Waiting(person, way, result, at_s)

    def went(self, person: Person) -> None:
        """Notes that somebody has gone out: a pass that they show now is for the next time they come in."""
        self._waiting = {lane: held for lane, held in self._waiting.items() if who(held.person) != who(person)}

    def shown(self, lane: str, shown: ShownPass, at_s: float, *, keep: bool = True) -> tuple[Person, Way, PassResult] | None:
        """Notes a pass; when it is that of the person recorded at this lane a moment ago, says who, which way, and what it says now.

        A pass whose signature is not good names nobody. It is kept for the next code only when nobody was waiting: what is
        recorded of a person must not come from another's pass. Without `keep` none is: nobody comes in with the next code.
        """
        waiting = self._waiting.get(lane)
        if waiting is not None and not self._still(waiting.at_s, at_s):
            waiting = None
        if waiting is not None and agrees(waiting.person, shown):
            result = PassResult(shown.answer)
            return (waiting.person, waiting.way, result) if result is not waiting.result else None
        if keep and (waiting is None or shown.answer in SIGNED):
            self._passes[lane] = _Pass(shown, at_s)
        return None

    def tidy(self, now_s: float) -> None:
        """Forgets whoever has waited long enough."""
        self._passes = {lane: held for lane, held in self._passes.items() if self._still(held.at_s, now_s)}
        self._waiting = {lane: held for lane, held in self._waiting.items() if self._still(held.at_s, now_s)}

    def _still(self, before_s: float, now_s: float) -> bool:
        return now_s - before_s <= self._within_s


USABLE = frozenset({PassAnswer.VALID, PassAnswer.CLOCK_UNKNOWN})  # worth showing one's own code after; the record says which
