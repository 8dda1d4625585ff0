"""Reads a paper declaration that the keeper has typed in: who, which way, at which lane. Pure, checked whole, and it repeats nobody's data.

Source: the founding documents ask for "khai báo bằng giấy khi không có phương tiện" (on paper, for those without a phone). The person's
fields keep to the bounds of `person_codes`; nothing may be covered by `*`, for the keeper sees it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any, cast

from edge_agent.wire.entry import Direction
from firmware.directions import LaneRule, Way, said
from firmware.person_codes import NotAPersonCode, Person, Reason, Scheme, Sex, bhyt, citizen_id, fields

_REF = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
_DATE = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
_PHONE = re.compile(r"\+?[0-9]{8,15}", re.ASCII)
_BETWEEN_DIGITS = str.maketrans("", "", " .-()")  # as people write numbers
_MOST_CHARACTERS = 400  # typed into any field; a name of 100 letters takes 300 where its marks come apart (NFD)


class Problem(StrEnum):
    """What is the matter with a field."""

    MISSING = "missing"
    WRONG = "wrong"
    IN_THE_FUTURE = "in-the-future"
    UNKNOWN_FIELD = "unknown-field"


FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "lane": "the name of one of the gate's lanes",
        "direction": "`in` or `out`; at a lane with a fixed direction, that one",
        "name": "1 to 100 characters with a letter among them, no control characters and no `*`; kept in NFC",
        "id_number": "a citizen number (12 digits), an old number (9 digits) or a passport number; spaces, dots and hyphens are left out",
        "birth_date": "`YYYY-MM-DD`, or `YYYY` of whoever knows no more; a day of the calendar, not in the future",
        "sex": "`male`, `female`, or left out",
        "phone": "8 to 15 digits, perhaps a `+` first; spaces, dots, hyphens and brackets are left out; may be left out",
        "card_number": "of the health insurance card: 15 characters, or 10 or 12 digits; may be left out",
    }
)
_OF_THE_PERSON = ("name", "id_number", "birth_date", "sex", "phone", "card_number")
_NEEDED = ("name", "id_number", "birth_date")


class BadRequest(Exception):
    """No declaration that could be answered: it has no good `ref`."""


class BadDeclaration(Exception):
    """Fields are wrong. The message names them and holds nothing of what was typed.

    Attributes:
        ref: the declaration's.
        problems: by field.
    """

    def __init__(self, ref: str, problems: Mapping[str, Problem]) -> None:
        super().__init__(", ".join(f"{name}: {problem}" for name, problem in problems.items()))
        self.ref = ref
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a keeper declares.

    Attributes:
        ref: the asker's name for it, 8 to 64 characters: the same declaration sent twice has the same.
        lane: the lane's name.
        way: theirs, as the keeper says.
        person: who; `repr` shows nothing of them.
    """

    ref: str = field(repr=False)
    lane: str
    way: Way
    person: Person


def read(request: Mapping[str, Any], lanes: Mapping[str, LaneRule], today: date | None) -> Declaration:
    """The declaration in a request `{"type": "declare", "ref", "lane", "direction", "person": {…}}`.

    Args:
        request: as it came, of any content.
        lanes: the gate's lanes.
        today: the day in Vietnam; None when nobody knows, then no date is in the future.

    Raises:
        BadRequest: `ref` is not one.
        BadDeclaration: fields are missing, unknown or wrong; all of them are named.
    """
    ref = request.get("ref")
    if not isinstance(ref, str) or _REF.fullmatch(ref) is None:
        raise BadRequest("declare: ref must be 8 to 64 letters, digits, hyphens or underscores")
    problems: dict[str, Problem] = {}
    if not request.keys() <= {"type", "ref", "lane", "direction", "person"}:
        problems["request"] = Problem.UNKNOWN_FIELD
    lane = request.get("lane")
    way = _way(request, lanes.get(lane) if isinstance(lane, str) else None, problems)
    person = _person(request.get("person"), today, problems)
    if problems or way is None or person is None:
        raise BadDeclaration(ref, problems)
    return Declaration(ref, str(lane), way, person)


def _way(request: Mapping[str, Any], rule: LaneRule | None, problems: dict[str, Problem]) -> Way | None:
    if rule is None:
        problems["lane"] = Problem.WRONG if "lane" in request else Problem.MISSING
    direction = request.get("direction")
    way = None
    if rule is not None and direction in tuple(map(str, Direction)):
        way = said(rule, Direction(direction))
    if direction not in tuple(map(str, Direction)) or (rule is not None and way is None):
        problems["direction"] = Problem.WRONG if "direction" in request else Problem.MISSING
    return way


def _person(typed: object, today: date | None, problems: dict[str, Problem]) -> Person | None:
    if not isinstance(typed, dict):
        problems["person"] = Problem.MISSING if typed is None else Problem.WRONG
        return None
    if not typed.keys() <= set(_OF_THE_PERSON):
        problems["person"] = Problem.UNKNOWN_FIELD  # without its name, which could be anything
    read: dict[str, str] = {}
    for name in _OF_THE_PERSON:
        value = typed.get(name)
        if value is None or value == "":
            if name in _NEEDED:
                problems[name] = Problem.MISSING
            continue
        try:
            read[name] = _READERS[name](_text(value))
        except (NotAPersonCode, ValueError):
            problems[name] = Problem.IN_THE_FUTURE if name == "birth_date" and _is_beyond_us_all(value) else Problem.WRONG
    if "birth_date" in read and today is not None and read["birth_date"] > today.isoformat():
        problems["birth_date"] = Problem.IN_THE_FUTURE
    if problems:
        return None
    sex = cast("Sex | None", read.get("sex"))
    warnings = citizen_id.disagreements(read["id_number"], read["birth_date"], sex)
    return Person(
        Scheme.PAPER,
        read["id_number"],
        read["name"],
        read["birth_date"],
        sex,
        phone=read.get("phone"),
        card_number=read.get("card_number"),
        warnings=tuple(warnings),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MOST_CHARACTERS or "*" in value:
        raise ValueError
    return value


def _birth_date(text: str) -> str:
    text = text.strip()
    if _YEAR.fullmatch(text):
        fields.iso_date(text, "01", "01")
        return text
    return fields.matched_date(_DATE.fullmatch(text))


def _is_beyond_us_all(value: object) -> bool:
    """Whether it is a day or year that is in the future whatever the clock says."""
    text = value.strip() if isinstance(value, str) else ""
    return bool(_YEAR.fullmatch(text) or _DATE.fullmatch(text)) and int(text[:4]) > fields.LAST_YEAR


def _sex(text: str) -> str:
    if text not in ("male", "female"):
        raise ValueError
    return text


def _phone(text: str) -> str:
    phone = text.translate(_BETWEEN_DIGITS)
    if _PHONE.fullmatch(phone) is None:
        raise ValueError
    return phone


def _card_number(text: str) -> str:
    card = text.translate(_BETWEEN_DIGITS)
    card = card.upper() if card.isascii() else ""
    if bhyt.insured_number(card) is None:
        raise NotAPersonCode(Reason.BAD_CARD_NUMBER)
    return card


_READERS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "name": fields.name,
        "id_number": lambda text: fields.identity_number(text.translate(_BETWEEN_DIGITS)),
        "birth_date": _birth_date,
        "sex": _sex,
        "phone": _phone,
        "card_number": _card_number,
    }
)
