"""Reads what a visitor typed: who, and which way. Pure; it repeats nobody's data but to the form that it came from.

The bounds are those of person codes, as for paper declarations: a name, a phone number and, if they like, a citizen number, an old
one or a passport's. Nobody has seen a document, so the record says `self`, in its scheme and in its method.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from edge_agent.wire.entry import Direction, Known, Method, Passage, RecordedPerson
from firmware.person_codes import NotAPersonCode, citizen_id, fields

SCHEME = "self"
FIELDS = ("name", "phone", "id_number")
_NEEDED = frozenset({"name", "phone"})
_PHONE = re.compile(r"\+?[0-9]{8,15}", re.ASCII)
_BETWEEN_DIGITS = str.maketrans("", "", " .-()")  # as people write numbers
_MOST_CHARACTERS = 400  # typed into any field; a name of 100 letters takes 300 where its marks come apart (NFD)
_UNSAID = "*"  # as in a code whose number is covered: it has no token and joins no strangers


class Unclear(Exception):
    """Fields are missing or wrong; the message names them and holds nothing of what was typed.

    Attributes:
        fields: which.
    """

    def __init__(self, wrong: tuple[str, ...]) -> None:
        super().__init__(", ".join(wrong))
        self.fields = wrong


def _phone(text: str) -> str:
    phone = text.translate(_BETWEEN_DIGITS)
    if _PHONE.fullmatch(phone) is None:
        raise ValueError
    return phone


_READERS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"name": fields.name, "phone": _phone, "id_number": lambda text: fields.identity_number(text.translate(_BETWEEN_DIGITS))}
)


def read(form: Mapping[str, str]) -> Passage:
    """The passage that a form declares.

    Args:
        form: `name`, `phone`, perhaps `id_number`, and `direction`: `in` or `out`.

    Raises:
        Unclear: something is missing or wrong.

    Example:
        >>> passage = read({"name": "Nguyễn Văn A", "phone": "010 123 4567", "direction": "in"})
        >>> passage.method, passage.direction, passage.person.phone
        (<Method.SELF: 'self'>, <Direction.IN: 'in'>, '0101234567')
    """
    read_: dict[str, str] = {}
    wrong = []
    for field in FIELDS:
        text = form.get(field, "").strip()
        if not text and field not in _NEEDED:
            continue
        try:
            if len(text) > _MOST_CHARACTERS or "*" in text:
                raise ValueError  # noqa: TRY301 - as its reader says it
            read_[field] = _READERS[field](text)
        except (NotAPersonCode, ValueError):
            wrong.append(field)
    try:
        direction = Direction(form.get("direction", ""))
    except ValueError:
        raise Unclear((*wrong, "direction")) from None
    if wrong:
        raise Unclear(tuple(wrong))
    id_number = read_.get("id_number", _UNSAID)
    person = RecordedPerson(SCHEME, id_number, read_["name"], phone=read_["phone"])
    warnings = tuple(map(str, citizen_id.disagreements(id_number, None, None)))
    return Passage(person, direction, Known.BUTTON, Method.SELF, warnings=warnings)
