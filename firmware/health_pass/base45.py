"""Base45 to bytes and back: how a health pass fits a QR code's alphanumeric mode. Source: RFC 9285.

A file of our own because the packages that do this are not kept (last release 2022) or bring numpy along.
"""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {char: value for value, char in enumerate(_ALPHABET)}


def decode(text: str) -> bytes:
    """Returns the bytes: three characters make two, two at the end make one.

    Raises:
        ValueError: another alphabet, a length no encoder makes, or a group that is worth too much; none of the text is in it.

    Example:
        >>> decode("QED8WEX0")
        b'ietf!'
    """
    if len(text) % 3 == 1:
        raise ValueError("base45: a text of this length cannot be")
    try:
        values = [_VALUES[char] for char in text]
    except KeyError:
        values = None
    if values is None:  # raised out here: the KeyError would carry the character
        raise ValueError("base45: a character of another alphabet")
    decoded = bytearray()
    for at in range(0, len(values), 3):
        group = values[at : at + 3]
        size = len(group) - 1
        worth = sum(value * 45**place for place, value in enumerate(group))
        if worth >= 256**size:
            raise ValueError("base45: a group that is worth too much")
        decoded += worth.to_bytes(size, "big")
    return bytes(decoded)


def encode(data: bytes) -> str:
    """Returns the text; for passes of trial runs and for codes of our own.

    Example:
        >>> encode(b"AB")
        'BB8'
    """
    text = []
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        worth = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            worth, value = divmod(worth, 45)
            text.append(_ALPHABET[value])
    return "".join(text)
