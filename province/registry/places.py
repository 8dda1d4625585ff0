"""Tells whether two registrations mean one place: by what stays of a name, an address and a number plate however people write them."""

from __future__ import annotations

import unicodedata

_EMPTY_WORDS = frozenset({"so", "duong", "pho"})  # "số 2 đường Trần Hưng Đạo" is "2 Trần Hưng Đạo"
_PLATE = range(4, 13)  # letters and digits of one, with the series of foreign and military vehicles


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(char if char.isalnum() else " " for char in plain if not unicodedata.combining(char)).split()


def key(text: str) -> str:
    """A text without case, diacritics, punctuation and the words that an address may have or not.

    Example:
        >>> key("Số 2, đường TRẦN HƯNG ĐẠO") == key("2 Tran Hung Dao")
        True
    """
    return " ".join(word for word in _words(text) if word not in _EMPTY_WORDS)


def place_key(name: str, address: str) -> str:
    """What two registrations of one place have in common.

    Example:
        >>> place_key("Chợ Đông Ba", "2 Trần Hưng Đạo")
        'cho dong ba|2 tran hung dao'
    """
    return f"{key(name)}|{key(address)}"


def plate_key(plate: str) -> str:
    """A number plate's letters and digits alone.

    Raises:
        ValueError: it cannot be one.

    Example:
        >>> plate_key("75b-012.34")
        '75B01234'
    """
    made = "".join(char for char in unicodedata.normalize("NFC", plate).upper() if char.isalnum())
    if len(made) not in _PLATE or not any(char.isdigit() for char in made) or not any(char.isalpha() for char in made):
        raise ValueError(f"{plate!r}: no number plate; write it as it stands on the vehicle, such as 75B-012.34")
    return made
