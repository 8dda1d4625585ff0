"""The fields that person codes share: names, dates and identity numbers, each checked and bounded."""

from __future__ import annotations

import re
import unicodedata
from calendar import isleap, monthrange
from datetime import date

from .refusal import NotAPersonCode, Reason

NAME_MAX_CHARS = 100
FIRST_YEAR, LAST_YEAR = 1850, 2100  # pure code has no clock: only what no living person can have is refused

# Control, format (bidi overrides, zero width), surrogates (not encodable), line and paragraph separators.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

# Apps that hide the first six digits of an old number leave three. Fewer tell nobody from anybody.
_LEAST_VISIBLE = 3
_PASSPORT_LEAST_DIGITS = 4

_NUMBER = re.compile(r"[0-9*]{12}|[0-9*]{9}", re.ASCII)
# A letter, then letters and digits, 7 to 10 in all: Vietnamese passports (B1234567) and ICAO 9303 ones (C01X00T47).
_PASSPORT = re.compile(r"[A-Z*][A-Z0-9*]{6,9}", re.ASCII)


def name(text: str) -> str:
    """Returns a name in NFC without surrounding white space.

    Raises:
        NotAPersonCode: empty, too long, without any letter (or `*`), or with control characters.
    """
    clean = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(clean) <= NAME_MAX_CHARS:
        raise NotAPersonCode(Reason.BAD_NAME)
    if not any(char.isalpha() or char == "*" for char in clean):
        raise NotAPersonCode(Reason.BAD_NAME)
    if any(unicodedata.category(char) in _FORBIDDEN_CATEGORIES for char in clean):
        raise NotAPersonCode(Reason.BAD_NAME)
    return clean


def iso_date(year: str, month: str, day: str) -> str:
    """Returns `YYYY-MM-DD` for ASCII digits that are a day of the calendar; 31/02 is refused, never rolled over.

    Raises:
        NotAPersonCode: no such day, or a year outside 1850 to 2100.
    """
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        raise NotAPersonCode(Reason.BAD_DATE)
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        raise NotAPersonCode(Reason.BAD_DATE) from None


def matched_date(parts: re.Match[str] | None) -> str:
    """Returns `YYYY-MM-DD` for a match with the groups `year`, `month` and `day`.

    Raises:
        NotAPersonCode: no match, or no such day.
    """
    if parts is None:
        raise NotAPersonCode(Reason.BAD_DATE)
    return iso_date(parts["year"], parts["month"], parts["day"])


def may_be_date(year: str, month: str, day: str) -> bool:
    """Says whether some digits in the place of each `*` make a day of the calendar from 1850 to 2100.

    Args:
        year: four characters, ASCII digits and `*`.
        month: two of them.
        day: two of them.

    Example:
        >>> may_be_date("19**", "02", "*9"), may_be_date("1999", "02", "*9"), may_be_date("1999", "02", "3*")
        (True, True, False)
        >>> may_be_date("1999", "02", "29"), may_be_date("9999", "**", "**")
        (False, False)
    """
    years = [number for number in range(FIRST_YEAR, LAST_YEAR + 1) if _fits(year, f"{number:04}")]
    some_year = next((number for number in years if isleap(number)), next(iter(years), None))  # a leap year has all days of the others
    return some_year is not None and any(
        _fits(month, f"{number:02}") and any(_fits(day, f"{one:02}") for one in range(1, monthrange(some_year, number)[1] + 1))
        for number in range(1, 13)
    )


def _fits(pattern: str, digits: str) -> bool:
    return all(char in ("*", digit) for char, digit in zip(pattern, digits, strict=True))


def is_citizen_number(text: str) -> bool:
    """Says whether a text is 12 ASCII digits, nothing hidden."""
    return re.fullmatch(r"[0-9]{12}", text, re.ASCII) is not None


def identity_number(text: str) -> str:
    """Returns a citizen number, an old number or a passport (in capitals), possibly covered in part by `*`.

    Raises:
        NotAPersonCode: it has the form of none of them, or shows fewer than three characters.
    """
    clean = text.strip()
    if _NUMBER.fullmatch(clean) is None:
        # Upper-casing only what is ASCII keeps letters such as "ı" from becoming an "I" of somebody else's passport.
        clean = clean.upper() if clean.isascii() else ""
        if _PASSPORT.fullmatch(clean) is None or not _looks_like_passport(clean):
            raise NotAPersonCode(Reason.BAD_ID_NUMBER)
    if len(clean) - clean.count("*") < _LEAST_VISIBLE:
        raise NotAPersonCode(Reason.BAD_ID_NUMBER)
    return clean


def _looks_like_passport(text: str) -> bool:
    letters = sum(char.isalpha() for char in text)
    return letters >= 1 and len(text) - letters >= _PASSPORT_LEAST_DIGITS
