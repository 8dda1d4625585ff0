"""What a diagnosis tells of the machine: versions, services, journal, kernel, clock, network, disk, memory and hardware. Reads only."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from drivers import raspberry_pi, system_clock
from edge_agent.base.redaction import without_secrets
from edge_agent.diagnosis.diagnosis import Content, Part, Scene

SERVICES = ("gate-firmware.service", "gate-agent.service")
_OTHERS = ("chrony.service", "systemd-timesyncd.service", "gpsd.service", "systemd-journald.service")
_UNIT_FACTS = (
    "Id,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainCode,ExecMainStartTimestamp,ActiveEnterTimestamp,"
    "InactiveEnterTimestamp,WatchdogTimestamp,StatusText,MemoryCurrent,CPUUsageNSec,TasksCurrent,FragmentPath,DropInPaths"
)
_LIBRARIES = (
    "cbor2", "cryptography", "cwt", "gpiozero", "lgpio", "numpy", "paho-mqtt", "picamera2", "pillow", "pyserial", "pyzbar", "tinydb",
    "zxing-cpp",
)  # fmt: skip
_ANSWER_S = 8.0
_JOURNAL_LINES = 12_000
_OF_INTEREST = re.compile(
    r"mmc|sd[a-z]\b|nvme|ext4|f2fs|vfat|jbd2|squashfs|overlay|i/o error|read-only|usb|tty|hid|video|i2c|spi|voltage|thrott|thermal|watchdog"
    r"|oom|out of memory|hung task|segfault|undervolt|rtc|clocksource|firmware",
    re.IGNORECASE,
)
_DEVICES = (
    "ttyACM*",
    "ttyUSB*",
    "ttyAMA*",
    "serial*",
    "serial/by-id/*",
    "video*",
    "media*",
    "gpiochip*",
    "i2c-*",
    "hidraw*",
    "rtc*",
    "watchdog*",
)


def _ask(*words: str) -> str:
    """What a command of the system says; also what it complains of.

    Raises:
        OSError: there is no such command, or it does not answer in time.
    """
    program = shutil.which(words[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise FileNotFoundError(f"{words[0]}: not on this machine")
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "cat"}
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [program, *words[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            timeout=_ANSWER_S, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{words[0]}: no answer within {_ANSWER_S:g} s") from None
    text = without_secrets(done.stdout.decode(errors="replace"))  # while it is whole: a secret may have several lines
    return text if done.returncode == 0 else f"{text.rstrip()}\n({words[0]} ended with {done.returncode})\n"


def _asked(*commands: tuple[str, ...]) -> str:
    """What several commands say, each under its name; one that is not there says so."""
    told = []
    for words in commands:
        try:
            answer = _ask(*words)
        except OSError as error:
            answer = f"{error}\n"
        told.append(f"$ {' '.join(words)}\n{answer}")
    return "\n".join(told)


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").replace("\0", " ").strip()
    except OSError:
        return None


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def versions(scene: Scene) -> Content:
    """Of our software, what it stands on, and the system."""
    release = _read(scene.root / "etc/os-release") or ""
    return {
        "gate-scanner": _version("gate-scanner"),
        "python": sys.version.split()[0],
        "interpreter": sys.executable,
        "system": next((line.partition("=")[2].strip('"') for line in release.splitlines() if line.startswith("PRETTY_NAME=")), "unknown"),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
    }


def units(_scene: Scene) -> Content:
    """How the services are, one object each, and which units of the system have failed."""
    told = _ask("systemctl", "show", "--no-pager", f"--property={_UNIT_FACTS}", *SERVICES, *_OTHERS)
    shown = [dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line) for block in told.split("\n\n")]
    services = [facts for facts in shown if facts]
    return {
        "units": services or [told.strip()],
        "failed": _asked(("systemctl", "--failed", "--no-legend", "--plain", "--no-pager")).splitlines(),
    }


def journal(unit: str, _scene: Scene) -> Content:
    """The newest lines of a service's journal."""
    return _ask("journalctl", "--no-pager", "--quiet", "--no-hostname", "-o", "short-iso", "-n", str(_JOURNAL_LINES), "-u", unit)


def kernel(_scene: Scene) -> Content:
    """What the kernel says of disks, USB, power, memory and clocks."""
    said = ""
    for words in (("journalctl", "-k", "--no-pager", "--quiet", "--no-hostname", "-o", "short-monotonic", "-n", "5000"), ("dmesg",)):
        with suppress(OSError):
            said = said or "\n".join(line for line in _ask(*words).splitlines() if _OF_INTEREST.search(line))
    return said or "nothing, or this user may not read it\n"


