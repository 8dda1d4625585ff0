"""Checks a code that was written, by reading it: what cannot be read as the same person is never handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .person import Person
from .refusal import NotAPersonCode


def reads_as(text: str, read: Callable[[str], Person], person: Person) -> bool:
    """Says whether a text is read as just this person, whatever warnings go with it.

    Args:
        text: the code that was written.
        read: the reader of its format.
        person: what it should say; the name in NFC, as readers return it.
    """
    try:
        return replace(read(text), warnings=person.warnings) == person
    except NotAPersonCode:
        return False
