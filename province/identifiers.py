"""Turns what identifies a person into tokens, so that the register can find someone without knowing anyone.

Source: design.md "The register at rest". A token is HMAC-SHA-256 under the day's token key: the same person has other tokens every
day, and none once the day's keys are destroyed.
"""

from __future__ import annotations

import hmac
import unicodedata
from enum import StrEnum

from edge_agent.entry import RecordedPerson


class Identifier(StrEnum):
    """What a person may be looked up by."""

    ID_NUMBER = "id_number"
    OLD_ID = "old_id"
    PHONE = "phone"
    CARD_NUMBER = "card_number"


def canonical(kind: Identifier, value: str) -> str:
    """One spelling for one identifier: no spaces, dots or hyphens, capitals, a phone number without the country's code.

    Example:
        >>> canonical(Identifier.PHONE, "+84 10 1234567"), canonical(Identifier.CARD_NUMBER, "dn-4 0101")
        ('0101234567', 'DN40101')
    """
    text = "".join(char for char in unicodedata.normalize("NFKC", value).upper() if char.isalnum() or char in "*+")
    return "0" + text.removeprefix("+84") if kind is Identifier.PHONE and text.startswith("+84") else text


def token(kind: Identifier, value: str, token_key: bytes) -> bytes:
    """The 32-byte token of one identifier on the day of `token_key`."""
    return hmac.digest(token_key, f"{kind}\0{canonical(kind, value)}".encode(), "sha256")


def tokens(person: RecordedPerson, token_key: bytes) -> list[tuple[Identifier, bytes]]:
    """All tokens of a person; a value hidden in part by `*` has none, since it would join strangers."""
    values = {
        Identifier.ID_NUMBER: person.id_number, Identifier.OLD_ID: person.old_id, Identifier.PHONE: person.phone,
        Identifier.CARD_NUMBER: person.card_number,
    }  # fmt: skip
    return [(kind, token(kind, value, token_key)) for kind, value in values.items() if value and "*" not in value]
