"""The programs that may ask the API: each with a token of its own, what it may do, for whom, and until when.

A token is made here (256 random bits), shown once, and kept as SHA-256: there is nothing in it to guess, so a slow hash would protect
nothing. Its name stands in it, so that it is found without a search and a leaked one is known for what it is. Source: RFC 6750.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from sqlalchemy import insert, select, update

from edge_agent.wire.topics import NAME_RULE, PROVINCE, is_name
from province.base.errors import AlreadyThere, NotAProvince
from province.registry import organisations
from province.store.api_tables import api_client as table
from province.store.database import transaction
from province.store.opened import Connection, Row

PREFIX = "gate1"
_SECRET_BYTES, _SECRET_LETTERS = 32, 43
LONGEST_DAYS = 1096
_DAY_MS = 86_400_000


class Scope(StrEnum):
    """What a program may do."""

    REGISTRY_READ = "registry:read"
    REGISTRY_WRITE = "registry:write"
    COUNTS_READ = "counts:read"
    FLEET_READ = "fleet:read"
    METRICS_READ = "metrics:read"


@dataclass(frozen=True, slots=True)
class Client:
    """A program.

    Attributes:
        name: of the program, not of a person.
        scopes: what it may do.
        org: the one organisation whose sites and scanners it sees; None sees all.
        made_ms, expires_ms: milliseconds since 1970 UTC.
        revoked_ms: since when it may do nothing any more.
    """

    name: str
    scopes: frozenset[Scope]
    org: str | None
    made_ms: int
    expires_ms: int
    revoked_ms: int | None = None


def add(connection: Connection, path: Path, wanted: Client) -> str:
    """Lets a program in, and returns its token, which is nowhere else. The name of one that is revoked or past may be given again.

    Raises:
        NotAProvince: it cannot be.
        AlreadyThere: there is one of this name.
        RegisterBusy: the database cannot take it now.
    """
    _check(wanted)
    token = f"{PREFIX}.{wanted.name}.{secrets.token_urlsafe(_SECRET_BYTES)}"
    row = {
        "name": wanted.name, "hashed": _hash(token), "scopes": " ".join(sorted(wanted.scopes)), "org": wanted.org,
        "made_ms": wanted.made_ms, "expires_ms": wanted.expires_ms, "revoked_ms": None,
    }  # fmt: skip
    with transaction(connection, path):
        if wanted.org is not None and organisations.find(connection, wanted.org) is None:
            raise NotAProvince(f"--org {wanted.org!r}: not an organisation. `gate-province org list` shows them.")
        there = find(connection, wanted.name)
        if there is not None and there.revoked_ms is None and there.expires_ms > wanted.made_ms:
            raise AlreadyThere(f"{wanted.name}: is a client already. Another name, or first: gate-province client revoke DIR {wanted.name}")
        if there is None:
            connection.execute(insert(table), row)
        else:
            connection.execute(update(table).where(table.c.name == wanted.name).values(**row))
    return token


def _check(wanted: Client) -> None:
    if not is_name(wanted.name):
        raise NotAProvince(f"{wanted.name!r}: a client's name must be {NAME_RULE}.")
    if wanted.org is not None and (not is_name(wanted.org) or wanted.org == PROVINCE):
        raise NotAProvince(f"--org {wanted.org!r}: not an organisation's name. `gate-province org list` shows them.")
    if not wanted.scopes:
        raise NotAProvince(f"--scope: at least one of {', '.join(Scope)}.")
    if not 0 < wanted.expires_ms - wanted.made_ms <= LONGEST_DAYS * _DAY_MS:
        raise NotAProvince(f"--days: must be 1 to {LONGEST_DAYS}.")
    if wanted.org is not None and (alone := {Scope.METRICS_READ, Scope.REGISTRY_WRITE} & wanted.scopes):
        raise NotAProvince(f"--org {wanted.org}: {', '.join(sorted(alone))} is the province's own; give it without --org.")


def revoke(connection: Connection, path: Path, name: str, now_ms: int) -> None:
    """Lets a program in no more, from its next request on.

    Raises:
        NotAProvince: there is none of this name.
        RegisterBusy: the database cannot take it now.
    """
    with transaction(connection, path):
        if find(connection, name) is None:
            raise NotAProvince(f"{name}: no client of this name. `gate-province client list DIR` shows them.")
        connection.execute(update(table).where(table.c.name == name, table.c.revoked_ms.is_(None)).values(revoked_ms=now_ms))


def has_form(token: str) -> bool:
    """Whether a text could be a token: of our prefix, a name, and so many letters."""
    match token.split("."):
        case [prefix, name, secret]:
            return prefix == PREFIX and is_name(name) and len(secret) == _SECRET_LETTERS
    return False


def known_by(connection: Connection, token: str, now_ms: int) -> Client | None:
    """Whose token this is, None when it is nobody's or counts no more."""
    if not has_form(token):
        return None
    row = connection.row(select(table).where(table.c.name == token.split(".")[1]))
    if row is None or not hmac.compare_digest(bytes(row["hashed"]), _hash(token)):
        return None
    found = _client(row)
    return found if found.revoked_ms is None and now_ms < found.expires_ms else None


def find(connection: Connection, name: str) -> Client | None:
    """A client by its name, or None."""
    row = connection.row(select(table).where(table.c.name == name))
    return None if row is None else _client(row)


def every(connection: Connection) -> list[Client]:
    """All clients there ever were, by name."""
    return [_client(row) for row in connection.rows(select(table).order_by(table.c.name))]


def _client(row: Row) -> Client:
    scopes = frozenset(Scope(word) for word in row["scopes"].split())
    return Client(row["name"], scopes, row["org"], row["made_ms"], row["expires_ms"], row["revoked_ms"])


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()
