"""The unified national personal code (Decision 1405/QĐ-BTTTT): `number|name|yyyy-mm-dd|declared by|QID|extension`.

The extension is `proxy's QID<sex<health insurance number<phone<e-signature`; some apps leave the proxy's QID out together with
its `<` when there is none. No public text says so for certain, so a part of it that is not understood is left out with a
warning: it never costs anyone their passage. The proxy's QID and the signature are not kept. Any value may be covered in
part by `*`. A foreigner's passport number stands where others have their citizen number.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from . import citizen_id, fields
from .person import DeclaredBy, Person, Scheme, Sex, WarningCode
from .refusal import NotAPersonCode, Reason
from .written import reads_as

_FIELDS = 6
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_HIDDEN_DATE = re.compile(r"([0-9*]{4})-([0-9*]{2})-([0-9*]{2})", re.ASCII)
_ALL_HIDDEN = re.compile(r"\*{1,10}", re.ASCII)
_QID = re.compile(r"[0-9A-Za-z*-]{1,40}", re.ASCII)
_CARD = re.compile(r"[0-9A-Z*]{10,15}", re.ASCII)
_PHONE = re.compile(r"\+?[0-9*]{8,15}", re.ASCII)
_DECLARED: dict[str, DeclaredBy | None] = {"0": "self", "1": "other", "*": None}
_DECLARED_CODES: dict[DeclaredBy | None, str] = {None: "*", "self": "0", "other": "1"}
_SEXES: dict[str, Sex | None] = {"": None, "0": None, "*": None, "1": "male", "2": "female"}
_SEX_CODES: dict[Sex | None, str] = {None: "0", "male": "1", "female": "2"}


def recognises(text: str) -> bool:
    """Says whether a text has the national code's form: six fields."""
    return text.count("|") == _FIELDS - 1


def read(text: str) -> Person:
    """Reads a national code.

    Raises:
        NotAPersonCode: a field before the extension is not what the Decision says.

    Example:
        >>> person = read("001093029317|NGUYEN LE KHA HAN|1993-01-18|0|162979388586171100|<1<<0100123456")
        >>> person.sex, person.phone, person.declared_by
        ('male', '0100123456', 'self')
    """
    number, name, birth, declared, qid, extension = (field.strip() for field in text.split("|"))
    if declared not in _DECLARED:
        raise NotAPersonCode(Reason.BAD_DECLARATION)
    if qid and _QID.fullmatch(qid) is None:
        raise NotAPersonCode(Reason.BAD_QID)
    number, name, birth_date = fields.identity_number(number), fields.name(name), _birth_date(birth)
    sex, card_number, phone, understood = _read_extension(extension)
    warnings = list(citizen_id.disagreements(number, birth_date, sex))
    # The proxy's QID and the signature are not kept, so stars there hide nothing of ours.
    if "*" in "".join((number, name, birth, declared, qid, *_kept_parts(extension))):
        warnings.append(WarningCode.HIDDEN_VALUES)
    if not understood:
        warnings.append(WarningCode.EXTENSION_IGNORED)
    return Person(
        Scheme.NATIONAL,
        number,
        name,
        birth_date,
        sex,
        phone=phone,
        card_number=card_number,
        qid=qid or None,
        declared_by=_DECLARED[declared],
        warnings=tuple(warnings),
    )


def write(person: Person) -> str:
    """Writes the national code of a person of any scheme; `read` returns the same person but for scheme, old id and warnings.

    The name is written as it stands; the Decision wants `bare_capitals(name)`. Without `declared_by` the field is hidden.

    Raises:
        ValueError: the code cannot say this (a hidden birth date, a `|` in a field, a number of no known form).
    """
    extension = "<".join(("", _SEX_CODES[person.sex], person.card_number or "", person.phone or "")).rstrip("<")
    name = unicodedata.normalize("NFC", person.name)
    declared = _DECLARED_CODES[person.declared_by]
    text = "|".join((person.id_number, name, person.birth_date or "", declared, person.qid or "", extension))
    said = replace(person, scheme=Scheme.NATIONAL, name=name, old_id=None)
    if not recognises(text) or not reads_as(text, read, said):
        raise ValueError("this person cannot be written as a national code: a field is missing, out of bounds or holds a '|'")
    return text


def bare_capitals(name: str) -> str:
    """Returns a name as the Decision writes it: capitals without diacritics.

    Example:
        >>> bare_capitals("Đặng Thị Mỹ Duyên")
        'DANG THI MY DUYEN'
    """
    decomposed = unicodedata.normalize("NFD", name.upper().replace("Đ", "D"))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _birth_date(text: str) -> str | None:
    parts = _DATE.fullmatch(text)
    if parts is not None:
        year, month, day = parts.groups()
        return fields.iso_date(year, month, day)
    hidden = _HIDDEN_DATE.fullmatch(text)
    if _ALL_HIDDEN.fullmatch(text) is not None or (hidden is not None and fields.may_be_date(*hidden.groups())):
        return None
    raise NotAPersonCode(Reason.BAD_DATE)


def _read_extension(text: str) -> tuple[Sex | None, str | None, str | None, bool]:
    """Returns sex, health insurance number, phone, and whether all that is there was understood."""
    sex_code, card, phone = _kept_parts(text)
    card = card.upper()
    phone = phone.replace(" ", "").replace(".", "").replace("-", "")
    card_understood = not card or _CARD.fullmatch(card) is not None
    phone_understood = not phone or _PHONE.fullmatch(phone) is not None
    return (
        _SEXES.get(sex_code),
        card if card and card_understood else None,
        phone if phone and phone_understood else None,
        sex_code in _SEXES and card_understood and phone_understood,
    )


def _kept_parts(extension: str) -> list[str]:
    """Returns sex, health insurance number and phone as they stand, whether or not a place is kept for the proxy's QID."""
    parts = [part.strip() for part in extension.split("<")] + [""] * 4
    proxy_left_out = parts[0] in ("0", "1", "2") and parts[1] not in ("0", "1", "2", "*")  # a QID is never one digit
    return parts[0:3] if proxy_left_out else parts[1:4]
