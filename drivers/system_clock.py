"""Tells the time and how far it can be trusted: by the network, by a battery clock, or not at all.

Wiring: the Raspberry Pi 4 and older have no battery clock; a DS3231 goes to SDA GPIO2 (pin 3), SCL GPIO3 (pin 5), 3.3 V
(pin 1) and GND (pin 9) with `dtoverlay=i2c-rtc,ds3231`. The Pi 5 has one and needs only the battery on its BAT connector.

Example:
    >>> clock_state() in {"synchronised", "rtc", "unknown"}
    True
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Literal
from uuid import UUID

ClockState = Literal["synchronised", "rtc", "unknown"]

_RTC_FOLDER = Path("/sys/class/rtc")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC = 0x40
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2) up to the field we read; the rest is room for the kernel to write to."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def kernel_clock() -> tuple[int, int]:
    """What adjtimex(2) returns and its status bits; asks only, sets nothing.

    Raises:
        OSError: the kernel refused to answer.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    answer = _Timex(modes=0)
    returned = int(libc.adjtimex(ctypes.byref(answer)))
    if returned < 0:
        raise OSError(ctypes.get_errno(), "adjtimex cannot be read")
    return returned, int(answer.status)


def judge(returned: int, status: int, rtc_folder: Path = _RTC_FOLDER) -> ClockState:
    """Judges the kernel's answer.

    Args:
        returned: what adjtimex returned; 5 (TIME_ERROR) is a clock that is not synchronised.
        status: its status bits; 0x40 (STA_UNSYNC) is the same.
        rtc_folder: where the kernel lists battery clocks; `hctosys` is 1 at the one the time was set from at boot.

    Example:
        >>> judge(0, 0x2001), judge(5, 0x40, Path("/nowhere"))
        ('synchronised', 'unknown')
    """
    if returned != _TIME_ERROR and not status & _STA_UNSYNC:
        return "synchronised"
    set_at_boot = any(flag.read_text(encoding="ascii").strip() == "1" for flag in rtc_folder.glob("*/hctosys"))
    return "rtc" if set_at_boot else "unknown"


def clock_state() -> ClockState:
    """How far the wall clock can be trusted now.

    Raises:
        OSError: the kernel refused to answer.
    """
    return judge(*kernel_clock())


def boottime_ms() -> int:
    """Milliseconds since boot, sleep included (CLOCK_BOOTTIME); never jumps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def wall_ms() -> int:
    """Milliseconds since 1970 by the wall clock, which may be wrong and may jump."""
    return time.time_ns() // 1_000_000


def boot_id() -> bytes:
    """The 16 random bytes the kernel made at this boot.

    Raises:
        OSError: /proc is not mounted.
    """
    return UUID(_BOOT_ID.read_text(encoding="ascii").strip()).bytes
