"""Says who an officer of a case is: an account by its name, whoever worked at the command line as they stand in the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from province.accounts.roll import Roll
from province.keys import people_keys
from province.keys.keystore import Keystore
from province.store.opened import Connection
from province.tracing.cases import Case


def names(connection: Connection, register: Path, keystore: Keystore, cases: Iterable[Case]) -> dict[str, str]:
    """What to call who opened and approved some cases, by what stands in them; an account that is gone is called by its id.

    Args:
        connection: the register.
        register: its file, for messages.
        keystore: has the keys of people's names.
        cases: any.

    Raises:
        KeystoreAway, KeyDamaged: the keys cannot be read.
    """
    details = (one.details for one in cases if one.details is not None)
    wanted = {who for each in details for who in (each.opened_by, each.approved_by) if who}
    keys = people_keys.read(keystore) if wanted else None
    if keys is None:
        return {who: who for who in wanted}
    roll = Roll(register, keys)
    found = {who: roll.find(connection, who) for who in wanted}
    return {who: who if member is None else member.account.name for who, member in found.items()}
