"""Blanks what could be somebody's number, or a secret, out of a text from outside: the second line behind never saying it at all.

How long the numbers are that name people here: 9 and 12 digits (identity cards), 10 (social insurance), 9 to 11 (phones, with or without
0 or 84), 13 behind letters (insurance cards), 18 (health declarations). Why milliseconds and logs' names stay readable:
hw_docs/decisions/0085-logs-and-diagnosis.md.
"""

from __future__ import annotations

import re

_PLACES = re.compile(
    r"(?<!\d)(?:0\d{2,3}[ .-]\d{3}[ .-]\d{3,4}(?:[ .-]\d{3,4})*|\d{3,4}(?: \d{3,4}){2,})(?!\d)"  # a phone or number in groups
    # A word with so many digits in a row, looked for only where words begin, and behind a number in groups, or a long one costs minutes
    r"|(?:(?<![\dA-Za-z])|(?:(?<=[ .-]\d{3})|(?<=[ .-]\d{4}))(?=[A-Za-z]))[\dA-Za-z]*\d{9,}[\dA-Za-z]*"
)  # \d: of any script, as phones type them
_MILLISECONDS = re.compile(r"1[0-9]{12}")  # a moment from 2001 to 2033; no person's number is 13 digits without letters
_HEX = re.compile(r"[0-9a-f]{16,}|[0-9A-F]{16,}")  # ids and hashes
_DIGITS = re.compile(r"\d{9,}")
_PEM = r"-----BEGIN [A-Z0-9 ]+-----"
_PEM_END = r"-----END [A-Z0-9 ]+-----"
_SECRETS = (
    re.compile(rf"{_PEM}(?:(?:[^\n]*\n){{0,200}}?[^\n]*{_PEM_END}|[^\n]*(?:\n[^\n]*){{0,40}})"),  # also one cut short
    re.compile(r"(?i)GATE1:[A-Z]:[A-Z0-9+/=$%*.:-]+"),  # tickets and site codes
    re.compile(r"(?<![^\s:/@\"'=&])[^\s:/@\"'=&]+:[^\s/@\"']{1,300}@"),  # a user and password before a host
    re.compile(r"\bpkcs11:\S+"),
    re.compile(
        r"(?i)((?:pass(?:word|phrase|wd)?|psk|pin(?:-value)?|secret|token|api[-_]?key)[\"']?\s*[=:]\s*)(?!not a setting\b)[^\s;&,\"']+"
    ),
    re.compile(r"\b[0-9a-fA-F]{64,}\b"),  # a raw key, or a hash that is not worth the doubt
)
_LIKE_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
_LONG_WORD = re.compile(r"[A-Za-z0-9]{20,}")  # paths and devices' names have shorter


def without_numbers(text: str) -> str:
    """A text without numbers of the length that people's have.

    Example:
        >>> without_numbers("người 001099012345, gọi 0912 345 678; entry 4711 at 1637500000123 of log 0f1e2d3c4b5a69788796a5b4c3d2e1f0")
        'người ‹12 digits›, gọi ‹10 digits›; entry 4711 at 1637500000123 of log 0f1e2d3c4b5a69788796a5b4c3d2e1f0'
    """
    return _PLACES.sub(_number, text)


def _number(match: re.Match[str]) -> str:
    word = match[0]
    if _MILLISECONDS.fullmatch(word) or (_HEX.fullmatch(word) and not word.isdecimal()):
        return word
    if not word.isalnum():
        return f"‹{sum(char.isdecimal() for char in word)} digits›"
    return _DIGITS.sub(lambda digits: f"‹{len(digits[0])} digits›", word)


def without_secrets(text: str) -> str:
    """A text from elsewhere without keys, tickets, passwords and whatever looks like one; also without people's numbers.

    Example:
        >>> without_secrets("broker mqtts://gate:hunter2@mqtt.example.vn psk=abc pin-value=1234")
        'broker mqtts://‹secret›mqtt.example.vn psk=‹secret› pin-value=‹secret›'
    """
    for secret in _SECRETS:
        text = secret.sub(lambda match: f"{match[1] if match.re.groups else ''}‹secret›", text)
    return without_numbers(_LIKE_BASE64.sub(lambda match: "‹secret›" if _is_like_a_key(match[0]) else match[0], text))


def _is_like_a_key(text: str) -> bool:
    """Whether a long word in it has capitals, small letters and digits."""
    return any(word != word.lower() and word != word.upper() and not word.isalpha() for word in _LONG_WORD.findall(text))
