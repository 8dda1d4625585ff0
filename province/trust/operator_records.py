"""Who commands one organisation's scanners from a desk of their own: what the province keeps of each, without their keys.

A file each, in `operators/`. Which keys were revoked is noted in the keystore too, which no backup holds: an older folder put back lets
nobody in again. Source: decision 0092.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_agent.wire import topics
from edge_agent.wire.authority import Power
from edge_agent.wire.keyring import MOST_REVOKED
from edge_agent.wire.topics import Leaf
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import keep_folder, write_atomically
from province.base.layout import Layout
from province.keys.keystore import Keystore, KeystoreAway

USER_PREFIX = f"{topics.PROVINCE}/operator/"  # before their name: their user name and client id at the broker
NAME_RULE = "1 to 40 of a to z, 0 to 9, and within also . and -"
Name = Annotated[str, Meta(pattern="^[a-z0-9](?:[a-z0-9.-]{0,38}[a-z0-9])?$")]


class Key(msgspec.Struct, frozen=True):
    """A signing key they were given.

    Attributes:
        id: of the key, hex.
        ends_ms: of its certificate, milliseconds since 1970 UTC.
    """

    power: Power
    id: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    ends_ms: int


class Operator(msgspec.Struct, frozen=True):
    """Somebody with a desk.

    Attributes:
        name: in the whole province.
        org: the one organisation whose scanners they command.
        keys: that they sign with now.
        since_ms: when these were made, milliseconds since 1970 UTC.
        revoked_ms: when they were revoked; None while they count.
    """

    name: Name
    org: str
    keys: tuple[Key, ...]
    since_ms: int
    revoked_ms: int | None = None

    @property
    def user(self) -> str:
        """Their name at the broker, and in their TLS certificate."""
        return USER_PREFIX + self.name

    @property
    def powers(self) -> tuple[Power, ...]:
        """What they may."""
        return tuple(key.power for key in self.keys)

    @property
    def writes(self) -> tuple[Leaf, ...]:
        """What they may publish for each scanner of their organisation."""
        return (Leaf.COMMANDS, Leaf.CONFIG_DESIRED) if Power.CONFIGURE in self.powers else (Leaf.COMMANDS,)


def every(layout: Layout) -> list[Operator]:
    """All, by name, revoked ones too.

    Raises:
        ProvinceError: a file cannot be read.
    """
    files = sorted(layout.operators.glob("*.json")) if layout.operators.is_dir() else []
    return [_read(file) for file in files]


def find(layout: Layout, name: str) -> Operator:
    """One of them.

    Raises:
        NotAProvince: there is none of this name.
        ProvinceError: the file cannot be read.
    """
    found = next((one for one in every(layout) if one.name == name), None)
    if found is None:
        raise NotAProvince(f"{name}: no operator of this name. `gate-province operator list {layout.root}` shows them.")
    return found


def _read(file: Path) -> Operator:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Operator)
    except OSError as error:
        raise ProvinceError(f"{file}: cannot be read ({error.strerror}). Run this as the folder's owner.") from None
    except msgspec.DecodeError:
        raise ProvinceError(f"{file}: damaged. Restore it from a backup, or remove it and add the operator anew.") from None


def checked(operator: Operator) -> Operator:
    """The same.

    Raises:
        NotAProvince: a field is not as it should be.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(operator), Operator)
    except msgspec.ValidationError:
        raise NotAProvince(f"{operator.name!r}: not an operator's name: {NAME_RULE}.") from None


def write(layout: Layout, operator: Operator) -> None:
    """Keeps one.

    Raises:
        OSError: it cannot be written.
    """
    keep_folder(layout.operators)
    write_atomically(layout.operators / f"{operator.name}.json", msgspec.json.format(msgspec.json.encode(operator)) + b"\n")


def active(layout: Layout) -> list[Operator]:
    """Those who may come in: not revoked, whatever backup the folder came from.

    Raises:
        KeystoreAway: nobody can tell now.
        ProvinceError: a file cannot be read.
    """
    found = [one for one in every(layout) if one.revoked_ms is None]
    if not found:
        return []
    out = {key.id for key in shut_out(Keystore(layout.keystore))}
    return [one for one in found if not any(key.id in out for key in one.keys)]


def shut_out(keystore: Keystore, now_ms: int = 0) -> list[Key]:
    """The keys that were revoked and whose certificates have not ended.

    Raises:
        KeystoreAway: nobody can tell now.
    """
    keystore.check()
    try:
        files = sorted(keystore.shut_out.glob("*.json")) if keystore.shut_out.is_dir() else []
        found = [msgspec.json.decode(file.read_bytes(), type=Key) for file in files]
    except (OSError, msgspec.DecodeError) as error:
        raise KeystoreAway(f"{keystore.shut_out}: cannot be read ({error}). Run as the folder's owner.") from None
    return [key for key in found if key.ends_ms >= now_ms]


def revoked_ids(keystore: Keystore, now_ms: int) -> tuple[bytes, ...]:
    """What a keyring names: ids of revoked keys, in order; the longest-lived where there are too many.

    Raises:
        KeystoreAway: nobody can tell now.
    """
    latest = sorted(shut_out(keystore, now_ms), key=lambda key: key.ends_ms, reverse=True)[:MOST_REVOKED]
    return tuple(sorted({bytes.fromhex(key.id) for key in latest}))


def note_shut_out(keystore: Keystore, keys: tuple[Key, ...]) -> None:
    """Notes that keys count no more, on the disk when this returns.

    Raises:
        KeystoreAway: this is not the keystore.
        OSError: it cannot be written.
    """
    keystore.check()
    keep_folder(keystore.shut_out)
    for key in keys:
        write_atomically(
            keystore.shut_out / f"{key.id}.json",
            json.dumps({"power": str(key.power), "id": key.id, "ends_ms": key.ends_ms}).encode() + b"\n",
        )
