"""Opens passages of the register, some at a time, each under the keys of its own day."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import cbor2
from sqlalchemy import text

from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import Body, Kind, RecordedPerson, decode_body
from edge_agent.wire.sealing import CannotOpen
from edge_agent.wire.topics import DeviceName
from province.keys import wrapping
from province.records.opened_rows import LookKeys
from province.store.opened import Connection

_AT_ONCE = 2000
_PASSAGE = Kind.PASSAGE.value
_Item = TypeVar("_Item")
_ROWS = "SELECT id, org, device, log, seq, hash, kind, body FROM entry WHERE body IS NOT NULL AND kind IS NOT NULL"
_IN_FILE = text(f"{_ROWS} AND id IN (SELECT value FROM json_each(:ids))")  # noqa: S608 - fixed words, values are bound
_ON_SERVER = text(f"{_ROWS} AND epoch = :of_day AND id = ANY(CAST(:ids AS bigint[]))")


@dataclass(frozen=True, slots=True)
class Opened:
    """A row with its body.

    Attributes:
        epoch: its day, YYYY-MM-DD.
    """

    row_id: int
    epoch: str
    body: Body = field(repr=False)


def batched(items: Iterable[_Item], most: int) -> Iterator[list[_Item]]:
    """Some at a time.

    Example:
        >>> list(batched("abcde", 2))
        [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while some := list(islice(rest, most)):
        yield some


def opened(connection: Connection, keys: LookKeys, wanted: Mapping[str, Sequence[int]]) -> Iterator[Opened]:
    """Opens rows, by the day whose keys close them; what cannot be opened (erased, its keys gone) is left out.

    Raises:
        KeystoreAway: the keystore cannot be read.
    """
    for row_id, epoch, kind, plain in _plain(connection, keys, wanted):
        try:
            yield Opened(row_id, epoch, decode_body(Kind(kind), plain))
        except (Malformed, ValueError):
            continue


@dataclass(frozen=True, slots=True)
class Named:
    """Who a row is of.

    Attributes:
        epoch: its day, YYYY-MM-DD.
    """

    row_id: int
    epoch: str
    person: RecordedPerson = field(repr=False)
    method: str


def named(connection: Connection, keys: LookKeys, wanted: Mapping[str, Sequence[int]]) -> Iterator[Named]:
    """Opens passages for who it was alone: half the time of `opened`, and thousands are opened for one case.

    What is opened is authenticated under the day's key and was checked field by field before it was closed; it is not checked again.

    Raises:
        KeystoreAway: the keystore cannot be read.
    """
    for row_id, epoch, kind, plain in _plain(connection, keys, wanted):
        if kind == _PASSAGE:
            body = cbor2.loads(plain)
            who = body[2]
            person = RecordedPerson(who[1], who[2], who[4], who.get(3), who.get(5), who.get(6), who.get(7), who.get(8))
            yield Named(row_id, epoch, person, body[5])


def _plain(connection: Connection, keys: LookKeys, wanted: Mapping[str, Sequence[int]]) -> Iterator[tuple[int, str, str, bytes]]:
    """Each row's number, day, kind, and what its body says."""
    for epoch, row_ids in wanted.items():
        of_day = keys.get(epoch)
        if of_day is None:
            continue
        for some in batched(row_ids, _AT_ONCE):
            if connection.is_file:
                found = connection.execute(_IN_FILE, {"ids": json.dumps(some)})
            else:
                found = connection.execute(_ON_SERVER, {"ids": some, "of_day": epoch})
            for row_id, org, device, log, seq, digest, kind, closed in found.all():
                about = wrapping.identity(DeviceName(org, device), log, seq, digest)
                try:
                    yield row_id, epoch, kind, wrapping.unwrap(closed, about, of_day.data_key)
                except CannotOpen:
                    continue
