"""Operators out of the province's accounts, beside those of the fleet page's own file: each is kept once, in the one or the other.

An account comes in by one of its phone numbers, its password, and the second step that it has set up on the province's pages. Tries are
counted by the account, whichever number and spelling they come by; codes by themselves too, and longer, as at the door of those pages.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

from province.accounts.account import Role
from province.accounts.passwords import Check
from province.accounts.roll import Member, Roll
from province.base import clock
from province.base.layout import Layout
from province.fleet.accounts import Accounts, Operator
from province.keys import people_keys
from province.keys.keystore import Keystore
from province.store import database
from province.store.opened import Connection
from province.web.sessions import MustWait, Tries

_KNOWN_S = 2.0  # so long after a change a page that is open may still follow
_LONGEST_FOR_CODES_S = 3600.0


class RegisterAccounts:
    """The operators of the page's own file, and whoever has an account with the role of an operator.

    Args:
        layout: the province.
        file: the page's own.
        password_only: whether an account may come in that has set up no second step.
        now_s: monotonic seconds.
        now_ms: the time.
    """

    def __init__(
        self,
        layout: Layout,
        file: Accounts,
        *,
        password_only: bool = False,
        now_s: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        self._layout, self._file, self._password_only = layout, file, password_only
        self._now_s, self._now_ms = now_s, now_ms
        self._keystore, self._check = Keystore(layout.keystore), Check()
        self._roll: Roll | None = None
        self._known: dict[str, tuple[float, Operator | None]] = {}
        self._by_code = Tries(longest_s=_LONGEST_FOR_CODES_S)
        self._lock = threading.Lock()

    def counted_as(self, name: str) -> str:
        """By what tries at a name are counted: the account's id, the number's token where it is nobody's."""
        if self._file.find(name) is not None or (roll := self._accounts()) is None:
            return self._file.counted_as(name)
        with closing(database.connect(self._layout.register)) as connection, database.explained(self._layout.register):
            member = roll.by_phone(connection, name)
        return f"number {roll.keys.token(name).hex()}" if member is None else f"account {member.account.id}"

    def enter(self, name: str, password: str, code: str = "") -> Operator | None:
        """Whom these let in, from the file or the register."""
        if self._file.find(name) is not None or (roll := self._accounts()) is None:
            return self._file.enter(name, password)
        with closing(database.connect(self._layout.register)) as connection, database.explained(self._layout.register):
            member = roll.by_phone(connection, name)
            right = self._check.is_of(password, None if member is None else member.hashed)
            if member is None or not right or (operator := _operator(member)) is None:
                return None
            return operator if self._stepped(connection, roll, member, code) else None

    def _stepped(self, connection: Connection, roll: Roll, member: Member, code: str) -> bool:
        if member.totp is None:
            return self._password_only
        who, now_s = member.account.id, self._now_s()
        with self._lock:
            if (wait_s := self._by_code.wait_s(who, now_s)) > 0:
                raise MustWait(wait_s)
            self._by_code.missed(who, now_s)  # before it is looked at: others may come meanwhile
        right = roll.take_code(connection, who, code[:60], self._now_ms())
        if right:
            with self._lock:
                self._by_code.hit(who)
        return right

    def find(self, name: str) -> Operator | None:
        """An operator as they are now; of the register, as they were a moment ago."""
        if (found := self._file.find(name)) is not None:
            return found
        with self._lock:
            until_s, operator = self._known.get(name, (0.0, None))
            if self._now_s() >= until_s:
                operator = self._look(name)
                self._known[name] = self._now_s() + _KNOWN_S, operator
                while len(self._known) > 1000:
                    del self._known[next(iter(self._known))]
            return operator

    def _look(self, id_: str) -> Operator | None:
        if (roll := self._accounts()) is None:
            return None
        with closing(database.connect(self._layout.register)) as connection, database.explained(self._layout.register):
            member = roll.find(connection, id_)
        return None if member is None else _operator(member)

    def _accounts(self) -> Roll | None:
        """The roll, None where the province has no accounts."""
        if self._roll is None and (keys := people_keys.read(self._keystore)) is not None:
            self._roll = Roll(self._layout.register, keys)
        return self._roll


def _operator(member: Member) -> Operator | None:
    """The operator that an account is, None where its role is another."""
    one = member.account
    return Operator(one.id, one.org, one.commands, member.mark) if one.role is Role.OPERATOR else None
