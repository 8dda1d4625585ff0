"""What a visitor is shown after a check-in: a value in the address that this process alone can have made; it has nothing of a person."""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from edge_agent.wire.entry import Direction

_MINUTE_MS = 60_000
_SLIP = re.compile(r"(in|out)-([0-9]{1,10})-([A-Za-z0-9_-]{22})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Booked:
    """What a visitor is shown, and may show; nothing of themselves.

    Attributes:
        direction: which way.
        at_ms: when, milliseconds since 1970 UTC; of a slip the minute's beginning.
    """

    direction: Direction
    at_ms: int


class Slips:
    """Writes and reads them. The key is in memory: after a start anew, a page that was left open leads to the form again.

    Example:
        >>> slips = Slips()
        >>> slip = slips.write("ABCD", Booked(Direction.IN, 90_000))
        >>> slips.read("ABCD", slip), slips.read("ABCE", slip), Slips().read("ABCD", slip)
        (Booked(direction=<Direction.IN: 'in'>, at_ms=60000), None, None)
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def write(self, code: str, booked: Booked) -> str:
        """The slip of a check-in at the site of a code."""
        minute = booked.at_ms // _MINUTE_MS
        return f"{booked.direction}-{minute}-{self._sign(code, booked.direction, minute)}"

    def read(self, code: str, slip: str) -> Booked | None:
        """What a slip says; None where it is not one of ours for this site."""
        found = _SLIP.fullmatch(slip)
        if found is None:
            return None
        direction, minute = Direction(found[1]), int(found[2])
        if not hmac.compare_digest(self._sign(code, direction, minute), found[3]):
            return None
        return Booked(direction, minute * _MINUTE_MS)

    def _sign(self, code: str, direction: Direction, minute: int) -> str:
        digest = hmac.digest(self._key, f"{code} {direction} {minute}".encode(), "sha256")
        return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
