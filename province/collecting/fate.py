"""Decides what becomes of an entry whose signature holds: registered, held or expired, and under which day. Pure: keys are passed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import Body
from edge_agent.wire.envelope import SealedEntry, open_body
from edge_agent.wire.keyring import UNDATED, day_of
from edge_agent.wire.receipt import Status
from edge_agent.wire.sealing import CannotOpen
from province.keys.day_keys import DayKeys, KeyDamaged
from province.keys.keystore import Absent
from province.records.clock_truth import AHEAD_MS


class Held(StrEnum):
    """Why an entry is stored whole instead of opened."""

    UNDATED = "undated"  # sealed to the key whose private half is offline
    KEY_UNKNOWN = "key-unknown"  # no day's, or not the day's own
    KEY_MISSING = "key-missing"  # the keystore has no keys of that day, and none were destroyed
    KEY_DAMAGED = "key-damaged"
    CANNOT_OPEN = "cannot-open"
    BODY_NOT_UNDERSTOOD = "body-not-understood"
    NEWER_VERSION = "newer-version"


@dataclass(frozen=True, slots=True)
class Opened:
    """A body and the keys of the day it is kept under."""

    body: Body = field(repr=False)
    keys: DayKeys = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an entry.

    Attributes:
        status: what its receipt will say.
        epoch: the day whose keys it needs or is kept under, None when not known.
        reason: why held.
        opened: what it says, when registered.
    """

    status: Status
    epoch: str | None = None
    reason: Held | None = None
    opened: Opened | None = None


def epoch_of(key_id: str) -> str | None:
    """The day a key id names, or None.

    Example:
        >>> epoch_of("2021-10-05/00112233aabbccdd"), epoch_of("undated/00112233aabbccdd"), epoch_of("20211005/x")
        ('2021-10-05', None, None)
    """
    epoch = key_id.partition("/")[0]
    try:
        return epoch if date.fromisoformat(epoch).isoformat() == epoch else None
    except ValueError:
        return None


def decide(entry: SealedEntry, keys_of: Callable[[str], DayKeys | Absent], arrived_ms: int) -> Fate:
    """Decides about one entry. Only a day that was destroyed on purpose is expired; however old, a day without keys is held.

    Args:
        entry: verified.
        keys_of: finds a day's keys, or says why there are none.
        arrived_ms: when it came, milliseconds since 1970 UTC.

    Raises:
        KeystoreAway: nothing can be said now; ask again later.
    """
    key_id = entry.header.key_id
    if key_id.partition("/")[0] == UNDATED:
        return Fate(Status.HELD, None, Held.UNDATED)
    epoch = epoch_of(key_id)
    if epoch is None:
        return Fate(Status.HELD, None, Held.KEY_UNKNOWN)
    try:
        keys = keys_of(epoch)
    except KeyDamaged:
        return Fate(Status.HELD, epoch, Held.KEY_DAMAGED)
    if keys is Absent.DESTROYED:
        return Fate(Status.EXPIRED, epoch)
    if keys is Absent.MISSING:
        return Fate(Status.HELD, epoch, Held.KEY_MISSING)
    own = keys.public.key_id == key_id
    return _opened(entry, keys, _kept_under(keys, keys_of, arrived_ms)) if own else Fate(Status.HELD, epoch, Held.KEY_UNKNOWN)


def _kept_under(own: DayKeys, keys_of: Callable[[str], DayKeys | Absent], arrived_ms: int) -> DayKeys:
    """The entry's own day, but the day it came when it is dated ahead: so it is kept no longer than what came with it (decision 0051)."""
    if own.epoch <= day_of(arrived_ms + AHEAD_MS).isoformat():
        return own
    try:
        arrived = keys_of(day_of(arrived_ms).isoformat())
    except KeyDamaged:
        return own
    return own if isinstance(arrived, Absent) else arrived  # a clock of ours that runs far behind must lose nothing


def _opened(entry: SealedEntry, keys: DayKeys, kept: DayKeys) -> Fate:
    try:
        body = open_body(entry, keys.pair.suite, keys.private)
    except CannotOpen:
        return Fate(Status.HELD, keys.epoch, Held.CANNOT_OPEN)
    except Malformed:
        return Fate(Status.HELD, keys.epoch, Held.BODY_NOT_UNDERSTOOD)
    return Fate(Status.REGISTERED, kept.epoch, None, Opened(body, kept))
