"""The code on the health insurance card (BHYT; the VssID app shows the same): `card number|name in hex|birth date|sex|address in hex|…|$`.

14 or more parts, the last ends with `$`. The card names its holder by the social insurance number: the last ten digits of a card
number of 15 characters, or all of one of ten. Since August 2025 the citizen number takes its place (official letter 1804/BHXH-QLT),
so a card number of 12 digits is one. What follows the sex is not read: a gate needs neither address nor hospital.
"""

from __future__ import annotations

import re
import unicodedata

from . import citizen_id, fields
from .person import Person, Scheme, Sex, WarningCode
from .refusal import NotAPersonCode, Reason
from .written import reads_as

_LEAST_PARTS = 14
_CARD = re.compile(r"(?:[A-Z]{2}[0-9]{3})?([0-9]{10})|([0-9]{12})", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)
_DATE = re.compile(r"(?P<day>[0-9]{2})/(?P<month>[0-9]{2})/(?P<year>[0-9]{4})", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
_SEXES: dict[str, Sex | None] = {"1": "male", "2": "female", "": None, "-": None}
_SEX_CODES: dict[Sex | None, str] = {None: "-", "male": "1", "female": "2"}


def recognises(text: str) -> bool:
    """Says whether a text has the card's form: 14 or more parts, `$` at the end."""
    return text.endswith("$") and text.count("|") >= _LEAST_PARTS - 1


def read(text: str) -> Person:
    """Reads a health insurance card's code.

    Raises:
        NotAPersonCode: a field is not what the card would say.

    Example:
        >>> person = read("DN4010100000001|4e677579e1bb856e2056c4836e2041|1958|1|-|01 - 001|-|-|-|-|-|4|-|0|$")
        >>> person.id_number, person.name, person.birth_date
        ('0100000001', 'Nguyễn Văn A', '1958')
    """
    card, name_hex, birth, sex_code, *_rest = (part.strip() for part in text.split("|"))
    card = card.upper() if card.isascii() else ""
    number = insured_number(card)
    if number is None:
        raise NotAPersonCode(Reason.BAD_CARD_NUMBER)
    name, birth_date = fields.name(_from_hex(name_hex)), _birth_date(birth)
    if sex_code not in _SEXES:
        raise NotAPersonCode(Reason.BAD_SEX)
    sex = _SEXES[sex_code]
    warnings = list(citizen_id.disagreements(number, birth_date, sex))
    if "*" in name:
        warnings.append(WarningCode.HIDDEN_VALUES)
    return Person(Scheme.BHYT, number, name, birth_date, sex, card_number=card, warnings=tuple(warnings))


def write(person: Person) -> str:
    """Writes the code a card of this person would carry; `read` returns the same card number, name, birth date and sex.

    Raises:
        ValueError: no card can say this (no card number, no birth date or year).
    """
    year, *rest = (person.birth_date or "").split("-")
    birth = "/".join((*reversed(rest), year))
    card, name = person.card_number or "", unicodedata.normalize("NFC", person.name)
    name_hex = name.encode("utf-8", "replace").hex()
    text = "|".join((card, name_hex, birth, _SEX_CODES[person.sex], *["-"] * (_LEAST_PARTS - 4), "$"))
    said = Person(Scheme.BHYT, insured_number(card) or "", name, person.birth_date, person.sex, card_number=card)
    if not recognises(text) or not reads_as(text, read, said):
        raise ValueError("this person cannot be written as a health insurance card: it needs a card number and a birth date or year")
    return text


def insured_number(card_number: str) -> str | None:
    """Returns whom a card number names: the ten digits of social insurance, or a citizen number; None if it is no whole card number.

    Example:
        >>> insured_number("DN4010100000001"), insured_number("0100000001"), insured_number("DN401")
        ('0100000001', '0100000001', None)
    """
    parts = _CARD.fullmatch(card_number)
    return None if parts is None else parts[1] or parts[2]


def _from_hex(text: str) -> str:
    try:
        return bytes.fromhex(text).decode("utf-8") if _HEX.fullmatch(text) else ""
    except UnicodeDecodeError:
        return ""  # refused as a name outside: raised in here, the error would carry the bytes


def _birth_date(text: str) -> str:
    if _YEAR.fullmatch(text):
        fields.iso_date(text, "01", "01")
        return text
    return fields.matched_date(_DATE.fullmatch(text))
