"""Tells which pins of the header somebody holds now, without taking or changing any.

Wiring: none of its own. Source: Linux uapi, include/uapi/linux/gpio.h and Documentation/userspace-api/gpio (GPIO character device,
version 2, since Linux 5.10). Asked of the kernel directly: gpiozero and lgpio tell only by trying to take a pin, and a pin that is
taken for a moment lights a lamp.

Example:
    >>> from drivers.gpio_lines import holders                 # doctest: +SKIP
    >>> holders({17, 27})                                      # doctest: +SKIP
    {17: 'lg'}
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from drivers.errors import Unavailable

_CHIP_INFO, _LINE_INFO = 0x8044B401, 0xC100B405
_CHIP = struct.Struct("32s32sI")  # name, label, lines
_LINE = struct.Struct("32s32sIIQ176x")  # name, consumer, offset, number of attributes, flags; attributes and padding
_USED = 1
_HEADERS = ("pinctrl-rp1", "pinctrl-bcm")  # labels of the chip behind the 40-pin header: Pi 5; all before
_UNNAMED = "another program"
Ioctl = Callable[[int, int, bytearray], object]


def holders(pins: Collection[int], chips: Path = Path("/dev"), ioctl: Ioctl = fcntl.ioctl) -> Mapping[int, str]:
    """Who holds which of these pins, by the name the holder gave itself; pins that nobody holds are left out.

    Args:
        pins: BCM numbers.
        chips: where the kernel's `gpiochip*` are.
        ioctl: the system call.

    Raises:
        Unavailable: no header here, or this user may not ask.
    """
    why = "this machine has none"
    for chip in sorted(chips.glob("gpiochip*")):
        try:
            with _opened(chip) as descriptor:
                if _label(descriptor, ioctl).startswith(_HEADERS):
                    return {pin: holder for pin in sorted(pins) if (holder := _holder(descriptor, pin, ioctl))}
        except OSError as problem:
            why = f"{chip}: {problem.strerror}; add the user to the group gpio"
    raise Unavailable(f"the header's pins cannot be asked about ({why})")


@contextmanager
def _opened(chip: Path) -> Iterator[int]:
    descriptor = os.open(chip, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _label(descriptor: int, ioctl: Ioctl) -> str:
    answer = bytearray(_CHIP.size)
    ioctl(descriptor, _CHIP_INFO, answer)
    return _text(_CHIP.unpack(answer)[1])


def _holder(descriptor: int, pin: int, ioctl: Ioctl) -> str:
    answer = bytearray(_LINE.pack(b"", b"", pin, 0, 0))
    ioctl(descriptor, _LINE_INFO, answer)
    _name, consumer, _offset, _attributes, flags = _LINE.unpack(answer)
    return (_text(consumer) or _UNNAMED) if flags & _USED else ""


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")
