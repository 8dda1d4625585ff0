"""Opens passages of the register, some at a time, each under the keys of its own day."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from sqlalchemy import text

from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import Body, Kind, decode_body
from edge_agent.wire.sealing import CannotOpen
from edge_agent.wire.topics import DeviceName
from province.keys import wrapping
from province.records.views import Keys
from province.store.opened import Connection

_AT_ONCE = 2000
_Item = TypeVar("_Item")
_ROWS = "SELECT id, org, device, log, seq, hash, kind, body FROM entry WHERE body IS NOT NULL AND kind IS NOT NULL"
_IN_FILE = text(f"{_ROWS} AND id IN (SELECT value FROM json_each(:ids))")
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


def opened(connection: Connection, keys: Keys, wanted: Mapping[str, Sequence[int]]) -> Iterator[Opened]:
    """Opens rows, by the day whose keys close them; what cannot be opened (erased, its keys gone) is left out.

    Raises:
        KeystoreAway: the keystore cannot be read.
    """
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
                about = wrapping.identity(DeviceName(org, device), bytes(log), seq, bytes(digest))
                try:
                    body = decode_body(Kind(kind), wrapping.unwrap(bytes(closed), about, of_day.data_key))
                except (CannotOpen, Malformed, ValueError):
                    continue
                yield Opened(row_id, epoch, body)
