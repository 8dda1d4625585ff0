"""Enters in the audit log, before it is done, that somebody's rights change: who changed whose, and to what."""

from __future__ import annotations

from province.accounts.account import Account
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import audit
from province.records.audit import Line
from province.store.opened import Connection

_MOST = 200


def note(connection: Connection, layout: Layout, who: tuple[str, str], action: str, about: str) -> None:
    """Writes the line.

    Args:
        connection: the register.
        layout: the province.
        who: the officer, such as an account's id, and the operating system's user.
        action: such as `account-added`.
        about: whose, and to what; ids and roles alone, no person's name or number.

    Raises:
        ProvinceError: it is not written; nothing may be done.
    """
    officer, user = who
    at_ms = now_ms()

    def make(place: int, previous: bytes) -> Line:
        return Line(place, previous, at_ms, action, officer, user, about[:_MOST])

    try:
        audit.append(connection, layout.register, Keystore(layout.keystore), make)
    except OSError as error:
        raise ProvinceError(f"{layout.keystore}: the audit log cannot be written ({error.strerror}); nothing is changed.") from None


def told(one: Account) -> str:
    """An account as a line of the log says it.

    Example:
        >>> from province.accounts.account import Account, Role
        >>> told(Account("k7m2pq9x", "Lê Hùng", Role.OPERATOR, "bus-co", commands=True))
        'k7m2pq9x operator bus-co commands'
    """
    reach = [*sorted(one.sites), one.unit, one.org, "commands" if one.commands else None]
    return " ".join([one.id, str(one.role), *(each for each in reach if each is not None)])
