"""Passwords: made here with 99 random bits or chosen, and kept as Argon2id.

Source: RFC 9106; OWASP "Password Storage" cheat sheet; NIST SP 800-63B (length counts, rules of composition do not).
"""

from __future__ import annotations

import secrets
import threading
import unicodedata

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SHORTEST, LONGEST = 12, 200
_ITERATIONS, _LANES, _MEMORY_KIB, _SALT_BYTES, _LENGTH = 2, 1, 19 * 1024, 16, 32
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is mistaken for another
_GROUPS, _GROUP = 5, 4
_FEWEST_DIFFERENT = 5


def letters(count: int) -> str:
    """So many random letters and digits, none of which is mistaken for another; five bits each."""
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def made() -> str:
    """A new password."""
    return "-".join(letters(_GROUP) for _ in range(_GROUPS))


def hashed(password: str) -> str:
    """What is kept of a password, in PHC form."""
    kdf = Argon2id(salt=secrets.token_bytes(_SALT_BYTES), length=_LENGTH, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB)
    return kdf.derive_phc_encoded(_typed(password))


def wrong_with(password: str, *of_them: str) -> str | None:
    """Why somebody may not choose this password, as a word; None where they may.

    Args:
        password: as typed.
        of_them: what others know of them, such as their phone number, and must not be all of it.

    Example:
        >>> wrong_with("short"), wrong_with("aaaaaaaaaaaaaa"), wrong_with("ba cây xoài xanh")
        ('short', 'plain', None)
    """
    typed = password.strip()
    if len(typed) < SHORTEST:
        return "short"
    if len(typed) > LONGEST:
        return "long"
    rest = typed.casefold()
    for known in of_them:
        rest = rest.replace(known.casefold(), "") if known else rest
    return "plain" if len(set(rest)) < _FEWEST_DIFFERENT else None


class Check:
    """Compares passwords, one at a time: each takes 19 MB."""

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._nobodys = hashed(secrets.token_hex(8))

    def is_of(self, password: str, kept: str | None) -> bool:
        """Whether a password is the one that this was kept of; takes the same work where there is none."""
        with self._one:
            try:
                Argon2id.verify_phc_encoded(_typed(password), self._nobodys if kept is None else kept)
            except (InvalidKey, ValueError):
                return False
        return kept is not None


def _typed(password: str) -> bytes:
    """In one Unicode form: phones write ệ in one piece, some keyboards in two."""
    return unicodedata.normalize("NFC", password[:LONGEST]).strip().encode(errors="replace")
