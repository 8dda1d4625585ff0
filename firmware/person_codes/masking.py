"""Masks people's names and numbers on display, the way the health ministry's site does."""

from __future__ import annotations

HIDDEN = "***"
_SHOWN_MOST, _HIDDEN_LEAST = 7, 5


def mask_name(name: str) -> str:
    """All of a name but its last word, which in Vietnam is the one that tells people apart.

    Example:
        >>> mask_name("Nguyễn Văn An"), mask_name("An")
        ('Nguyễn Văn ***', '***')
    """
    return " ".join([*name.split()[:-1], HIDDEN])


def mask_number(number: str) -> str:
    """The head of a number: 7 characters at most, and at least 5 hidden.

    Example:
        >>> mask_number("001099012345"), mask_number("012345678"), mask_number("1234")
        ('0010990 ***', '0123 ***', '***')
    """
    shown = number[: max(0, min(_SHOWN_MOST, len(number) - _HIDDEN_LEAST))]
    return f"{shown} {HIDDEN}" if shown else HIDDEN
