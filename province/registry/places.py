"""Tells whether two registrations mean one place: by what stays of a name, an address and a number plate however people write them."""

from __future__ import annotations

import string
import unicodedata

_EMPTY_WORDS = frozenset({"so", "duong", "pho"})  # "số 2 đường Trần Hưng Đạo" is "2 Trần Hưng Đạo"
_LETTERS = frozenset(f"{string.ascii_uppercase}{string.digits}Đ")
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

    Example:
        >>> plate_key("75b-012.34")
        '75B01234'
    """
    return "".join(char for char in unicodedata.normalize("NFC", plate).upper() if char.isalnum())


def is_plate(plate: str) -> bool:
    """Whether a text can be a number plate.

    Example:
        >>> is_plate("75B-012.34"), is_plate("TM 12-34"), is_plate("Tuyến 8"), is_plate("8")
        (True, True, False, False)
    """
    made = plate_key(plate)
    return len(made) in _PLATE and not made.isdigit() and any(map(str.isdigit, made)) and _LETTERS.issuperset(made)
