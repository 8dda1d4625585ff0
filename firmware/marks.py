"""Marks that stand for people in memory: keyed hashes, of no use to anybody who does not hold this process's key."""

from __future__ import annotations

import secrets
from hashlib import blake2b

from firmware.person_codes import Person


class Marker:
    """Makes marks; the key is new at each start and in memory only: nothing to steal, nothing to link two nights by.

    Example:
        >>> mark = Marker()
        >>> mark("001099012345") == mark("001099012345"), mark("001099012345") == Marker()("001099012345")
        (True, False)
    """

    __slots__ = ("_key",)

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def __call__(self, who: str) -> bytes:
        """16 bytes for anything that names somebody."""
        return blake2b(who.encode(errors="surrogatepass"), key=self._key, digest_size=16).digest()


def who(person: Person) -> str:
    """One text per person: the number, which is the same on card and phone, and more where part of it is covered."""
    if "*" not in person.id_number:
        return person.id_number
    return "|".join((person.id_number, person.name, person.birth_date or "", person.qid or "", person.phone or ""))
