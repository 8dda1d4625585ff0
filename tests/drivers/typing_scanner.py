"""A keyboard-wedge scanner at the byte level: what the kernel's event device would give for what it types, through a FIFO."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

EVENT = struct.Struct("@llHHi")
SHIFT, CTRL, ALT, ENTER, F1, CAPS = 42, 29, 56, 28, 59, 58
# linux/input-event-codes.h, key by key
CODES = {
    "1": 2, "2": 3, "3": 4, "4": 5, "5": 6, "6": 7, "7": 8, "8": 9, "9": 10, "0": 11, "-": 12, "=": 13, "\t": 15, "q": 16, "w": 17,
    "e": 18, "r": 19, "t": 20, "y": 21, "u": 22, "i": 23, "o": 24, "p": 25, "[": 26, "]": 27, "a": 30, "s": 31, "d": 32, "f": 33,
    "g": 34, "h": 35, "j": 36, "k": 37, "l": 38, ";": 39, "'": 40, "`": 41, "\\": 43, "z": 44, "x": 45, "c": 46, "v": 47, "b": 48,
    "n": 49, "m": 50, ",": 51, ".": 52, "/": 53, " ": 57,
}  # fmt: skip
SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))
KEYPAD = {"7": 71, "8": 72, "9": 73, "4": 75, "5": 76, "6": 77, "1": 79, "2": 80, "3": 81, "0": 82}
Key = tuple[int, int]


def press(code: int) -> list[Key]:
    return [(code, 1), (code, 0)]


def held(modifier: int, keys: Iterable[Key]) -> list[Key]:
    return [(modifier, 1), *keys, (modifier, 0)]


def alt_code(number: str) -> list[Key]:
    return held(ALT, [key for digit in number for key in press(KEYPAD[digit])])


def keys(text: str) -> Iterator[Key]:
    """How a scanner set to "US keyboard, Alt + keypad" types a text."""
    for sign in text:
        if sign in CODES:
            yield from press(CODES[sign])
        elif sign in SHIFTED:
            yield from held(SHIFT, press(CODES[SHIFTED[sign]]))
        elif sign.lower() in CODES and sign.isascii():
            yield from held(SHIFT, press(CODES[sign.lower()]))
        elif sign == "\r":
            yield from press(ENTER)
        else:
            yield from alt_code(str(ord(sign)) if ord(sign) > 255 else f"0{ord(sign)}")


def events(typed: Iterable[Key]) -> bytes:
    """As the kernel frames them: each key with its scan code before it and a report after it."""
    whole = b""
    for code, value in typed:
        whole += EVENT.pack(1, 2, 4, 4, 0x70000 + code) + EVENT.pack(1, 2, 1, code, value) + EVENT.pack(1, 2, 0, 0, 0)
    return whole


class TypingScanner:
    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._fd = -1
        self.replug()

    def send(self, data: bytes) -> None:
        if self._fd < 0:
            self._fd = os.open(self.path, os.O_WRONLY)  # after the driver has opened it for reading
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def type(self, text: str) -> None:
        self.send(events(keys(text)))

    def unplug(self) -> None:
        self.send(b"")
        os.close(self._fd)
        self._fd = -1
        Path(self.path).unlink()

    def replug(self) -> None:
        os.mkfifo(self.path)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
