"""The folder of the day keys: one file a day, destroyed for good when the day is closed, and what else must be in no backup.

Source: design.md "Keys". One file a day, 0600, in a folder of its own outside the database and every backup. Keys are read when they
are needed and not kept in memory, so that a day destroyed on disk is destroyed at the next batch too.

A file that is not there proves nothing: the folder may be an empty mount point, another province's, or half restored. So the folder
carries a marker of its province, without which nothing is said about any day; and a day is destroyed only where its tombstone stands.
"""

from __future__ import annotations

import os
import re
from datetime import date, timedelta
from enum import Enum, auto
from hashlib import sha256
from pathlib import Path

from edge_agent.base.disk import sync_folder
from edge_agent.wire import sealing
from province.base.errors import ProvinceError
from province.base.files import keep_folder, write_atomically
from province.base.layout import Layout
from province.keys import day_keys
from province.keys.day_keys import DayKeys, KeyDamaged
from province.keys.officers import read_root_public

MARKER = "province.id"
COUNTER = "keyring.counter"
AUDIT_HEAD = "audit.head"
PEOPLE = "people.json"
PEOPLE_RIGHTS = "people-rights.json"
DESTROYED = "destroyed"
ERASED = "erased"
REVOKED = "revoked"
SHUT_OUT = "operators"
FLOOR_DAYS = 1  # so many full days before today are kept whatever anybody says
_BEING_WRITTEN = re.compile(r"\.(.+)\.[a-z0-9_]{8}")  # as `write_atomically` names it; left by a power cut, it goes with its day


class KeystoreAway(ProvinceError):
    """The keystore's folder cannot be read now; nothing can be said about any key, so nothing may be decided."""


class TooEarly(ProvinceError):
    """The day is not past the shortest retention there is; nothing was destroyed."""


class Absent(Enum):
    """Why there are no keys of a day."""

    MISSING = auto()  # never made, or not restored: nobody knows
    DESTROYED = auto()  # on purpose and for good: its tombstone says so


