"""Which browsers are in, and how often one may try a password: in memory only, bounded. Pure: time is passed in.

A session ends by idleness, by age, by leaving, and when its operator gets another password or is removed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

IDLE_S, AGE_S = 3600.0, 12 * 3600.0
_MOST, _MOST_TRIES = 500, 4096
FREE_TRIES, FIRST_WAIT_S, LONGEST_WAIT_S = 5, 5.0, 300.0


@dataclass(slots=True, repr=False)
class Session:
    """One browser.

    Attributes:
        name: the operator's.
        hashed: of the password they came in with.
        form_token: what their forms must carry.
    """

    name: str
    hashed: str
    form_token: str
    began_s: float
    seen_s: float


class Sessions:
    """The browsers that are in. What is kept of a cookie is its hash.

    Example:
        >>> sessions = Sessions()
        >>> cookie = sessions.begin("lan", "argon", now_s=0.0)
        >>> [sessions.find(cookie, now_s) is not None for now_s in (3000.0, 6000.0, 9700.0)]
        [True, True, False]
    """

    def __init__(self) -> None:
        self._of: OrderedDict[bytes, Session] = OrderedDict()  # the longest idle first

    def begin(self, name: str, hashed: str, now_s: float) -> str:
        """Lets a browser in and returns its cookie."""
        cookie = secrets.token_urlsafe(32)
        self._of[_key(cookie)] = Session(name, hashed, secrets.token_urlsafe(32), now_s, now_s)
        while len(self._of) > _MOST:
            self._of.popitem(last=False)
        return cookie

    def find(self, cookie: str, now_s: float, *, seen: bool = True) -> Session | None:
        """The browser with this cookie; None when it is not in, or no longer.

        Args:
            cookie: as it came.
            now_s: monotonic seconds.
            seen: whether somebody did something just now; a page that updates itself is nobody.
        """
        key = _key(cookie)
        session = self._of.get(key)
        if session is None:
            return None
        if now_s - session.seen_s > IDLE_S or now_s - session.began_s > AGE_S:
            del self._of[key]
            return None
        if seen:
            session.seen_s = now_s
            self._of.move_to_end(key)
        return session

    def end(self, cookie: str) -> None:
        """Lets a browser out."""
        self._of.pop(_key(cookie), None)


def is_of(session: Session, form_token: str) -> bool:
    """Whether a form was made for this browser."""
    return hmac.compare_digest(session.form_token.encode(), form_token.encode(errors="replace"))


def _key(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode(errors="replace")).digest()


@dataclass
class Tries:
    """Waits that grow with each wrong password, of one address and for one name.

    Example:
        >>> tries = Tries()
        >>> for _ in range(7):
        ...     tries.missed("10.0.0.9", now_s=0.0)
        >>> tries.wait_s("10.0.0.9", now_s=4.0), tries.wait_s("10.0.0.8", now_s=4.0)
        (6.0, 0.0)
    """

    _of: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)

    def wait_s(self, who: str, now_s: float) -> float:
        """How long until the next try of this address or name is looked at; 0 at once."""
        return max(0.0, self._of.get(who, (0, 0.0))[1] - now_s)

    def missed(self, who: str, now_s: float) -> None:
        """Notes a try before it is looked at; `hit` takes it back."""
        count = self._of.pop(who, (0, 0.0))[0] + 1
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(count - FREE_TRIES - 1, 16)) if count > FREE_TRIES else 0.0
        self._of[who] = count, now_s + wait_s
        while len(self._of) > _MOST_TRIES:
            self._of.popitem(last=False)

    def hit(self, who: str) -> None:
        """It was right: that one begins anew."""
        self._of.pop(who, None)
