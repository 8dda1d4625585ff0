"""Opens entries that were held: with the offline undated key, with day keys that are back, with a release that understands more.

Source: design.md "Keys". What opens is registered as it would have been on arrival; its device has its receipt and knows nothing of it.
An entry is kept under the keys of its own day, so that it goes when that day goes; where its day is not known or had no keys, under
those of the day it arrived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from sqlalchemy import func, select, update

from edge_agent.wire import envelope, sealing
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import Passage, UnknownVersion, encode_body
from edge_agent.wire.envelope import SealedEntry
from edge_agent.wire.keyring import UNDATED, EpochKey, day_of
from edge_agent.wire.receipt import Status
from edge_agent.wire.sealing import CannotOpen, KeyPair
from edge_agent.wire.topics import DeviceName
from province.collecting.fate import Fate, Held, Opened, decide
from province.collecting.token_rows import put_tokens, token_rows
from province.keys import wrapping
from province.keys.day_keys import DayKeys, KeyDamaged
from province.keys.keystore import Absent, Keystore
from province.records import days
from province.records.day_counts import Counts
from province.store import database
from province.store.opened import Connection, Row
from province.store.schema import IS_HELD, entry

_ROWS_A_TRANSACTION = 200


@dataclass
class Reopened:
    """What became of the held entries looked at.

    Attributes:
        registered: opened and registered.
        expired: their day was destroyed meanwhile.
        held: still held, by reason.
    """

    registered: int = 0
    expired: int = 0
    held: Counter[str] = field(default_factory=Counter)

    @property
    def seen(self) -> int:
        """How many were looked at."""
        return self.registered + self.expired + self.held.total()


def key_ids(pairs: list[KeyPair]) -> dict[str, KeyPair]:
    """Undated keys by the key id that entries name them by."""
    return {EpochKey(UNDATED, pair.suite, pair.public).key_id: pair for pair in pairs}


class Reopening:
    """Looks at every held entry once.

    Args:
        connection: the register.
        path: its file, for messages.
        keystore: the day keys.
        undated: the undated keys at hand, by key id.
    """

    def __init__(self, connection: Connection, path: Path, keystore: Keystore, undated: Mapping[str, KeyPair]) -> None:
        self._connection = connection
        self._path = path
        self._undated = undated
        self._keys_of: Callable[[str], DayKeys | Absent] = lru_cache(keystore.load)
        self._last_destroyed = max(keystore.destroyed(), default="")
        self._counts = Counts()

    def run(self) -> Iterator[Reopened]:
        """Goes through them by some hundreds, each hundreds in one transaction, and tells after each how far it is.

        Raises:
            KeystoreAway, RegisterBusy: the rest is as before; run again.
        """
        done, after = Reopened(), 0
        while True:
            with database.transaction(self._connection, self._path):
                rows = self._connection.rows(
                    select(entry).where(IS_HELD, entry.c.id > after).order_by(entry.c.id).limit(_ROWS_A_TRANSACTION)
                )
                fates = [self._settle(row) for row in rows]
                self._counts.write(self._connection)
            if not rows:
                return
            for fate in fates:
                done.registered += fate.status is Status.REGISTERED
                done.expired += fate.status is Status.EXPIRED
                done.held.update([str(fate.reason)] if fate.status is Status.HELD else [])
            after = rows[-1]["id"]
            yield done

    def _settle(self, row: Row) -> Fate:
        fate = self._decide(row)
        self._write(row, fate)
        return fate

    def _decide(self, row: Row) -> Fate:
        try:
            sealed = envelope.peek(row["body"])  # its signature was checked when it came; its hash says that it is the same
        except UnknownVersion:
            return Fate(Status.HELD, row["epoch"], Held.NEWER_VERSION)
        except Malformed:
            return Fate(Status.HELD, row["epoch"], Held.CANNOT_OPEN)
        if sealed.hash != row["hash"]:
            return Fate(Status.HELD, row["epoch"], Held.CANNOT_OPEN)
        if sealed.header.key_id.partition("/")[0] != UNDATED:
            return decide(sealed, self._keys_of, row["registered_ms"])
        pair = self._undated.get(sealed.header.key_id)
        return Fate(Status.HELD, None, Held.UNDATED) if pair is None else self._decide_undated(sealed, pair, row)

    def _decide_undated(self, sealed: SealedEntry, pair: KeyPair, row: Row) -> Fate:
        try:
            body = envelope.open_body(sealed, pair.suite, sealing.load_private(pair.suite, pair.private))
        except CannotOpen:
            return Fate(Status.HELD, None, Held.CANNOT_OPEN)
        except Malformed:
            return Fate(Status.HELD, None, Held.BODY_NOT_UNDERSTOOD)
        try:
            keys = self._keep_under(row)
        except KeyDamaged:
            return Fate(Status.HELD, None, Held.KEY_DAMAGED)
        if keys is Absent.DESTROYED:
            return Fate(Status.EXPIRED)
        if keys is Absent.MISSING:
            return Fate(Status.HELD, None, Held.KEY_MISSING)
        return Fate(Status.REGISTERED, keys.epoch, None, Opened(body, keys))

    def _keep_under(self, row: Row) -> DayKeys | Absent:
        """The keys of the entry's own day, or of the day it arrived."""
        arrived = day_of(row["registered_ms"]).isoformat()
        own = days.own_day(None, row["clock"], row["wall_ms"], row["corrected_ms"])
        if own is not None and own < arrived:
            keys = self._keys_of(own)
            if keys is Absent.MISSING and own <= self._last_destroyed:
                return Absent.DESTROYED  # a day without keys of its own, and later ones are closed already
            if keys is not Absent.MISSING:
                return keys
        return self._keys_of(arrived)

    def _write(self, row: Row, fate: Fate) -> None:
        if fate.status is Status.HELD:
            self._connection.execute(update(entry).where(entry.c.id == row["id"]).values(reason=str(fate.reason)))
            return
        body, direction, trip, method = None, None, None, None
        if fate.opened is not None:
            opened = fate.opened
            about = wrapping.identity(DeviceName(row["org"], row["device"]), row["log"], row["seq"], row["hash"])
            body = wrapping.wrap(encode_body(opened.body), about, opened.keys.data_key)
            if isinstance(opened.body, Passage):
                direction, trip, method = str(opened.body.direction), opened.body.trip, str(opened.body.method)
            put_tokens(self._connection, token_rows(row["id"], opened))
        epoch = fate.epoch or row["epoch"]
        settled = {
            "status": str(fate.status), "reason": None, "epoch": epoch, "body": body, "direction": direction, "trip": trip, "method": method
        }  # fmt: skip
        self._connection.execute(update(entry).where(entry.c.id == row["id"]).values(settled))
        self._counts.add(row, status=str(fate.status), direction=direction, method=method)


def held_counts(connection: Connection) -> list[tuple[str, int, int]]:
    """How many entries are held for each reason, and when the first of them arrived (milliseconds since 1970 UTC)."""
    query = select(entry.c.reason, func.count(), func.min(entry.c.registered_ms)).where(IS_HELD).group_by(entry.c.reason)
    return [(reason, entries, first_ms) for reason, entries, first_ms in connection.execute(query.order_by(entry.c.reason))]
