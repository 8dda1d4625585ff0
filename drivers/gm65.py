"""The serial commands of the GROW GM65, GM861 and their like: zone bits, written to the module's memory and never saved to its flash.

Frames and check sums are those of the GM65 manual V1.3 chapter 3 ("Control") and of the Newland EM2000 and FM30 user guides, which
describe the same protocol with worked examples. The module's own beep and light at a reading are switched off: only the gate says
"accepted", and only once the passage is on disk.
"""

from __future__ import annotations

import re
from binascii import crc_hqx

from drivers.scanner_module import Command

_READ, _WRITE = 0x07, 0x08  # 0x09 would save all zone bits to flash; it is never sent
_SETTINGS, _TRIGGER = 0x0000, 0x0002
_MODES = {"host": 0b01, "continuous": 0b10, "sense": 0b11}
_LAMPS = {"off": 0b00, "reading": 0b01, "auto": 0b01, "always": 0b10}
_DONE = b"\x00\x00"
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

    Example:
        >>> [command.data.hex(" ") for command in Gm65("sense", "auto", "off").setup]
        ['7e 00 08 01 00 00 13 56 cb', '7e 00 07 01 00 00 01 01 41']
    """

    name = "GM65"
    keep_scanning = False
    scan = frame(_WRITE, _TRIGGER, 0x01)

    def __init__(self, trigger: str, aim: str, light: str) -> None:
        value = _LAMPS[aim] << 4 | _LAMPS[light] << 2 | _MODES[trigger]
        self.setup = (
            Command(frame(_WRITE, _SETTINGS, value), "set its trigger and lights", _DONE),
            Command(frame(_READ, _SETTINGS, 0x01), "keep its trigger and lights", bytes([0x00, value])),
            *((Command(self.scan, "begin to read", _DONE),) if trigger == "continuous" else ()),
        )
        self._held = b""

    def cut_answer(self, data: bytes) -> tuple[bytes | None, bytes]:
        """The first answer as its type (0 is success) and value; one whose check sum is wrong is none."""
        for found in _ANSWER.finditer(data):
            if found[3] in {crc_hqx(found[0][2:5], 0).to_bytes(2, "big"), _FIXED_SUM}:
                return found[1] + found[2], data[: found.start()] + data[found.end() :]
        return None, data

    def without_answers(self, data: bytes) -> bytes:
        """The stream without answers; a text never holds a zero byte, so nothing of a code is ever cut."""
        data = _ANSWER.sub(b"", self._held + data)
        begin = _BEGIN.search(data)
        self._held = begin[0] if begin else b""
        return data[: begin.start()] if begin else data
