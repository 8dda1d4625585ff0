"""Names and addresses as the registry keeps them."""

from __future__ import annotations

import unicodedata


def tidy(text: str) -> str:
    """A text in one Unicode form (NFC), without white space around it."""
    return unicodedata.normalize("NFC", text).strip()


def readable(field: str, text: str, most: int) -> None:
    """Makes sure that a text can be shown.

    Raises:
        ValueError: it is empty, longer than `most` characters, or has characters that nobody sees.
    """
    if not 1 <= len(text) <= most or not text.isprintable():
        raise ValueError(f"{field}: must be 1 to {most} printable characters")