class Keystore:
    """The folder of day keys.

    Args:
        folder: the province's `keystore`, as in `Layout`: beside it lies the root's public key, which its marker is made from.

    Attributes:
        lock: for `process_lock.alone`, held over reading a note and writing it longer.

    Raises:
        NotAProvince: the root's public key is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        layout = Layout(folder.parent)
        self.lock = layout.keystore_lock
        root = read_root_public(layout)
        self._mark = sha256(b"gate-scanner/v1/keystore" + root.public_bytes_raw()).hexdigest().encode() + b"\n"

    def path(self, epoch: str) -> Path:
        """Where a day's keys lie."""
        return self.folder / f"{epoch}.json"

    def tombstone(self, epoch: str) -> Path:
        """What lies there once a day was destroyed."""
        return self.folder / DESTROYED / epoch

    def erased(self, epoch: str) -> Path:
        """Where it is noted what of a day was erased."""
        return self.folder / ERASED / f"{epoch}.json"

    @property
    def revoked(self) -> Path:
        """The folder where it is noted which devices' keys were revoked."""
        return self.folder / REVOKED

    @property
    def shut_out(self) -> Path:
        """The folder where it is noted which operators' keys were revoked."""
        return self.folder / SHUT_OUT

    def found(self) -> None:
        """Makes the new, empty folder this province's keystore.

        Raises:
            OSError: it cannot be written.
        """
        write_atomically(self.folder / MARKER, self._mark)

    def check(self) -> None:
        """Makes sure that this is the province's keystore, and no empty mount point.

        Raises:
            KeystoreAway: it is not there, or cannot be read.
        """
        marker = self.folder / MARKER
        try:
            mark = marker.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise KeystoreAway(
                f"{self.folder}: the keystore is not there ({MARKER} is missing). Mount or restore it; entries wait at the broker."
            ) from None
        except OSError as error:
            raise KeystoreAway(f"{marker}: cannot be read ({error.strerror}). Run as the folder's owner.") from None
        if mark != self._mark:
            raise KeystoreAway(f"{self.folder}: another province's keystore, by its {MARKER}. Mount or restore the right one.")

    def load(self, epoch: str) -> DayKeys | Absent:
        """The keys of a day (YYYY-MM-DD), or why there are none. A day with a tombstone is destroyed, whatever else was restored.

        Raises:
            KeystoreAway: the folder or the file cannot be read now, or is not this province's.
            KeyDamaged: the file is not a day's keys.
        """
        self.check()
        try:
            text = None if self._is_destroyed(epoch) else self.path(epoch).read_bytes()
        except FileNotFoundError:
            self.check()  # taken away just now?
            return Absent.MISSING
        except OSError as error:
            raise KeystoreAway(f"{self.path(epoch)}: cannot be read ({error.strerror}). Run as the folder's owner.") from None
        return Absent.DESTROYED if text is None else day_keys.decode(text, epoch, self.path(epoch))

    def _is_destroyed(self, epoch: str) -> bool:
        try:
            self.tombstone(epoch).lstat()
        except FileNotFoundError:
            return False
        return True

    def destroy(self, day: date, today: date) -> None:
        """Destroys a day's keys for good; doing it again finishes what a power cut left undone.

        The tombstone is on the disk before the keys go, so that the day is never only missing. Copies of the file elsewhere, and
        what a flash disk keeps of it, are beyond this.

        Args:
            day: the day.
            today: today in Vietnam; yesterday and later days are never destroyed.

        Raises:
            TooEarly: the day may still be needed.
            KeystoreAway: the folder is not this province's.
            OSError: not destroyed, or perhaps not durably; do it again.
        """
        if day >= today - timedelta(days=FLOOR_DAYS):
            raise TooEarly(f"{day}: only days before {today - timedelta(days=FLOOR_DAYS)} may be destroyed.")
        epoch = day.isoformat()
        self.check()
        stone = self.tombstone(epoch)
        keep_folder(stone.parent)
        write_atomically(stone, f"{epoch}\n".encode())
        for path in (self.path(epoch), *self.folder.glob(f".{epoch}.json.*")):  # a write cut short leaves keys too
            _overwrite(path)
            path.unlink(missing_ok=True)
        sync_folder(self.folder)
        if self.erased(epoch).exists():
            self.erased(epoch).unlink(missing_ok=True)

    def destroyed(self) -> list[str]:
        """The days that were destroyed, in order.

        Raises:
            KeystoreAway: the folder cannot be read now, or is not this province's.
        """
        self.check()
        try:
            return sorted(path.name for path in (self.folder / DESTROYED).glob("[0-9]*") if _is_day(path.name))
        except OSError as error:
            raise KeystoreAway(f"{self.folder}: cannot be read ({error.strerror}). Run as the folder's owner.") from None

    def left_behind(self) -> list[str]:
        """Days with a tombstone whose keys still lie here: a destruction was cut short, or a copy was put back.

        Raises:
            KeystoreAway: as `destroyed`.
        """
        return [
            epoch
            for epoch in self.destroyed()
            if self.path(epoch).exists() or self.erased(epoch).exists() or any(self.folder.glob(f".{epoch}.json.*"))
        ]

    def store(self, keys: DayKeys) -> None:
        """Writes a day's keys.

        Raises:
            OSError: they cannot be written.
        """
        write_atomically(self.path(keys.epoch), day_keys.encode(keys))

    def ensure(self, day: date, suite: sealing.Suite) -> DayKeys | Absent:
        """The keys of a day that was never published, made now if there are none; a destroyed day gets no new ones.

        Raises:
            OSError, KeystoreAway, KeyDamaged: they cannot be read or written.
        """
        keys = self.load(day.isoformat())
        if keys is Absent.MISSING:
            keys = day_keys.generate(day, suite)
            self.store(keys)
        return keys

    def counter(self) -> int:
        """The highest counter a keyring was ever given, 0 before the first.

        Raises:
            KeystoreAway: the folder cannot be read now, or is not this province's.
            KeyDamaged: the file is no number.
        """
        self.check()
        path = self.folder / COUNTER
        try:
            return int(path.read_bytes())
        except FileNotFoundError:
            return 0
        except ValueError:
            raise KeyDamaged(f"{path}: no number. Write the counter of the newest keyring any scanner has into it.") from None
        except OSError as error:
            raise KeystoreAway(f"{path}: cannot be read ({error.strerror}). Run as the folder's owner.") from None

    def note_counter(self, counter: int) -> None:
        """Keeps a keyring's counter before the keyring is published.

        Here, because this folder is in no backup: after a restore of the rest the next keyring still counts on, and scanners take it.

        Raises:
            OSError: it cannot be written.
        """
        write_atomically(self.folder / COUNTER, f"{counter}\n".encode())

    def epochs(self) -> list[str]:
        """The days there are keys for, in order.

        Raises:
            KeystoreAway: the folder cannot be read now, or is not this province's.
        """
        self.check()
        try:
            days = [path.stem for path in self.folder.glob("[0-9]*.json") if _is_day(path.stem)]
            return sorted(epoch for epoch in days if not self._is_destroyed(epoch))
        except OSError as error:
            raise KeystoreAway(f"{self.folder}: cannot be read ({error.strerror}). Run as the folder's owner.") from None

    def strangers(self) -> list[Path]:
        """What lies here and is not the keystore's: perhaps a copy of keys, which nothing here destroys with their day.

        Raises:
            KeystoreAway: as `epochs`.
        """
        self.check()
        own = {MARKER, COUNTER, AUDIT_HEAD, PEOPLE, PEOPLE_RIGHTS, DESTROYED, ERASED, REVOKED, SHUT_OUT, "lost+found"}
        try:
            here = [path for path in self.folder.iterdir() if (name := _settled(path.name)) not in own and not _is_day_file(name)]
            beneath = [
                path
                for folder, is_own in ((DESTROYED, _is_day), (ERASED, _is_day_file))
                if (self.folder / folder).is_dir()
                for path in (self.folder / folder).iterdir()
                if not is_own(_settled(path.name))
            ]
        except OSError as error:
            raise KeystoreAway(f"{self.folder}: cannot be read ({error.strerror}). Run as the folder's owner.") from None
        return sorted(here + beneath)


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False


def _is_day_file(name: str) -> bool:
    return name.endswith(".json") and _is_day(name.removesuffix(".json"))


def _settled(name: str) -> str:
    """The name that a file will have when it is written."""
    written = _BEING_WRITTEN.fullmatch(name)
    return name if written is None else written[1]


def _overwrite(path: Path) -> None:
    """Puts zeros over a file before its name goes; on a disk that writes elsewhere this is no promise."""
    try:
        with path.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return
