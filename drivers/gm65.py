"""The serial commands of the GROW GM65, GM861 and their like: zone bits, written to the module's memory and never saved to its flash.

Frames and check sums are those of the GM65 manual V1.3 chapter 3 ("Control") and of the Newland EM2000 and FM30 user guides, which
describe the same protocol with worked examples; the zone bits are those of its list in 8.5. The module's own beep and light at a reading
are switched off: only the gate says "accepted", and only once the passage is on disk.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from collections.abc import Generator

from drivers.scanner_module import Command

_READ, _WRITE = 0x07, 0x08  # 0x09 would save all zone bits to flash; it is never sent
_SETTINGS, _TRIGGER, _OUTPUT, _ADDED = 0x0000, 0x0002, 0x000D, 0x0060
_MODES = {"host": 0b01, "continuous": 0b10, "sense": 0b11}
_LAMPS = {"off": 0b00, "reading": 0b01, "auto": 0b01, "always": 0b10}
_OUTPUT_BITS, _TO_UART, _TO_USB_COM = 0b11, 0b00, 0b11  # 01 is a USB keyboard
_ADDED_BITS = 0b0111_1111  # prefix, code ID, suffix, a text for "nothing read", and in bits 6-5 and 0 the line end
_CR_ONLY, _CRLF_ONLY = 0b0000_0001, 0b0010_0001
_DONE = b"\x00\x00"
_TOLD = b"\x00"  # and the value
_ANSWER = re.compile(rb"\x02\x00(.)\x01(.)(..)", re.DOTALL)
_BEGIN = re.compile(rb"\x02(?:\x00.{0,4})?\Z", re.DOTALL)
_FIXED_SUM = b"\x33\x31"  # some modules end every answer with the sum of `00 01 00`


def frame(kind: int, address: int, value: int) -> bytes:
    """A command for one zone bit with its check sum, CRC-16 with polynomial 0x1021 from 0 over everything after the prefix.

    Example:
        >>> frame(0x08, 0x0000, 0xD6).hex(" ")
        '7e 00 08 01 00 00 d6 df 22'
    """
    body = bytes([kind, 0x01]) + address.to_bytes(2, "big") + bytes([value])
    return b"\x7e\x00" + body + crc_hqx(body, 0).to_bytes(2, "big")


class Gm65:
    """A module of that family.

    Args:
        trigger: `continuous` reads all the time, `sense` when something moves before it, `host` when asked to.
        aim: when its aiming light is on: `off`, `reading`, `always`; `auto` is `reading`.
        light: the same for its white light.
        usb: whether it may hang on its own USB plug as a virtual COM port, and then sends its codes there.

    Example:
        >>> next(Gm65("sense", "auto", "off").setup()).data.hex(" ")
        '7e 00 08 01 00 00 13 56 cb'
    """

    name = "GM65"
    keep_scanning = False
    scan = frame(_WRITE, _TRIGGER, 0x01)

    def __init__(self, trigger: str, aim: str, light: str, *, usb: bool = False) -> None:
        self._continuous = trigger == "continuous"
        self._settings = _LAMPS[aim] << 4 | _LAMPS[light] << 2 | _MODES[trigger]
        self._outputs = (_TO_UART, _TO_USB_COM) if usb else (_TO_UART,)
        self._held = b""

    def setup(self) -> Generator[Command, bytes, None]:
        """Its trigger and lights, that its codes come to where it answers, and that they end with a line end and nothing else."""
        yield from _written(_SETTINGS, self._settings, "its trigger and lights")
        yield from _one_of(_OUTPUT, _OUTPUT_BITS, self._outputs, "where its codes go")
        yield from _one_of(_ADDED, _ADDED_BITS, (_CR_ONLY, _CRLF_ONLY), "the line end after a code")
        if self._continuous:
            yield Command(self.scan, "begin to read", _DONE)

    def cut_answer(self, data: bytes) -> tuple[bytes | None, bytes]:
        """The first answer as its type (0 is success) and value; one whose check sum is wrong is none."""
        for found in _ANSWER.finditer(data):
            if found[3] in {crc_hqx(found[0][2:5], 0).to_bytes(2, "big"), _FIXED_SUM}:
                return found[1] + found[2], data[: found.start()] + data[found.end() :]
        return None, data

    def without_answers(self, data: bytes) -> bytes:
        """The stream without answers; a text never holds a zero byte, so nothing of a code is ever cut."""
        data = self._held + data
        end = max((found.end() for found in _ANSWER.finditer(data)), default=0)
        begin = _BEGIN.search(data, end)  # after the last answer only: what stood before it is whole
        stop = begin.start() if begin else len(data)
        self._held = data[stop:]
        return _ANSWER.sub(b"", data[:end]) + data[end:stop]


def _one_of(address: int, mask: int, good: tuple[int, ...], what: str) -> Generator[Command, bytes, None]:
    """Sets the bits of `mask` to the first of `good` where they are none of them; the other bits stay as they are."""
    answer = yield Command(frame(_READ, address, 0x01), f"tell {what} (zone bit 0x{address:04X})", _TOLD)
    if answer[1] & mask not in good:
        yield from _written(address, answer[1] & ~mask | good[0], what)


def _written(address: int, value: int, what: str) -> Generator[Command, bytes, None]:
    """Writes one zone bit to memory and reads it back."""
    yield Command(frame(_WRITE, address, value), f"set {what} (zone bit 0x{address:04X})", _DONE)
    yield Command(frame(_READ, address, 0x01), f"keep {what} (zone bit 0x{address:04X})", _TOLD + bytes([value]))
