"""Codes that are no person's and that this project knows: site codes, enrolment tickets and `WIFI:` codes, told by their first letters.

What obeys them belongs elsewhere and is allowed only at times (design.md "Enrolment"). Here they are only recognised, so that none is
ever taken for a person. Our own forms are in hw_docs/protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OtherKind(StrEnum):
    """What such a code is for."""

    SITE = "site-code"  # on the poster: names the site, proves nothing
    TICKET = "enrolment-ticket"  # on the installer's phone: lets a scanner join; secret until it is used
    WIFI = "wifi"  # names a network and its password


PREFIXES = {OtherKind.SITE: "GATE1:S:", OtherKind.TICKET: "GATE1:T:", OtherKind.WIFI: "WIFI:"}


@dataclass(frozen=True, slots=True, repr=False)
class OtherCode:
    """A code that is no person's. `repr` shows its kind alone: a ticket or a password must not stray into a log.

    Attributes:
        kind: what it is for.
        text: all of it, as it was read, without white space around it.
    """

    kind: OtherKind
    text: str

    def __repr__(self) -> str:
        return f"OtherCode(kind={self.kind})"


def recognise(text: str) -> OtherCode | None:
    """Says which of these codes a text is; None if it is none. Phones write `WIFI:` in any case; our own forms are capitals only.

    Example:
        >>> recognise("WIFI:T:WPA;S:cho;P:mat|khau;;"), recognise("001099012345||…")
        (OtherCode(kind=wifi), None)
    """
    for kind, prefix in PREFIXES.items():
        if text.startswith(prefix) or (kind is OtherKind.WIFI and text[: len(prefix)].upper() == prefix):
            return OtherCode(kind, text)
    return None
