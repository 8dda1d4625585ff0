"""Which browsers are in, and how often one may try a password: in memory only, bounded. Pure: time is passed in.

A session ends by idleness, by age, by leaving, and when whoever has it gets another password or role or is removed.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

IDLE_S, AGE_S = 3600.0, 12 * 3600.0
_MOST, _MOST_TRIES = 500, 65_536
FREE_TRIES, FIRST_WAIT_S, LONGEST_WAIT_S, FORGET_S = 5, 5.0, 300.0, 900.0


@dataclass(slots=True, repr=False)
class Session:
    """One browser.

    Attributes:
        who: whose it is: an operator's name, an account's id.
        mark: of what they came in with; where theirs is another one by now, this is over.
        form_token: what their forms must carry.
        began_ms: when they came in, for people; 0 where nobody asks.
        idle_s: how long nothing may come from them.
        stepped: whether they came in by two steps.
        carried: what the pages keep for them meanwhile, such as a secret that is being set up.
    """

    who: str
    mark: str
    form_token: str
    began_s: float
    seen_s: float
    began_ms: int = 0
    idle_s: float = IDLE_S
    stepped: bool = False
    carried: bytes = b""


class Sessions:
    """The browsers that are in. What is kept of a cookie is its hash.

    Args:
        most: so many; beyond them the longest idle is out.
        age_s: how old one may become.

    Example:
        >>> sessions = Sessions()
        >>> cookie = sessions.begin("lan", "argon", now_s=0.0)
        >>> [sessions.find(cookie, now_s) is not None for now_s in (3000.0, 6000.0, 9700.0)]
        [True, True, False]
    """

    def __init__(self, most: int = _MOST, age_s: float = AGE_S) -> None:
        self._most, self._age_s = most, age_s
        self._of: OrderedDict[bytes, Session] = OrderedDict()  # the longest idle first

    def begin(
        self, who: str, mark: str, now_s: float, now_ms: int = 0, *, idle_s: float = IDLE_S, stepped: bool = False, carried: bytes = b""
    ) -> str:
        """Lets a browser in and returns its cookie."""
        cookie = secrets.token_urlsafe(32)
        self._of[_key(cookie)] = Session(who, mark, secrets.token_urlsafe(32), now_s, now_s, now_ms, idle_s, stepped, carried)
        while len(self._of) > self._most:
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
        if now_s - session.seen_s > session.idle_s or now_s - session.began_s > self._age_s:
            del self._of[key]
            return None
        if seen:
            session.seen_s = now_s
            self._of.move_to_end(key)
        return session

    def end(self, cookie: str) -> None:
        """Lets a browser out."""
        self._of.pop(_key(cookie), None)

    def of(self, who: str) -> list[Session]:
        """Somebody's, the longest idle first."""
        return [session for session in self._of.values() if session.who == who]

    def end_all(self, who: str, but: Session | None = None) -> None:
        """Lets all browsers of somebody out, but one."""
        for key in [key for key, session in self._of.items() if session.who == who and session is not but]:
            del self._of[key]


def _key(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode(errors="replace")).digest()


class MustWait(Exception):
    """What they gave is not looked at yet: too many were wrong. `wait_s`: seconds until it is."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s

    @property
    def shown_s(self) -> int:
        """Whole seconds to tell them."""
        return round(self.wait_s) + 1


@dataclass
class Tries:
    """Waits that grow with each wrong try, of one address and for one name; each is forgotten after a while.

    Args:
        free: so many are looked at without a wait.
        longest_s: the longest wait: nobody is kept out for longer by what others try.
        forget_s: in so many seconds one is forgotten.

    Example:
        >>> tries = Tries()
        >>> for _ in range(7):
        ...     tries.missed("10.0.0.9", now_s=0.0)
        >>> tries.wait_s("10.0.0.9", now_s=4.0), tries.wait_s("10.0.0.8", now_s=4.0)
        (6.0, 0.0)
    """

    free: int = FREE_TRIES
    longest_s: float = LONGEST_WAIT_S
    forget_s: float = FORGET_S
    _of: OrderedDict[str, tuple[float, float, float]] = field(default_factory=OrderedDict)  # how many, when last, until when

    def wait_s(self, who: str, now_s: float) -> float:
        """How long until the next try of this address or name is looked at; 0 at once."""
        return max(0.0, self._of.get(who, (0.0, 0.0, 0.0))[2] - now_s)

    def missed(self, who: str, now_s: float) -> None:
        """Notes a try before it is looked at; `hit` or `undo` takes it back."""
        before, last_s, _until_s = self._of.pop(who, (0.0, now_s, 0.0))
        count = max(0.0, before - (now_s - last_s) / self.forget_s) + 1
        over = math.ceil(count - self.free)
        wait_s = min(self.longest_s, FIRST_WAIT_S * 2 ** min(over - 1, 16)) if over > 0 else 0.0
        self._of[who] = count, now_s, now_s + wait_s
        while len(self._of) > _MOST_TRIES:
            self._of.popitem(last=False)

    def hit(self, who: str) -> None:
        """It was right: that one begins anew."""
        self._of.pop(who, None)

    def undo(self, who: str) -> None:
        """It was right, and says nothing of the others there: as if it had not been."""
        if who in self._of:
            count, last_s, _until_s = self._of[who]
            self._of[who] = max(0.0, count - 1), last_s, 0.0
