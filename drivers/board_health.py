"""Tells how the board is: load, memory, power, how worn its disk is, how it is connected, why it started. Files of the kernel only.

Wiring: none. Sources: proc(5); the kernel's Documentation/ABI/testing/sysfs-fs-ext4, Documentation/hwmon/raspberrypi-hwmon and
Documentation/driver-api/mmc/mmc-dev-attrs; JEDEC JESD84-B51, 7.4 (EXT_CSD 267 to 269) for what an eMMC says of its age; Raspberry Pi
documentation, "/proc/device-tree/chosen/bootloader", for `rsts`. What nobody tells is None: an SD card knows nothing of its age.

Example:
    >>> network(Path("/nowhere"))
    Network(kind='none', signal_dbm=None)
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_ROOT = Path("/")
_ROUTE_UP, _ALL = 0x1, "0" * 8
_POWER_ON = 0x1000  # PM_RSTS_HADPOR: the kernel's bcm2835_wdt.c names the register's bits
_ETHERNET = "1"  # ARPHRD_ETHER

NetworkKind = Literal["ethernet", "wifi", "mobile", "other", "none"]


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def _number(file: Path, base: int = 10) -> int | None:
    text = _text(file)
    with suppress(ValueError):
        return None if text is None else int(text, base)
    return None


class CpuMeter:
    """How busy the processor is between two looks.

    Args:
        root: where `/proc` is.
    """

    def __init__(self, root: Path = _ROOT) -> None:
        self._file = root / "proc/stat"
        self._before = self._ticks()

    def _ticks(self) -> tuple[int, int] | None:
        with suppress(ValueError, IndexError):
            fields = [int(field) for field in (_text(self._file) or "").split("\n", 1)[0].split()[1:9]]
            return sum(fields), fields[3] + fields[4]  # idle and waiting for a disk
        return None

    def busy_percent(self) -> float | None:
        """Since the look before, of all cores together, 0 to 100; None where nobody tells, or nothing has passed."""
        before, self._before = self._before, self._ticks()
        if before is None or self._before is None or (passed := self._before[0] - before[0]) <= 0:
            return None
        return round(min(100.0, max(0.0, 100 * (1 - (self._before[1] - before[1]) / passed))), 1)


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes of memory; `own_mb` is what this process holds."""

    total_mb: int
    available_mb: int
    own_mb: int


def memory(root: Path = _ROOT) -> Memory | None:
    """How much memory there is, None where nobody tells."""
    try:
        table = dict(line.split(":", 1) for line in (_text(root / "proc/meminfo") or "").splitlines())
        own = dict(line.split(":", 1) for line in (_text(root / "proc/self/status") or "").splitlines() if ":" in line)
        total, available, held = (
            int(value.split()[0]) // 1024 for value in (table["MemTotal"], table["MemAvailable"], own.get("VmRSS", "0"))
        )
    except (ValueError, KeyError, IndexError):
        return None
    return Memory(total, available, held)


