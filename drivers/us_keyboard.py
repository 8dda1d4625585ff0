"""Turns the keys of a US keyboard, as a barcode scanner presses them, into the bytes of its code; pure, no device.

Sources: Linux `input-event-codes.h` for the numbers of keys, the US layout of USB HID Usage Tables 1.4 section 10 for what
they mean. Whatever layout the machine has is not asked: scanners are set to "USB keyboard, US".
"""

from __future__ import annotations

from typing import Literal

AltCodes = Literal["unicode", "utf8"]

UP, DOWN = 0, 1  # a third value, 2, is the keyboard's auto-repeat
NOT_TEXT = b"\x1a"  # ASCII SUB stands where a key was no text: the framing refuses such a line, nobody guesses at it

_ROWS = (  # first code, what the keys give, what they give with Shift
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (15, "\tqwertyuiop[]\r", "\tQWERTYUIOP{}\r"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (57, " ", " "),
)
_KEYPAD = {55: "*", 71: "7", 72: "8", 73: "9", 74: "-", 75: "4", 76: "5", 77: "6", 78: "+", 79: "1", 80: "2", 81: "3", 82: "0", 83: ".",
           96: "\r", 98: "/"}  # fmt: skip
_PLAIN = {first + place: sign for first, signs, _ in _ROWS for place, sign in enumerate(signs)} | _KEYPAD
_SHIFTED = {first + place: sign for first, _, signs in _ROWS for place, sign in enumerate(signs)} | _KEYPAD
_SHIFTS, _CONTROLS, _ALT = frozenset({42, 54}), frozenset({29, 97}), 56
_LOCKS = frozenset({58, 69, 70})  # Caps, Num and Scroll Lock: a scanner's text does not depend on them
_LONGEST_ALT_CODE = 7  # digits of 1114111, the last of Unicode


class UsKeyboard:
    r"""Keys down and up in, bytes out: UTF-8 text, CR for Enter, and 0x1A for a key that is no text.

    Scanners type what is not on a US keyboard as the number of a sign on the keypad while Alt is held.

    Args:
        alt_codes: what such a number is. `unicode`: a code point, or with a leading 0 below 256 a sign of Windows-1252; without
            that 0, numbers from 128 to 255 mean another sign on every machine and are no text. `utf8`: a byte of UTF-8.

    Example:
        >>> keyboard = UsKeyboard()
        >>> keys = [(42, DOWN), (35, DOWN), (35, UP), (42, UP), (23, DOWN), (23, UP), (28, DOWN)]
        >>> b"".join(keyboard.key(code, value) for code, value in keys)
        b'Hi\r'
    """

    def __init__(self, alt_codes: AltCodes = "unicode") -> None:
        self._alt_codes = alt_codes
        self._held: set[int] = set()
        self._number: str | None = None  # typed while Alt is held

    def key(self, code: int, value: int) -> bytes:
        """Takes one key event (`code` and `value` as Linux numbers them) and returns what it typed, often nothing."""
        if code == _ALT:
            return self._alt(value)
        if code in _SHIFTS or code in _CONTROLS:
            (self._held.discard if value == UP else self._held.add)(code)
            return b""
        if value != DOWN or code in _LOCKS:
            return b""
        if self._number is not None:
            self._number += _KEYPAD.get(code, "?")
            self._number = self._number[: _LONGEST_ALT_CODE + 2]
            return b""
        return self._sign(code)

    def reset(self) -> None:
        """Forgets every key held: after a silence or lost events nobody knows what is still down."""
        self._held.clear()
        self._number = None

    def _sign(self, code: int) -> bytes:
        sign = (_SHIFTED if self._held & _SHIFTS else _PLAIN).get(code)
        if sign is None:
            return NOT_TEXT
        if self._held & _CONTROLS:  # Ctrl+M is how some scanners press Enter; other control signs are no text
            return bytes([ord(sign) & 0x1F]) if sign.isalpha() else NOT_TEXT
        return sign.encode()

    def _alt(self, value: int) -> bytes:
        number = self._number
        if value == DOWN:
            self._number = ""
        elif value == UP:
            self._number = None
            return _sign_of(number, self._alt_codes) if number else b""
        return b""


def _sign_of(number: str, alt_codes: AltCodes) -> bytes:
    if not number.isdecimal() or not number.isascii() or len(number) > _LONGEST_ALT_CODE:
        return NOT_TEXT
    code, leading_zero = int(number), number.startswith("0")
    try:
        if alt_codes == "utf8":
            return bytes([code])
        if code < 128 or code > 255:
            return chr(code).encode()
        return bytes([code]).decode("cp1252").encode() if leading_zero else NOT_TEXT
    except (ValueError, OverflowError):  # no such byte or sign; ValueError covers the Unicode errors
        return NOT_TEXT
