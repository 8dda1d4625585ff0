"""Writes to the register: entries once each, with ledger, tokens and alerts, a whole batch in one transaction.

Source: design.md "The register at rest" and promise 2. What `store` returned may be receipted: it is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import select

from edge_agent.wire.topics import DeviceName
from province.collecting.intake import Refused, Taken
from province.collecting.quarantine import put_away
from province.collecting.storing import Stored, Storing
from province.keys.keystore import Keystore
from province.records import erasures
from province.registry import devices, revocations
from province.store import database
from province.store.opened import RegisterBusy
from province.store.schema import entry

__all__ = ["Register", "Stored"]

_LATEST = select(entry.c.registered_ms).order_by(entry.c.id.desc()).limit(1)


class Register:
    """The register, for one thread.

    Args:
        path: the database file, made by `gate-province init`.
        wait_s: how long to wait for another program's lock.

    Raises:
        NotAProvince: there is none.
        RegisterBusy: it cannot be opened now.
    """

    def __init__(self, path: Path, wait_s: float = 5.0) -> None:
        self.path = path
        self._connection = database.connect(path, wait_s)
        try:
            self._place = database.Place(path)
        except RegisterBusy:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def device(self, name: DeviceName) -> devices.Device | None:
        """A registered device, or None.

        Raises:
            RegisterBusy: it cannot be told now.
        """
        with database.explained(self.path):
            return devices.find(self._connection, name)

    def devices(self, names: Iterable[DeviceName]) -> dict[DeviceName, devices.Device]:
        """Those of these devices that are registered: for a batch, asked once.

        Raises:
            RegisterBusy: it cannot be told now.
        """
        with database.explained(self.path):
            return devices.find_all(self._connection, names)

    def look_ahead(self, today: date) -> None:
        """Has the register ready for the days to come.

        Raises:
            RegisterBusy: not now; do it again.
        """
        database.look_ahead(self._connection, self.path, today)

    def latest_ms(self) -> int:
        """When the entry stored last was stored, milliseconds since 1970 UTC; 0 before the first.

        Raises:
            RegisterBusy: it cannot be told now.
        """
        with database.explained(self.path):
            return self._connection.value(_LATEST) or 0

    def erase_again(self, keystore: Keystore, at_ms: int) -> int:
        """Erases what was erased before and has come back; says how many rows.

        Raises:
            KeystoreAway, ErasuresDamaged, RegisterBusy: as `erasures.reapply`.
        """
        return erasures.reapply(self._connection, self.path, keystore, at_ms)

    def revoke_again(self, keystore: Keystore, at_ms: int) -> int:
        """Revokes what was revoked before and counts again; says how many devices and certificates.

        Raises:
            KeystoreAway, NotNoted, RevocationsDamaged, RegisterBusy: as `revocations.reapply`.
        """
        return revocations.reapply(self._connection, self.path, keystore, at_ms)

    def store(self, batch: Sequence[Taken | Refused], clock: Callable[[], int]) -> list[Stored | Refused]:
        """Stores a batch, all or nothing.

        Args:
            batch: what `Intake.examine` said.
            clock: milliseconds since 1970 UTC.

        Returns:
            What became of each, in order. It is committed.

        Raises:
            RegisterBusy: nothing was stored; try again later.
            RegisterReplaced: nothing was stored where anybody would find it; open the register anew.
        """
        self._place.check()
        at_ms = clock()
        with database.transaction(self._connection, self.path):
            storing = Storing(self._connection, at_ms, [item for item in batch if isinstance(item, Taken)])
            results = [put_away(self._connection, item, at_ms) if isinstance(item, Refused) else storing.store(item) for item in batch]
            storing.finish()
        self._place.check()  # committed, but where? no receipt for what lies in a lost file
        return _with_forks(results)


def _with_forks(results: list[Stored | Refused]) -> list[Stored | Refused]:
    """A fork found late in a batch is a fork for the entry before it too."""
    forks = {(item.name, item.log, item.outcome.seq) for item in results if isinstance(item, Stored) and item.outcome.forked}
    return [
        replace(item, outcome=replace(item.outcome, forked=True))
        if isinstance(item, Stored) and (item.name, item.log, item.outcome.seq) in forks
        else item
        for item in results
    ]
