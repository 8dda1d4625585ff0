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
    DECLARED = "declared"  # name and phone together, of who is known by nothing else or typed both themselves: no number to ask for


NUMBERS = tuple(kind for kind in Identifier if kind is not Identifier.DECLARED)  # what a number that somebody gives may be
_AFTER_CODE = 9  # digits of a mobile number after the country's code (numbering plan of 2018)
_SELF = "self"  # the scheme of who typed it themselves at a check-in page
_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")  # one a syllable: over which of its vowels is the keyboard's habit


def canonical(kind: Identifier, value: str) -> str:
    """One spelling for one identifier: no spaces, dots or hyphens, capitals, a phone number without the country's code.

    A card number is known by the social insurance number in it: the letters before it change with a person's work.

    Example:
        >>> canonical(Identifier.PHONE, "+84 10 1234567"), canonical(Identifier.CARD_NUMBER, "dn-4 01 0100000001")
        ('0101234567', '0100000001')
        >>> {canonical(Identifier.PHONE, written) for written in ("84101234567", "0084 101234567", "010.123.4567")}
        {'0101234567'}
    """
    if value.isascii() and value.isalnum():  # as nearly all are: nothing to leave out
        text = value.upper()
    else:
        text = "".join(char for char in unicodedata.normalize("NFKC", value).upper() if char.isalnum() or char in "*+")
    if kind is Identifier.CARD_NUMBER:
        return insured_number(text) or text
    return domestic(text) if kind is Identifier.PHONE else text


def domestic(phone: str) -> str:
    """A phone number's digits as they are dialled within the country: 84 and 0084 are its code where a whole number follows."""
    if phone.startswith("+84"):
        return "0" + phone.removeprefix("+84")
    for code in ("0084", "84"):
        if phone.startswith(code) and len(phone) == len(code) + _AFTER_CODE:
            return "0" + phone.removeprefix(code)
    return phone


def spelling(name: str) -> str:
    """One spelling for one name, typed by whichever keyboard: without capitals, more than one space, and commas or dots; with all marks.

    A tone counts for its syllable, as some type Hòa and some Hoà. Nothing else is made equal: An and Ân are two people.

    Example:
        >>> spelling("Nguyễn  Thị Hoà") == spelling("NGUYỄN THỊ HÒA"), spelling("Hoa") == spelling("Hòa")
        (True, False)
    """
    words = name.lower().split() if name.isascii() else unicodedata.normalize("NFD", name.casefold()).split()
    return " ".join(spelt for word in words if (spelt := _syllable(word)))


def _syllable(word: str) -> str:
    """A word's letters with their marks, and its tone last."""
    if word.isascii():
        return word if word.isalnum() else "".join(char for char in word if char.isalnum())
    tones = "".join(char for char in word if char in _TONES)
    return "".join(char for char in word if (char.isalnum() or unicodedata.combining(char)) and char not in _TONES) + tones


def unmarked(name: str) -> str:
    """A name without marks, for names that may be one and need not.

    Example:
        >>> unmarked("Đặng Văn Ân") == unmarked("DANG VAN AN")
        True
    """
    return "".join(char for char in spelling(name) if not unicodedata.combining(char)).replace("đ", "d")


def declared(person: RecordedPerson) -> str | None:
    """What tells apart who gave a name and a phone, as the phone alone may be a family's; None without either, or where one is hidden.

    None too beside a number where the name has no marks, as in the national code: it may be any of the family that is written so.

    Example:
        >>> declared(RecordedPerson("self", "*", "Lê Văn A", phone="+84 10 1234567")) == spelling("Lê Văn A") + " 0101234567"
        True
    """
    if not person.phone or "*" in person.name + person.phone or not (name := spelling(person.name)):
        return None
    if name.isascii() and any(number and "*" not in number for number in (person.id_number, person.old_id, person.card_number)):
        return None
    return f"{name} {canonical(Identifier.PHONE, person.phone)}"


def token(kind: Identifier, value: str, token_key: bytes) -> bytes:
    """The 32-byte token of one identifier on the day of `token_key`."""
    return hmac.digest(token_key, _said(kind, value), "sha256")


def tokens_of(said: Iterable[tuple[Identifier, str]], token_keys: Iterable[bytes]) -> list[list[bytes]]:
    """The tokens of several identifiers on several days, by their keys."""
    texts = [_said(kind, value) for kind, value in said]
    return [[hmac.digest(key, text, "sha256") for text in texts] for key in token_keys]


def _said(kind: Identifier, value: str) -> bytes:
    return f"{kind}\0{value if kind is Identifier.DECLARED else canonical(kind, value)}".encode()


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
