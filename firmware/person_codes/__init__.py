"""Text ⇄ Person: what people's QR codes say. Pure: no clock, no files, nothing of the project; fit for both ends of the way.

A new family of codes is one more file with `recognises`, `read` and `write`, and one more line in `_FORMATS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from . import bhyt, cccd, national
from .person import DeclaredBy, Person, Scheme, Sex, WarningCode
from .refusal import NotAPersonCode, Reason

__all__ = [
    "TEXT_MAX_CHARS",
    "DeclaredBy",
    "NotAPersonCode",
    "Person",
    "Reason",
    "Scheme",
    "Sex",
    "WarningCode",
    "read_person",
    "write_person",
]

TEXT_MAX_CHARS = 2000


class _Format(Protocol):
    """What each format's file offers."""

    def recognises(self, text: str) -> bool: ...
    def read(self, text: str) -> Person: ...
    def write(self, person: Person) -> str: ...


_FORMATS: Mapping[Scheme, _Format] = {
    Scheme.NATIONAL: national,
    Scheme.BHYT: bhyt,
    Scheme.CCCD: cccd,
}


def read_person(text: str) -> Person:
    """Reads the text of a code, in whichever form it is.

    Args:
        text: what the code holds, in any Unicode normal form; a byte order mark and white space around it are forgiven.

    Raises:
        NotAPersonCode: it is no person's code; `reason` says why, and neither the error nor its message holds any of the text.

    Example:
        >>> read_person("001099012345||Nguyễn Văn A|15031999|Nam||10052021").id_number
        '001099012345'
        >>> read_person("http://example.org")
        Traceback (most recent call last):
        ...
        firmware.person_codes.refusal.NotAPersonCode: unknown-format: the text has ...
    """
    if len(text) > TEXT_MAX_CHARS:
        raise NotAPersonCode(Reason.TOO_LONG)
    text = text.strip().removeprefix("\ufeff").strip()
    if not text:
        raise NotAPersonCode(Reason.EMPTY)
    for form in _FORMATS.values():
        if form.recognises(text):
            return form.read(text)
    raise NotAPersonCode(Reason.UNKNOWN_FORMAT)


def write_person(person: Person) -> str:
    """Writes a person's code in the person's own scheme; for the demonstration, tickets of trial runs and tests.

    Raises:
        ValueError: that scheme cannot say this person; what was declared on paper is no code.
    """
    if person.scheme not in _FORMATS:
        raise ValueError(f"no code is of the scheme {person.scheme}")
    return _FORMATS[person.scheme].write(person)
