"""The keeper's PIN: made by the device, shown once, and kept as a slow hash alone. Source: RFC 7914 (scrypt)."""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import secrets
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.base.disk import make_folder
from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.device.resetting import STATION_FOLDER

FILE_NAME = "pin.json"
DIGITS = 8
_DOCUMENT = "pin"
# 16 MB and about 0.05 s here, 0.3 s on a Pi Zero 2 W: a stolen card's 8 digits take months, and the agent stays within its memory.
_N, _R, _P, _SALT_BYTES, _HASH_BYTES = 2**14, 8, 1, 16, 32
_MAX_TYPED = 32
_M_MMAP_THRESHOLD, _MMAP_FROM_BYTES = -3, 128 * 1024  # glibc's malloc.h; its own default, which it else raises by itself


@dataclass(frozen=True, slots=True, repr=False)
class StoredPin:
    """What is kept of a PIN.

    Attributes:
        salt: random, new with each PIN: it also names the PIN.
        hashed: scrypt of the digits.
    """

    salt: bytes
    hashed: bytes

    def fits(self, typed: str) -> bool:
        """Whether these are its digits; spaces do not count. Takes as long for any answer."""
        return hmac.compare_digest(_hash(_digits(typed), self.salt), self.hashed)


def make(state: Path) -> str:
    """Makes a new PIN, keeps its hash on the disk, and returns its digits, which are nowhere else.

    Args:
        state: the device's state folder; the old PIN and all who entered it are out at once, also where the file is damaged later.

    Raises:
        OSError: the folder cannot be written.
    """
    digits = "".join(secrets.choice("0123456789") for _ in range(DIGITS))
    salt = secrets.token_bytes(_SALT_BYTES)
    make_folder(state / STATION_FOLDER)
    with closing(Documents(state / STATION_FOLDER, FILE_NAME)) as documents:
        value = {"salt": salt.hex(), "scrypt": _hash(digits, salt).hex(), "made_ms": time.time_ns() // 1_000_000}
        documents.put_alone(_DOCUMENT, value)
        documents.put_alone(_DOCUMENT, value)  # the version before it, which stands in for a damaged file, then has this PIN too
    return digits


def read(state: Path) -> StoredPin | None:
    """The PIN in force, None when none was made, or both versions of its file are damaged: nobody gets in until a new one is made.

    Raises:
        OSError: it cannot be read.
    """
    folder = state / STATION_FOLDER
    if not folder.is_dir():
        return None
    try:
        with closing(Documents(folder, FILE_NAME)) as documents:
            value = documents.get(_DOCUMENT)
    except DocumentsDamaged:
        return None
    return None if value is None else _stored(value)


def _stored(value: dict[str, Any]) -> StoredPin | None:
    try:
        return StoredPin(bytes.fromhex(value["salt"]), bytes.fromhex(value["scrypt"]))
    except (KeyError, TypeError, ValueError):
        return None


def shown(digits: str) -> str:
    """A PIN as people read it.

    Example:
        >>> shown("01234567")
        '0123 4567'
    """
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def give_memory_back() -> None:
    """From now on the C library returns what hashing took; it would keep the 16 MB for next time (mallopt(3), of glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MMAP_FROM_BYTES)


def _digits(typed: str) -> str:
    return "".join(typed[:_MAX_TYPED].split())


def _hash(digits: str, salt: bytes) -> bytes:
    return hashlib.scrypt(digits.encode(errors="replace"), salt=salt, n=_N, r=_R, p=_P, dklen=_HASH_BYTES)