def clock(scene: Scene) -> Content:
    """The time, and how far it can be trusted."""
    told: dict[str, Any] = {"wall_ms": system_clock.wall_ms(), "boottime_ms": system_clock.boottime_ms()}
    try:
        told["state"] = system_clock.clock_state()
    except OSError as error:
        told["state"] = f"cannot be asked ({error.strerror})"
    if scene.device.clock == "system" and told["state"] != "synchronised":
        told["state"] = "rtc"  # as the gate takes it; see device.clock
    told["asked"] = _asked(("timedatectl", "show"), ("chronyc", "-n", "tracking"), ("chronyc", "-n", "sources")).splitlines()
    return told


def network(scene: Scene) -> Content:
    """Addresses, routes and name servers."""
    servers = [line for line in (_read(scene.root / "etc/resolv.conf") or "").splitlines() if line.startswith("nameserver")]
    return (
        _asked(("ip", "-brief", "address"), ("ip", "route"), ("ip", "-6", "route"), ("ip", "-s", "link")) + "\n" + "\n".join(servers) + "\n"
    )


def resources(scene: Scene) -> Content:
    """Disk, memory, load; how the state folder is mounted; what becomes of core files."""
    proc = scene.root / "proc"
    memory = (line.split() for line in (_read(proc / "meminfo") or "").splitlines())
    wanted = {"MemTotal:", "MemFree:", "MemAvailable:", "SwapTotal:", "SwapFree:", "Shmem:", "Dirty:", "Writeback:"}
    return {
        "disks": {str(folder): _disk(folder) for folder in (scene.device.state, scene.device.runtime, Path("/"), Path("/tmp"))},  # noqa: S108 - looked at
        "mounts": [line for line in (_read(proc / "self/mounts") or "").splitlines() if line.split()[2:3] not in (["cgroup2"], ["proc"])][
            :100
        ],
        "memory_kb": {line[0].rstrip(":"): int(line[1]) for line in memory if line[:1] and line[0] in wanted},
        "load": (_read(proc / "loadavg") or "").split()[:3],
        "uptime_s": (_read(proc / "uptime") or "").split()[:1],
        "pressure": {name: _read(proc / "pressure" / name) for name in ("cpu", "io", "memory")},
        "core files": _read(proc / "sys/kernel/core_pattern"),
        "tainted": _read(proc / "sys/kernel/tainted"),
    }


def _disk(folder: Path) -> dict[str, Any]:
    try:
        found = os.statvfs(folder)
    except OSError as error:
        return {"trouble": str(error.strerror)}
    size = found.f_frsize
    return {
        "bytes": found.f_blocks * size, "free_bytes": found.f_bavail * size, "files": found.f_files, "free_files": found.f_favail,
        "read_only": bool(found.f_flag & os.ST_RDONLY),
    }  # fmt: skip


def hardware(scene: Scene) -> Content:
    """The board, its heat and power, its cards, and the devices that are there."""
    bits = raspberry_pi.throttled(scene.root)
    now, before = raspberry_pi.throttled_words(bits) if bits is not None else ((), ())
    return {
        "model": raspberry_pi.model(scene.root) or None,
        "processors": os.cpu_count(),
        "temperature_c": raspberry_pi.temperature_c(scene.root),
        "throttled": None if bits is None else {"bits": f"{bits:#x}", "now": list(now), "since boot": list(before)},
        "cards": list(_cards(scene.root)),
        "devices": sorted(str(device.relative_to(scene.root)) for names in _DEVICES for device in (scene.root / "dev").glob(names)),
        "usb": sorted(_usb(scene.root)),
    }


def _cards(root: Path) -> Iterator[dict[str, str | None]]:
    for device in sorted((root / "sys/block").glob("mmcblk*/device")):
        facts = ("name", "type", "manfid", "oemid", "date", "life_time", "pre_eol_info", "fwrev")
        yield {"card": device.parent.name, **{fact: _read(device / fact) for fact in facts}}


def _usb(root: Path) -> Iterator[str]:
    for device in (root / "sys/bus/usb/devices").glob("*"):
        if (vendor := _read(device / "idVendor")) is not None:
            names = [_read(device / fact) or "" for fact in ("idProduct", "manufacturer", "product")]
            yield f"{device.name} {vendor}:{' '.join(names)}"


PARTS = (
    Part("versions.json", "of our software, its libraries and the system", versions),
    Part("units.json", "how the services are: since when, how often restarted, why", units),
    Part("journal-gate-firmware.txt", "the newest lines of the gate's journal", lambda scene: journal(SERVICES[0], scene), 1_200_000),
    Part("journal-gate-agent.txt", "the newest lines of the agent's journal", lambda scene: journal(SERVICES[1], scene), 1_200_000),
    Part("kernel.txt", "what the kernel says of disks, USB, power and memory", kernel, 300_000, 20.0),
    Part("clock.json", "the time, and who sets it", clock, patience_s=20.0),
    Part("network.txt", "addresses, routes, name servers", network, patience_s=25.0),
    Part("resources.json", "disk, memory, load", resources),
    Part("hardware.json", "the board, its heat and power, cards, devices", hardware),
)
