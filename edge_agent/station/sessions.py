"""Who has entered the PIN: in memory only, ended by idleness, by age, by leaving, and by a new PIN. Pure: time is passed in."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass

IDLE_S = 1800.0
AGE_S = 12 * 3600.0
MOST = 8  # phones at one gate; beyond it the longest idle is out


@dataclass(slots=True, repr=False)
class Session:
    """One phone.

    Attributes:
        pin: the salt of the PIN it entered.
        form_token: what its forms must carry.
    """

    pin: bytes
    form_token: str
    began_s: float
    seen_s: float


class Sessions:
    """The phones that are in. What is kept of a cookie is its hash.

    Example:
        >>> sessions = Sessions()
        >>> cookie = sessions.begin(b"pin", now_s=0.0)
        >>> [sessions.find(cookie, b"pin", now_s) is not None for now_s in (1000.0, 2700.0, 4600.0)]
        [True, True, False]
    """

    def __init__(self) -> None:
        self._of: OrderedDict[bytes, Session] = OrderedDict()  # the longest idle first

    def begin(self, pin: bytes, now_s: float) -> str:
        """Lets a phone in and returns its cookie."""
        cookie = secrets.token_urlsafe(32)
        self._of[_key(cookie)] = Session(pin, secrets.token_urlsafe(32), now_s, now_s)
        while len(self._of) > MOST:
            self._of.popitem(last=False)
        return cookie

    def find(self, cookie: str, pin: bytes | None, now_s: float) -> Session | None:
        """The phone with this cookie, which so counts as seen; None when it is not in, or no longer.

        Args:
            cookie: as it came.
            pin: the salt of the PIN in force, None when there is none.
            now_s: monotonic seconds.
        """
        key = _key(cookie)
        session = self._of.pop(key, None)
        if session is None or pin is None or not hmac.compare_digest(session.pin, pin):
            return None
        if now_s - session.seen_s > IDLE_S or now_s - session.began_s > AGE_S:
            return None
        session.seen_s = now_s
        self._of[key] = session
        return session

    def end(self, cookie: str) -> None:
        """Lets a phone out."""
        self._of.pop(_key(cookie), None)


def is_of(session: Session, form_token: str) -> bool:
    """Whether a form was made for this phone."""
    return hmac.compare_digest(session.form_token.encode(), form_token.encode(errors="replace"))


def _key(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode(errors="replace")).digest()
