"""The day keys: what opens a day's entries, finds a day's people and reads a day's rows. Destroy one file and that day is closed for good.

Source: design.md "Keys". One file a day, 0600, in a folder of its own outside the database and every backup. Keys are read when they
are needed and not kept in memory, so that a day destroyed on disk is destroyed at the next batch too.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from edge_agent import sealing
from edge_agent.keyring import EpochKey
from province.errors import NotAProvince, ProvinceError
from province.files import write_atomically

FORMAT = "gate-scanner-day-keys/1"
_SYMMETRIC_BYTES = 32


class KeystoreAway(ProvinceError):
    """The keystore's folder cannot be read now; nothing can be said about any key, so nothing may be decided."""


class KeyDamaged(ProvinceError):
    """A day's file is there but is not a day's keys."""


@dataclass(frozen=True, slots=True)
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

    def private(self) -> sealing.PrivateKey:
        """The key that opens the day's entries."""
        return sealing.load_private(self.pair.suite, self.pair.private)


def generate(day: date, suite: sealing.Suite) -> DayKeys:
    """Makes the keys of a day."""
    return DayKeys(day.isoformat(), sealing.generate(suite), secrets.token_bytes(_SYMMETRIC_BYTES), secrets.token_bytes(_SYMMETRIC_BYTES))


def write_pair(path: Path, pair: sealing.KeyPair) -> None:
    """Writes a sealing key pair alone, such as the undated one."""
    fields = {
        "format": "gate-scanner-sealing-key/1", "suite": str(pair.suite), "public": b64encode(pair.public).decode(),
        "private": b64encode(pair.private).decode(),
    }  # fmt: skip
    write_atomically(path, json.dumps(fields, indent=1).encode())


class Keystore:
    """The folder of day keys.

    Args:
        folder: made by `gate-province init`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, epoch: str) -> Path:
        """Where a day's keys lie."""
        return self.folder / f"{epoch}.json"

    def load(self, epoch: str) -> DayKeys | None:
        """The keys of a day (YYYY-MM-DD), or None when there are none: never made, or destroyed.

        Raises:
            KeystoreAway: the folder or the file cannot be read now.
            KeyDamaged: the file is not a day's keys.
        """
        try:
            text = self.path(epoch).read_bytes()
        except FileNotFoundError:
            if not self.folder.is_dir():
                raise KeystoreAway(f"{self.folder}: the keystore is not there. Mount or restore it; entries wait at the broker.") from None
            return None
        except OSError as error:
            raise KeystoreAway(f"{self.path(epoch)}: cannot be read ({error.strerror}). Run as the folder's owner.") from None
        try:
            fields = json.loads(text)
            pair = sealing.KeyPair(sealing.Suite(fields["suite"]), b64decode(fields["public"]), b64decode(fields["private"]))
            keys = DayKeys(fields["epoch"], pair, b64decode(fields["token_key"]), b64decode(fields["data_key"]))
            sealing.load_private(pair.suite, pair.private)
            sealing.load_public(pair.suite, pair.public)
        except (ValueError, KeyError, TypeError):
            keys = None
        if keys is None or keys.epoch != epoch or {len(keys.token_key), len(keys.data_key)} != {_SYMMETRIC_BYTES}:
            raise KeyDamaged(f"{self.path(epoch)}: damaged. Restore this file from the keystore's copy.")
        return keys

    def store(self, keys: DayKeys) -> None:
        """Writes a day's keys.

        Raises:
            OSError: they cannot be written.
        """
        fields = {
            "format": FORMAT, "epoch": keys.epoch, "suite": str(keys.pair.suite), "public": b64encode(keys.pair.public).decode(),
            "private": b64encode(keys.pair.private).decode(), "token_key": b64encode(keys.token_key).decode(),
            "data_key": b64encode(keys.data_key).decode(),
        }  # fmt: skip
        write_atomically(self.path(keys.epoch), json.dumps(fields, indent=1).encode())

    def ensure(self, day: date, suite: sealing.Suite) -> DayKeys:
        """The keys of a day, made now if there are none."""
        keys = self.load(day.isoformat())
        if keys is None:
            keys = generate(day, suite)
            self.store(keys)
        return keys

    def epochs(self) -> list[str]:
        """The days there are keys for, in order."""
        if not self.folder.is_dir():
            raise NotAProvince(f"{self.folder}: the keystore is missing. Mount or restore it.")
        return sorted(path.stem for path in self.folder.glob("[0-9]*.json"))
