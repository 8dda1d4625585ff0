"""Tells which machine this is, how warm it is and whether its power suffices.

Wiring: none. Sources: the device tree's `model`; the kernel's thermal zones (Documentation/driver-api/thermal/sysfs-api); the
firmware's `get_throttled` bits, from the kernel where it offers them, else by `vcgencmd` (Raspberry Pi documentation, "vcgencmd").

Example:
    >>> throttled_words(0x50001)
    (('too little voltage',), ('too little voltage', 'slowed down'))
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

_BITS = ("too little voltage", "processor speed capped", "slowed down", "at the temperature limit")
_SINCE_BOOT = 16
_ANSWER_S = 2.0


def model(root: Path = Path("/")) -> str:
    """The board's name, for example `Raspberry Pi 4 Model B Rev 1.5`; empty where there is no device tree."""
    try:
        return (root / "proc/device-tree/model").read_bytes().rstrip(b"\0").decode("utf-8", "replace")
    except OSError:
        return ""


def temperature_c(root: Path = Path("/")) -> float | None:
    """The processor's temperature in degrees Celsius (the warmest zone), None where nothing tells."""
    readings: list[float] = []
    for zone in (root / "sys/class/thermal").glob("thermal_zone*/temp"):
        with suppress(OSError, ValueError):
            readings.append(int(zone.read_text(encoding="ascii")) / 1000)
    return max(readings, default=None)


def throttled(root: Path = Path("/"), command: str = "vcgencmd") -> int | None:
    """The firmware's bits about power and heat: 0 to 3 now, 16 to 19 since boot; None where nobody tells."""
    for file in (root / "sys/devices/platform").glob("*/*firmware/get_throttled"):
        with suppress(OSError, ValueError):
            return int(file.read_text(encoding="ascii").strip(), 16)
    program = shutil.which(command)
    if program is None:
        return None
    try:
        told = subprocess.run([program, "get_throttled"], capture_output=True, text=True, check=True, timeout=_ANSWER_S)  # noqa: S603 - our own words
        return int(told.stdout.strip().removeprefix("throttled="), 16)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def throttled_words(bits: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the bits say: of now, and of any time since boot."""
    now = tuple(word for place, word in enumerate(_BITS) if bits >> place & 1)
    before = tuple(word for place, word in enumerate(_BITS) if bits >> (place + _SINCE_BOOT) & 1)
    return now, before
