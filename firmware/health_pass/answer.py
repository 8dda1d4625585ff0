"""What a health pass is worth at a gate, and the little of it that a gate may compare."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PassAnswer(StrEnum):
    """What verifying a pass came to. Only `VALID` has had its signature and its dates checked."""

    VALID = "valid"
    EXPIRED = "expired"  # signature good, `exp` is past
    NOT_YET_VALID = "not-yet-valid"  # signature good, `nbf` or `iat` is still to come
    ISSUER_UNKNOWN = "issuer-unknown"  # its signer is in no trust list: nobody can say, which is not "forged"
    BAD_SIGNATURE = "bad-signature"  # a signer of this name is trusted, and did not sign this
    MALFORMED = "malformed"  # it begins like a pass and cannot be read
    CLOCK_UNKNOWN = "clock-unknown"  # signature good, dates not checked: this device does not know the time


SIGNED = frozenset({PassAnswer.VALID, PassAnswer.EXPIRED, PassAnswer.NOT_YET_VALID, PassAnswer.CLOCK_UNKNOWN})


@dataclass(frozen=True, slots=True, repr=False)
class ShownPass:
    """A pass as it was shown at the gate. `repr` shows nothing of its holder.

    Attributes:
        answer: what verifying came to.
        name: family and given name in capitals without diacritics, single spaces, for comparison with `bare_capitals` of a
            person's name; None unless the signature is good (`answer in SIGNED`) and the pass says one.
        birth_date: ISO `YYYY-MM-DD`, or `YYYY-MM` or `YYYY` where the pass says no more; None as above.
    """

    answer: PassAnswer
    name: str | None = None
    birth_date: str | None = None

    def __repr__(self) -> str:
        return f"ShownPass(answer={self.answer})"