def under_voltage(root: Path = _ROOT) -> bool | None:
    """Whether the board has too little voltage now, by the kernel's monitor; None where there is none."""
    for monitor in (root / "sys/class/hwmon").glob("hwmon*"):
        if _text(monitor / "name") == "rpi_volt" and (alarm := _number(monitor / "in0_lcrit_alarm")) is not None:
            return alarm != 0
    return None


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk under a folder.

    Attributes:
        total_mb, free_mb: of the file system; free for whoever is not root.
        written_gb: written to the file system since it was made (ext4, f2fs): what wears a card.
        errors: that the file system has met since it was last checked (ext4).
        life_used_percent: of an eMMC, rounded up to ten; above 100 it is past its design.
        spare_used: of an eMMC's spare blocks: `normal`, `warning` (80 %), `urgent` (90 %).
    """

    total_mb: int
    free_mb: int
    written_gb: float | None = None
    errors: int | None = None
    life_used_percent: int | None = None
    spare_used: Literal["normal", "warning", "urgent"] | None = None


_SPARE: dict[int, Literal["normal", "warning", "urgent"]] = {1: "normal", 2: "warning", 3: "urgent"}


def disk(folder: Path, root: Path = _ROOT) -> Disk | None:
    """How full and how worn the disk under a folder is; None when it cannot be asked."""
    try:
        size = os.statvfs(folder)
        number = folder.stat().st_dev
    except OSError:
        return None
    total_mb, free_mb = (blocks * size.f_frsize // 1_000_000 for blocks in (size.f_blocks, size.f_bavail))
    block = root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    try:
        block = block.resolve(strict=True)
    except OSError:  # in memory, over a network, an overlay
        return Disk(total_mb, free_mb)
    written_kb = next((found for kind in ("ext4", "f2fs") if (found := _lifetime_kb(root, kind, block.name)) is not None), None)
    device = (block.parent if (block / "partition").exists() else block) / "device"
    return Disk(
        total_mb,
        free_mb,
        None if written_kb is None else round(written_kb / 1_000_000, 1),
        _number(root / f"sys/fs/ext4/{block.name}/errors_count"),
        _life_used(_text(device / "life_time")),
        _SPARE.get(_number(device / "pre_eol_info", 16) or 0),
    )


def _lifetime_kb(root: Path, kind: str, name: str) -> int | None:
    return _number(root / f"sys/fs/{kind}/{name}/lifetime_write_kbytes")


def _life_used(text: str | None) -> int | None:
    """The worse of an eMMC's two kinds of cells: 1 is up to 10 %, 10 up to 100 %, 11 beyond; 0 says nothing."""
    with suppress(ValueError):
        worst = max((int(word, 16) for word in (text or "").split()), default=0)
        return worst * 10 if 1 <= worst <= 11 else None
    return None


@dataclass(frozen=True, slots=True)
class Network:
    """How the board reaches the world: by the interface of its default route. A mobile stick that plays router looks like `ethernet`."""

    kind: NetworkKind
    signal_dbm: int | None = None


def network(root: Path = _ROOT) -> Network:
    """The network in use, and how strong its radio signal is where the kernel tells (Wi-Fi)."""
    name = _default_interface(root)
    if name is None:
        return Network("none")
    folder = root / "sys/class/net" / name
    if (folder / "wireless").exists() or (folder / "phy80211").exists():
        return Network("wifi", _wifi_dbm(root, name))
    if name.startswith(("wwan", "ppp")) or "DEVTYPE=wwan" in (_text(folder / "uevent") or ""):
        return Network("mobile")
    return Network("ethernet" if _text(folder / "type") == _ETHERNET else "other")


def _default_interface(root: Path) -> str | None:
    routes: list[tuple[int, str]] = []
    for line in (_text(root / "proc/net/route") or "").splitlines()[1:]:
        with suppress(ValueError):
            name, target, _gateway, flags, _references, _use, metric, mask, *_rest = line.split()
            if target == mask == _ALL and int(flags, 16) & _ROUTE_UP:
                routes.append((int(metric), name))
    for line in (_text(root / "proc/net/ipv6_route") or "").splitlines():
        with suppress(ValueError):
            target, length, _source, _length, _next, metric, _references, _use, flags, name = line.split()
            if int(target, 16) == 0 and length == "00" and name != "lo" and int(flags, 16) & _ROUTE_UP:
                routes.append((int(metric, 16), name))
    return min(routes)[1] if routes else None


def _wifi_dbm(root: Path, name: str) -> int | None:
    for line in (_text(root / "proc/net/wireless") or "").splitlines():
        found, _colon, rest = line.strip().partition(":")
        with suppress(ValueError, IndexError):
            if found == name and -120 <= (level := round(float(rest.split()[2]))) < 0:  # others count in units of their own
                return level
    return None


def started_by(root: Path = _ROOT) -> Literal["power-on", "reset"] | None:
    """Why the board started: its power came, or it was reset; None where nobody tells.

    A Pi reboots by its watchdog, so that the register cannot tell an orderly reboot from a hang.
    """
    for file in ("bootloader/rsts", "rsts"):
        with suppress(OSError):
            return "power-on" if int.from_bytes((root / "proc/device-tree/chosen" / file).read_bytes(), "big") & _POWER_ON else "reset"
    return None


def uptime_s(root: Path = _ROOT) -> int | None:
    """Seconds since the board started, None where nobody tells."""
    with suppress(ValueError, IndexError):
        return int(float((_text(root / "proc/uptime") or "").split()[0]))
    return None
