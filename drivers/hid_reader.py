"""A barcode scanner that types each code as a USB keyboard, read from the kernel's event device and kept from everybody else.

Wiring: any USB port (5 V, up to 500 mA). Set the scanner to "USB keyboard, US layout" with Enter after each code; for codes
with Vietnamese letters also to "Alt + keypad". Name it by /dev/input/by-id/…-event-kbd, or as vendor:product (`lsusb` shows
them) where only one such scanner is plugged in. The user needs the group input. It is grabbed: nothing it types reaches a
console or another program. USB virtual COM (`serial:`) carries any text and is the better mode where the scanner has it.

Example:
    >>> from drivers.catalogue import open_reader                                            # doctest: +SKIP
    >>> for line in open_reader("hid:/dev/input/by-id/usb-Scanner-event-kbd").lines():       # doctest: +SKIP
    ...     print(len(line.data), "bytes at", line.at_s)
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from drivers.errors import Unavailable, Unplugged
from drivers.interruptible import InterruptibleFile
from drivers.line_framing import LineFraming
from drivers.line_reader import Line
from drivers.us_keyboard import NOT_TEXT, AltCodes, UsKeyboard

_VENDOR_PRODUCT = re.compile(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})")
EVENT = struct.Struct("@llHHi")  # struct input_event of 64-bit Linux: seconds, microseconds, type, code, value
EV_SYN, EV_KEY, SYN_REPORT, SYN_DROPPED = 0, 1, 0, 3  # input-event-codes.h
_EVIOCGRAB = 0x40044590  # _IOW('E', 0x90, int) of linux/input.h
_EVENTS_AT_ONCE = 256
_BURST_GAP_S = 2.0  # a scanner types a code at one go
_ENTER_BIT = 1 << 28
_WHY = {
    errno.EACCES: "no permission: add the user to the group input",
    errno.EBUSY: "grabbed by another program",
    errno.ENOTTY: "no input device",
}


class HidReader:
    """Lines typed by one scanner.

    Args:
        device: its event device, or vendor:product in hexadecimal.
        max_bytes: the longest line taken.
        alt_codes: what the numbers typed with Alt held mean, see `UsKeyboard`.
        grab: makes an open event device ours alone.
        inputs: where the kernel lists its event devices.

    Raises:
        Unavailable: absent, forbidden, grabbed by another program, no keyboard, or vendor:product names several.
    """

    def __init__(
        self,
        device: str,
        max_bytes: int = 4096,
        alt_codes: AltCodes = "unicode",
        *,
        grab: Callable[[int], None] | None = None,
        inputs: Path = Path("/sys/class/input"),
    ) -> None:
        self._name = f"hid:{device}"
        self._framing = LineFraming(max_bytes)
        self._keyboard = UsKeyboard(alt_codes)
        self._partial = b""
        self._skipping = False  # to the end of a report of which the kernel lost some
        path = _event_device(self._name, device, inputs) if _VENDOR_PRODUCT.fullmatch(device) else device
        self._file = InterruptibleFile(_open(self._name, path, _grab if grab is None else grab))

    def lines(self) -> Iterator[Line]:
        """Yields complete lines until `close`; see `LineReader.lines`.

        Raises:
            Unplugged: the scanner went away; open it anew once it is back.
        """
        while not self._file.closed:
            try:
                data = self._file.read(EVENT.size * _EVENTS_AT_ONCE, _BURST_GAP_S)
            except OSError as problem:
                raise self._unplugged() from problem
            if data == b"":
                raise self._unplugged()
            for line in self._typed(data):
                yield Line(line, time.monotonic())
                if self._file.closed:
                    return

    def trigger(self) -> None:
        """Nothing: a keyboard cannot be asked."""

    def refused(self) -> Mapping[str, int]:
        """How many lines were thrown away: `oversize`, `binary` (a key that is no text, keys lost), `unended` or `incomplete`."""
        return self._framing.refused()

    def close(self) -> None:
        """Ends `lines` at once and lets the scanner go."""
        self._file.close()

    def _typed(self, data: bytes | None) -> list[bytes]:
        if data is None:
            if not self._file.closed:
                self._framing.end_of_burst()
                self._keyboard.reset()
            return []
        data = self._partial + data
        whole = len(data) - len(data) % EVENT.size
        self._partial = data[whole:]
        lines: list[bytes] = []
        for _, _, kind, code, value in EVENT.iter_unpack(data[:whole]):
            if kind == EV_SYN:
                lines += self._synchronised(code)
            elif kind == EV_KEY and not self._skipping:
                lines += self._framing.feed(self._keyboard.key(code, value))
        return lines

    def _synchronised(self, code: int) -> list[bytes]:
        """After lost keys, reading begins again at the next whole report, and the line they were of is no text.

        Source: libevdev, "SYN_DROPPED handling". An Enter may be among the lost: everything up to the next one is refused, for the
        rest of one person's code must never be taken for another code.
        """
        if code == SYN_DROPPED:
            self._skipping = True
            self._keyboard.reset()
        elif code == SYN_REPORT and self._skipping:
            self._skipping = False
            return self._framing.feed(NOT_TEXT)
        return []

    def _unplugged(self) -> Unplugged:
        return Unplugged(f"{self._name!r} went away while reading. Plug the scanner in again; it is reopened by itself.")


def _open(name: str, path: str, grab: Callable[[int], None]) -> int:
    fd = -1
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        grab(fd)
    except OSError as problem:
        if fd >= 0:
            os.close(fd)
        raise Unavailable(
            f"{name!r} cannot be opened ({_WHY.get(problem.errno or 0, problem.strerror)}). Plug the scanner in, or name its device: "
            "`ls /dev/input/by-id` lists them."
        ) from problem
    return fd


def _grab(fd: int) -> None:
    fcntl.ioctl(fd, _EVIOCGRAB, 1)


def _event_device(name: str, vendor_product: str, inputs: Path) -> str:
    """The one keyboard of that vendor and product; a scanner's other event devices (volume keys, say) have no Enter key."""
    wanted = tuple(vendor_product.lower().split(":"))
    found = [event for event in sorted(inputs.glob("event*")) if _ids(event) == wanted and _has_enter(event)]
    if len(found) == 1:
        return f"/dev/input/{found[0].name}"
    why = "no such scanner is plugged in" if not found else f"{len(found)} such scanners are plugged in"
    raise Unavailable(f"{name!r} cannot be opened ({why}). Plug one in, or name it by its path: `ls /dev/input/by-path` lists them.")


def _ids(event: Path) -> tuple[str, ...]:
    return tuple(_text(event / "device" / "id" / part) for part in ("vendor", "product"))


def _has_enter(event: Path) -> bool:
    """The kernel writes the keys as hexadecimal words, the lowest last; Enter is key 28."""
    words = _text(event / "device" / "capabilities" / "key").split()
    return bool(words) and bool(int(words[-1], 16) & _ENTER_BIT)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:  # unplugged meanwhile
        return ""
