"""Turns what identifies a person into tokens, so that the register can find someone without knowing anyone.

Source: design.md "The register at rest". A token is HMAC-SHA-256 under the day's token key: the same person has other tokens every
day, and none once the day's keys are destroyed.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum

from edge_agent.wire.entry import RecordedPerson
from firmware.person_codes.bhyt import insured_number


class Identifier(StrEnum):
    """What a person may be looked up by. The kind goes by the number's form, so a number has one token wherever a code carries it."""

    ID_NUMBER = "id_number"  # 12-digit citizen number
    OLD_ID = "old_id"  # 9-digit number
    PASSPORT = "passport"
    PHONE = "phone"
    CARD_NUMBER = "card_number"  # of the health insurance card: by the social insurance number within it
    DECLARED = "declared"  # name and phone together, of who is known by nothing else or typed both themselves: nobody looks up by it


NUMBERS = tuple(kind for kind in Identifier if kind is not Identifier.DECLARED)  # what a number that somebody gives may be
_SELF = "self"  # the scheme of who typed it themselves at a check-in page


def canonical(kind: Identifier, value: str) -> str:
    """One spelling for one identifier: no spaces, dots or hyphens, capitals, a phone number without the country's code.

    A card number is known by the social insurance number in it: the letters before it change with a person's work.

    Example:
        >>> canonical(Identifier.PHONE, "+84 10 1234567"), canonical(Identifier.CARD_NUMBER, "dn-4 01 0100000001")
        ('0101234567', '0100000001')
    """
    if value.isascii() and value.isalnum():  # as nearly all are: nothing to leave out
        text = value.upper()
    else:
        text = "".join(char for char in unicodedata.normalize("NFKC", value).upper() if char.isalnum() or char in "*+")
    if kind is Identifier.CARD_NUMBER:
        return insured_number(text) or text
    return "0" + text.removeprefix("+84") if kind is Identifier.PHONE and text.startswith("+84") else text


def folded(name: str) -> str:
    """One spelling for one name, however it was typed: letters and digits alone, without marks, capitals.

    Example:
        >>> folded("Nguyễn Đình  Ánh") == folded("nguyen dinh anh") == "NGUYENDINHANH"
        True
    """
    return "".join(char for char in unicodedata.normalize("NFKD", name).upper().replace("Đ", "D") if char.isalnum())


def declared(person: RecordedPerson) -> str | None:
    """What tells apart who gave a name and a phone, as the phone alone may be a family's; None without either, or where one is hidden.

    Example:
        >>> declared(RecordedPerson("self", "*", "Nguyễn Văn A", phone="+84 10 1234567"))
        'NGUYENVANA0101234567'
    """
    if not person.phone or "*" in person.name + person.phone or not (name := folded(person.name)):
        return None
    return name + canonical(Identifier.PHONE, person.phone)


def token(kind: Identifier, value: str, token_key: bytes) -> bytes:
    """The 32-byte token of one identifier on the day of `token_key`."""
    return hmac.digest(token_key, _said(kind, value), "sha256")


def tokens_of(said: Iterable[tuple[Identifier, str]], token_keys: Iterable[bytes]) -> list[list[bytes]]:
    """The tokens of several identifiers on several days, by their keys."""
    texts = [_said(kind, value) for kind, value in said]
    return [[hmac.digest(key, text, "sha256") for text in texts] for key in token_keys]


def _said(kind: Identifier, value: str) -> bytes:
    return f"{kind}\0{canonical(kind, value)}".encode()


def tokens(person: RecordedPerson, token_key: bytes) -> list[tuple[Identifier, bytes]]:
    """All tokens of a person, each once; a value hidden in part by `*` has none, since it would join strangers."""
    return tokens_on(person, [token_key])[0]


def tokens_on(person: RecordedPerson, token_keys: Sequence[bytes]) -> list[list[tuple[Identifier, bytes]]]:
    """The same on several days, by their keys."""
    values = [
        (_kind_of(person.id_number), person.id_number), (Identifier.OLD_ID, person.old_id), (Identifier.PHONE, person.phone),
        (Identifier.CARD_NUMBER, person.card_number),
    ]  # fmt: skip
    said = list(dict.fromkeys((kind, _said(kind, value)) for kind, value in values if value and "*" not in value))
    if (person.scheme == _SELF or not any(kind is not Identifier.PHONE for kind, _text in said)) and (who := declared(person)):
        said.append((Identifier.DECLARED, _said(Identifier.DECLARED, who)))
    return [[(kind, hmac.digest(key, text, "sha256")) for kind, text in said] for key in token_keys]


def _kind_of(id_number: str) -> Identifier:
    """What stands in a code's place for the number of a document, by its form."""
    if not id_number.isdigit():
        return Identifier.PASSPORT
    return {9: Identifier.OLD_ID, 10: Identifier.CARD_NUMBER}.get(len(id_number), Identifier.ID_NUMBER)
