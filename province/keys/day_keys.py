"""The keys of one day: what opens its entries, finds its people and reads its rows; and sealing keys alone, as files hold them."""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from edge_agent.wire import sealing
from edge_agent.wire.keyring import EpochKey
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import write_atomically

FORMAT = "gate-scanner-day-keys/1"
PAIR_FORMAT = "gate-scanner-sealing-key/1"
_SYMMETRIC_BYTES = 32


class KeyDamaged(ProvinceError):
    """A day's file is there but is not a day's keys."""


@dataclass(frozen=True)
class DayKeys:
    """All secrets of one day.

    Attributes:
        epoch: the day as YYYY-MM-DD.
        pair: what devices seal to.
        token_key: 32 bytes; turns identifiers into tokens.
        data_key: 32 bytes; closes the register's rows.
    """

    epoch: str
    pair: sealing.KeyPair
    token_key: bytes = field(repr=False)
    data_key: bytes = field(repr=False)

    @property
    def public(self) -> EpochKey:
        """The half that is published."""
        return EpochKey(self.epoch, self.pair.suite, self.pair.public)

    @cached_property
    def private(self) -> sealing.PrivateKey:
        """The key that opens the day's entries; making it ready takes half as long as opening one."""
        return sealing.load_private(self.pair.suite, self.pair.private)


def generate(day: date, suite: sealing.Suite) -> DayKeys:
    """Makes the keys of a day."""
    return DayKeys(day.isoformat(), sealing.generate(suite), secrets.token_bytes(_SYMMETRIC_BYTES), secrets.token_bytes(_SYMMETRIC_BYTES))


def encode(keys: DayKeys) -> bytes:
    """A day's keys as their file holds them."""
    fields = {
        "format": FORMAT, "epoch": keys.epoch, **_of_pair(keys.pair),
        "token_key": b64encode(keys.token_key).decode(), "data_key": b64encode(keys.data_key).decode(),
    }  # fmt: skip
    return json.dumps(fields, indent=1).encode()


def decode(text: bytes, epoch: str, path: Path) -> DayKeys:
    """Reads what `encode` wrote.

    Args:
        text: the file's.
        epoch: the day it must be of.
        path: the file, for messages.

    Raises:
        KeyDamaged: it is not that day's keys.
    """
    try:
        fields = json.loads(text)
        keys = DayKeys(fields["epoch"], _pair(fields), b64decode(fields["token_key"]), b64decode(fields["data_key"]))
    except (ValueError, KeyError, TypeError):
        keys = None
    if keys is None or keys.epoch != epoch or {len(keys.token_key), len(keys.data_key)} != {_SYMMETRIC_BYTES}:
        raise KeyDamaged(f"{path}: damaged. Restore this file from the keystore's copy.")
    return keys


def _of_pair(pair: sealing.KeyPair) -> dict[str, str]:
    return {"suite": str(pair.suite), "public": b64encode(pair.public).decode(), "private": b64encode(pair.private).decode()}


def _pair(fields: Mapping[str, Any]) -> sealing.KeyPair:
    pair = sealing.KeyPair(sealing.Suite(fields["suite"]), b64decode(fields["public"]), b64decode(fields["private"]))
    sealing.load_private(pair.suite, pair.private)
    sealing.load_public(pair.suite, pair.public)
    return pair


def write_pair(path: Path, pair: sealing.KeyPair) -> None:
    """Writes a sealing key pair alone, such as the undated one."""
    write_atomically(path, json.dumps({"format": PAIR_FORMAT, **_of_pair(pair)}, indent=1).encode())


def read_pair(path: Path) -> sealing.KeyPair:
    """Reads what `write_pair` wrote.

    Raises:
        NotAProvince: it cannot be read, or is no such key.
    """
    try:
        fields = json.loads(path.read_bytes())
        pair = _pair(fields)
    except OSError as error:
        raise NotAProvince(f"{path}: cannot be read ({error.strerror}). Mount the stick that holds it, or check the name.") from None
    except (ValueError, KeyError, TypeError):
        fields, pair = {}, None
    if pair is None or fields.get("format") != PAIR_FORMAT:
        raise NotAProvince(f"{path}: not a sealing key as `gate-province init` writes to offline/. Take the copy from the safe.")
    return pair
