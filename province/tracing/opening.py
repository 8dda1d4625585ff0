"""Opens passages of the register, some at a time, each under the keys of its own day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from sqlalchemy import bindparam, select

from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import Body, Kind, decode_body
from edge_agent.wire.sealing import CannotOpen
from edge_agent.wire.topics import DeviceName
from province.keys import wrapping
from province.records.views import Keys
from province.store.opened import Connection, Row
from province.store.schema import entry

_AT_ONCE = 500
_Item = TypeVar("_Item")
_ROWS = select(entry).where(entry.c.epoch == bindparam("of_day"), entry.c.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Opened:
    """A row with its body."""

    row: Row
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
        for some in batched(row_ids, _AT_ONCE):
            for row in connection.rows(_ROWS, {"of_day": epoch, "ids": some}):
                if (body := body_of(row, keys)) is not None:
                    yield Opened(row, body)


def body_of(row: Row, keys: Keys) -> Body | None:
    """What a row says, None when nobody can say."""
    of_day = keys.get(row["epoch"])
    if of_day is None or row["body"] is None or row["kind"] is None:
        return None
    about = wrapping.identity(DeviceName(row["org"], row["device"]), row["log"], row["seq"], row["hash"])
    try:
        return decode_body(Kind(row["kind"]), wrapping.unwrap(row["body"], about, of_day.data_key))
    except (CannotOpen, Malformed, ValueError):
        return None
