"""Sorts what a camera or reader took in: a person, a health pass, one of our other codes, or nothing we know. Pure, and never raises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from firmware import health_pass, other_codes
from firmware.other_codes import OtherCode
from firmware.person_codes import NotAPersonCode, Person, Reason, read_person

TEST_CODE = "GATE-SCANNER TEST CODE"  # names nobody: see sample_code.py
MAX_BYTES = 8000  # more than any QR code holds (7089 digits, 2953 bytes), also after a reader's change of encoding


@dataclass(frozen=True, slots=True, repr=False)
class PassCode:
    """The text of a health pass, not verified yet: `health_pass.read_pass` does, with a trust list and a time.

    Attributes:
        text: all of it. `repr` does not show it.
    """

    text: str

    def __repr__(self) -> str:
        return "PassCode()"


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """A code that means nothing here.

    Attributes:
        reason: why, without any of the text.
    """

    reason: Reason


Code: TypeAlias = Person | PassCode | OtherCode | UnknownCode


def sort_code(data: bytes) -> Code:
    """Says what any bytes are. What begins like a pass or one of our codes is never taken for a person.

    Args:
        data: as a barcode reader sends it or a camera decoded it: strict UTF-8, never guessed.

    Example:
        >>> sort_code("001099012345||Nguyễn Văn A|15031999|Nam||10052021".encode())
        Person(scheme=cccd, warnings=[])
        >>> sort_code(b"HC1:6BF"), sort_code(b"WIFI:S:cho;;"), sort_code(b"http://example.org")
        (PassCode(), OtherCode(kind=wifi), UnknownCode(reason=<Reason.UNKNOWN_FORMAT: 'unknown-format'>))
    """
    if len(data) > MAX_BYTES:
        return UnknownCode(Reason.TOO_LONG)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return UnknownCode(Reason.NOT_UTF8)
    bare = text.strip().removeprefix("\ufeff").strip()
    if bare.startswith(health_pass.PREFIX):
        return PassCode(text)
    if (other := other_codes.recognise(bare)) is not None:
        return other
    try:
        return read_person(text)
    except NotAPersonCode as refused:
        return UnknownCode(refused.reason)
