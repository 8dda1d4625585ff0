"""The code on the chip citizen ID card: `id|old id|name|ddmmyyyy|Nam or Nữ|address|ddmmyyyy of issue`.

Cards from 2024 carry 11 fields, the first 7 unchanged: whatever follows the seventh is ignored. VNeID's code of 2021 was never
published; today's parsers expect the card's form of it, so it is read where it has that form and is an unknown code elsewhere.
The address is skipped and the date of issue only compared with the birth date: a gate needs neither. The old id may be empty.
"""

from __future__ import annotations

import re
import unicodedata

from . import citizen_id, fields
from .person import Person, Scheme, Sex, WarningCode
from .refusal import NotAPersonCode, Reason
from .written import reads_as

_LEAST_FIELDS = 7
_DATE = re.compile(r"(?P<day>[0-9]{2})(?P<month>[0-9]{2})(?P<year>[0-9]{4})", re.ASCII)
_OLD_ID = re.compile(r"[0-9]{9}|[0-9]{12}", re.ASCII)
_SEXES: dict[str, Sex] = {"nam": "male", "nữ": "female", "nu": "female"}
_SEX_WORDS: dict[Sex | None, str] = {"male": "Nam", "female": "Nữ"}


def recognises(text: str) -> bool:
    """Says whether a text has the card's form: seven or more fields, a digit first, not the `$` that ends an insurance card's code."""
    return text.count("|") >= _LEAST_FIELDS - 1 and "0" <= text[:1] <= "9" and not text.endswith("$")


def read(text: str) -> Person:
    """Reads a card's code.

    Raises:
        NotAPersonCode: a field is not what the card would say.

    Example:
        >>> person = read("001099012345||Nguyễn Văn A|15031999|Nam||10052021")
        >>> person.birth_date, person.sex
        ('1999-03-15', 'male')
    """
    id_number, old_id, name, birth, sex_word, _address, issued, *_rest = text.split("|")
    id_number = id_number.strip()
    if not fields.is_citizen_number(id_number):
        raise NotAPersonCode(Reason.BAD_ID_NUMBER)
    name = fields.name(name)
    birth_date = _date(birth)
    sex = _SEXES.get(unicodedata.normalize("NFC", sex_word).strip().lower())
    if sex is None:
        raise NotAPersonCode(Reason.BAD_SEX)
    warnings = list(citizen_id.disagreements(id_number, birth_date, sex))
    if issued.strip() and _date(issued) < birth_date:
        warnings.append(WarningCode.BORN_AFTER_ISSUE)
    if "*" in name:
        warnings.append(WarningCode.HIDDEN_VALUES)
    old_id = old_id.strip()
    if old_id and _OLD_ID.fullmatch(old_id) is None:
        old_id = ""
        warnings.append(WarningCode.OLD_ID_IGNORED)
    return Person(Scheme.CCCD, id_number, name, birth_date, sex, old_id=old_id or None, warnings=tuple(warnings))


def write(person: Person, *, address: str = "", issued: str = "2021-05-10") -> str:
    """Writes the code a card of this person would carry; `read` returns the same number, name, birth date, sex and old id.

    Args:
        person: of any scheme.
        address: what stands in the address field.
        issued: date of issue, ISO.

    Raises:
        ValueError: no card can say this (no sex, no full birth date, not a citizen number, a `|` in a field).
    """
    year, month, day = ([*(person.birth_date or "").split("-"), "", ""])[:3]
    issue_year, issue_month, issue_day = issued.split("-")
    name = unicodedata.normalize("NFC", person.name)
    text = "|".join(
        (
            person.id_number,
            person.old_id or "",
            name,
            f"{day}{month}{year}",
            _SEX_WORDS.get(person.sex, ""),
            address,
            f"{issue_day}{issue_month}{issue_year}",
        )
    )
    said = Person(Scheme.CCCD, person.id_number, name, person.birth_date, person.sex, old_id=person.old_id)
    if text.count("|") != _LEAST_FIELDS - 1 or not reads_as(text, read, said):
        raise ValueError(
            "this person cannot be written as a card: it needs a 12-digit number, a sex, a full birth date and no '|' anywhere"
        )
    return text


def _date(text: str) -> str:
    return fields.matched_date(_DATE.fullmatch(text.strip()))
