"""The site code: sixteen letters on the poster that name one site. Public; it proves nothing but that a letter was not misread.

Source: design.md "Enrolment"; decision 0102. Twelve letters are random, so that nobody comes from one site's code to another's; the last
four are the beginning of their hash, so that what somebody typed wrong is told at once.
"""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from hashlib import sha256

PREFIX = "GATE1:S:"
LETTERS = 16
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_FORM = re.compile(rf"[{_ALPHABET}]{{{LETTERS}}}")
_RANDOM = 12


def _check(letters: str) -> str:
    return b32encode(sha256(b"gate-scanner site code 1:" + letters.encode()).digest())[: LETTERS - _RANDOM].decode()


def new() -> str:
    """A site code that no other site has."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return letters + _check(letters)


def read(text: str) -> str:
    """A site code as somebody typed or scanned it: with its prefix or without, in any case, in groups.

    Raises:
        ValueError: it is none, or a letter of it is wrong.

    Example:
        >>> code = new()
        >>> read(f"{PREFIX}{code}") == read(shown(code).lower()) == code
        True
    """
    code = text.strip().upper().removeprefix(PREFIX).replace("-", "").replace(" ", "")
    if _FORM.fullmatch(code) is None or code[_RANDOM:] != _check(code[:_RANDOM]):
        raise ValueError(f"not a site code: {LETTERS} letters A to Z and digits 2 to 7, as they stand on the poster")
    return code


def shown(code: str) -> str:
    """The letters in groups of four, for people."""
    return "-".join(code[at : at + 4] for at in range(0, LETTERS, 4))
