"""Changes somebody's rights together with the line of the audit log that says who changed whose, and to what: both or neither."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress

from province.accounts.account import Account
from province.accounts.roll import Roll
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.keys import people_keys
from province.keys.keystore import Keystore
from province.records import audit
from province.records.audit import Line
from province.store import database
from province.store.opened import Connection

_MOST = 200


def note(
    connection: Connection, layout: Layout, roll: Roll, who: tuple[str, str], action: str, one: Account, also: Callable[[], object]
) -> None:
    """Makes a change and writes its line, in one transaction.

    Args:
        connection: the register.
        layout: the province.
        roll: its accounts.
        who: the officer, such as an account's id, and the operating system's user.
        action: such as `account-added`.
        one: whose, and what they are now; no name or number of it is written.
        also: makes the change; what it refuses leaves no line.

    Raises:
        ProvinceError: nothing is changed; `HeadNotNoted`: it is.
    """
    officer, user = who
    at_ms = now_ms()

    def make(place: int, previous: bytes) -> Line:
        return Line(place, previous, at_ms, action, officer, user, told(one)[:_MOST])

    try:
        audit.append(connection, layout.register, Keystore(layout.keystore), make, also=also)
    except OSError as error:
        raise ProvinceError(f"{layout.keystore}: the audit log cannot be written ({error.strerror}); nothing is changed.") from None
    finally:
        roll.rights.settle(connection)


def settle(layout: Layout) -> None:
    """Notes in the keystore which changes came about whose process died, or met a busy register, before it could.

    To be done when a service starts; what fails is left for the next one, and for `store restore`.
    """
    with suppress(ProvinceError), closing(database.connect(layout.register)) as connection:
        settle_in(layout, connection)


def settle_in(layout: Layout, connection: Connection) -> None:
    """The same, of a register that is open, of whichever version."""
    with suppress(ProvinceError):
        if (keys := people_keys.read(Keystore(layout.keystore))) is not None:
            Roll(layout.register, keys).rights.settle(connection)


def told(one: Account) -> str:
    """An account as a line of the log says it.

    Example:
        >>> from province.accounts.account import Account, Role
        >>> told(Account("k7m2pq9x", "Lê Hùng", Role.OPERATOR, "bus-co", commands=True))
        'k7m2pq9x operator bus-co commands'
    """
    reach = [*sorted(one.sites), one.unit, one.org, "commands" if one.commands else None]
    return " ".join([one.id, str(one.role), *(each for each in reach if each is not None)])
