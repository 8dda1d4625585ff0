"""What the gate says of somebody, and what it was told of the moment: the words between the gate and whoever attends to people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from firmware.directions import Way
from firmware.health import PassResult
from firmware.person_codes import Person


class Verdict(StrEnum):
    """What to do with someone at the gate."""

    RECORD = "record"
    ALREADY = "already"  # the same person, the same direction, moments ago, and not the other way since: answered, not recorded again
    NOT_OPEN = "not-open"
    ASK_KEEPER = "ask-keeper"  # the light does not tell why


class Remark(StrEnum):
    """What a passage's record says beside the code's own warnings."""

    PASSBACK = "passback"  # the same direction twice, with no passage the other way between
    BUTTONS_CLASH = "buttons-clash"  # both direction buttons were pressed at once
    KEEPER = "keeper"  # the keeper let them in, whatever spoke against it
    PASS_AFTER_CODE = "pass-after-code"  # noqa: S105 - a health pass; says more of a passage recorded a moment ago: the pass came after the code


class Cause(StrEnum):
    """Why somebody was sent to the keeper; counted, never shown and never with a name."""

    PASSBACK = "passback"
    NUMBER_HIDDEN = "number-hidden"  # anti-passback cannot tell them from others


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, as far as the gate needs it.

    Attributes:
        at_s: monotonic seconds.
        wall_ms: milliseconds since 1970, None when it cannot be trusted.
        closed: an operator has closed the gate.
    """

    at_s: float
    wall_ms: int | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate makes of somebody.

    Attributes:
        way: theirs.
        health: what the record says of their pass; None when passes are not asked for here.
        remarks: for the record.
        keeper: the keeper should look.
        opens: the lane's barrier opens for them, once their passage is on disk.
    """

    verdict: Verdict
    way: Way
    health: PassResult | None = None
    remarks: tuple[Remark, ...] = ()
    keeper: bool = False
    opens: bool = False


class PassVerdict(StrEnum):
    """What to do about a pass that was shown."""

    NOT_ASKED = "not-asked"
    NOT_OPEN = "not-open"
    NOW_THE_CODE = "now-the-code"
    NOT_VALID = "not-valid"


@dataclass(frozen=True, slots=True)
class Late:
    """A pass shown after its holder's code: their passage is recorded again, with what the pass says.

    Attributes:
        usable: whether the pass is worth anything; the judgement says what.
    """

    person: Person
    judgement: Judgement
    usable: bool
