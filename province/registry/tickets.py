"""Tickets given out: whom each lets in, until when, and who used it. The register holds only hashes of their numbers."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import insert, select, update

from edge_agent.wire.ticket import NUMBER_BYTES, shown
from edge_agent.wire.topics import DeviceName
from province.store.opened import Connection
from province.store.schema import ticket as table

LIFE_MS = 10 * 60 * 1000
_ANSWER_LOST_MS = 60 * 60 * 1000  # so long after its end the device that used a ticket may ask again: the answer may have been lost


class Useless(Exception):
    """A ticket that lets nobody in; the message says why, for installer and log."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Who the bearer becomes, and where it stands."""

    name: DeviceName
    site: str
    gate: str


def give_out(connection: Connection, grant: Grant, expires_ms: int) -> bytes:
    """Notes a new ticket and returns its number; call it in a transaction."""
    number = secrets.token_bytes(NUMBER_BYTES)
    row = {
        "number": sha256(number).digest(), "org": grant.name.org, "device": grant.name.device, "site": grant.site, "gate": grant.gate,
        "expires_ms": expires_ms,
    }  # fmt: skip
    connection.execute(insert(table), row)
    return number


def use(connection: Connection, number: bytes, public_key: bytes, now_ms: int) -> Grant:
    """Uses up a ticket; call it in the transaction that registers the device.

    Args:
        connection: the register.
        number: as the ticket says.
        public_key: the raw signing key of the device that shows it.
        now_ms: milliseconds since 1970 UTC.

    Raises:
        Useless: unknown, expired, or used by another device.
    """
    row = connection.row(select(table).where(table.c.number == sha256(number).digest()))
    if row is None:
        raise Useless("this ticket is unknown here: make a new one")
    if row["used_by"] is not None:
        if row["used_by"] != public_key:
            user = shown(sha256(row["used_by"]).digest())
            raise Useless(f"this ticket was used already, by the device with key {user}: if that is not yours, revoke it")
        if now_ms > row["expires_ms"] + _ANSWER_LOST_MS:
            raise Useless("this ticket was used by this device long ago: make a new one")
    elif now_ms > row["expires_ms"]:
        raise Useless("this ticket has expired: make a new one")
    else:
        connection.execute(update(table).where(table.c.number == row["number"]).values(used_ms=now_ms, used_by=public_key))
    return Grant(DeviceName(row["org"], row["device"]), row["site"], row["gate"])
