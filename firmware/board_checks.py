"""Tests the machine itself: on a Raspberry Pi the system its camera needs; anywhere power, heat and memory."""

from __future__ import annotations

import grp
import importlib.util
import os
import platform
import pwd
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drivers import raspberry_pi
from drivers.urls import DriverUrl
from firmware.verdict import Finding, fault, note, ok, skipped

_ROOT = Path("/")
_SYSTEM_PYTHON = Path("/usr/bin/python3")
_APT_PACKAGES = Path("/usr/lib/python3/dist-packages")
_BITS = 64
_REMAKE = "remove .venv and run `make setup`: it makes it from /usr/bin/python3 with the system's packages"
_HOT_C = 80.0  # where a Raspberry Pi begins to slow down; at 85 it does so hard (Raspberry Pi documentation, "Frequency management")
_LITTLE_MB = 100
# Whom Raspberry Pi OS lets at which devices (raspberrypi-sys-mods, 99-com.rules).
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "picamera2": ("video", "render"), "v4l2": ("video",), "serial": ("dialout",), "nmea": ("dialout",), "hid": ("input",),
    "gpio": ("gpio",), "relay": ("gpio",), "oled": ("i2c",),
}  # fmt: skip


def _place(package: str) -> Path | None:
    """Where a package would be imported from, without importing it."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin) if spec is not None and spec.origin else None


@dataclass(frozen=True, slots=True)
class Machine:
    """What the self-test must know of where it runs; tests make their own.

    Attributes:
        model: the board's name, empty where there is no device tree.
        processor: what the kernel runs on, for example `aarch64`.
        bits: of a pointer in this interpreter: the userland's.
        python: the interpreter below the virtual environment, links followed.
        packages: where numpy and picamera2 would be imported from, None where they are not there.
    """

    model: str = field(default_factory=raspberry_pi.model)
    processor: str = field(default_factory=platform.machine)
    bits: int = sys.maxsize.bit_length() + 1
    python: Path = field(default_factory=lambda: Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    packages: Mapping[str, Path | None] = field(default_factory=lambda: {name: _place(name) for name in ("numpy", "picamera2")})

    @property
    def is_pi(self) -> bool:
        """Whether it is a Raspberry Pi."""
        return "Raspberry Pi" in self.model


def check_board(machine: Machine, urls: Sequence[DriverUrl]) -> Finding:
    """Whether kernel, interpreter and packages are those that the configured devices work with."""
    what = f"{machine.model or 'not a Raspberry Pi'}: {machine.processor}, {machine.bits}-bit, {machine.python}"
    wrong = list(_wrong(machine, any(url.scheme.name == "picamera2" for url in urls))) if machine.is_pi else []
    if wrong:
        return fault("board", f"{what}: {'; '.join(problem for problem, _todo in wrong)}", wrong[0][1])
    return ok("board", what)


def _wrong(machine: Machine, camera: bool) -> Iterator[tuple[str, str]]:
    if machine.processor != "aarch64" or machine.bits != _BITS:
        yield "not 64-bit throughout", "install Raspberry Pi OS (64-bit) anew: the decoders exist for nothing less"
    if machine.python != _SYSTEM_PYTHON.resolve():
        yield "not the system's interpreter", _REMAKE
    if not camera:
        return
    picamera2, numpy = machine.packages["picamera2"], machine.packages["numpy"]
    if picamera2 is None:
        yield "picamera2 is not there", f"sudo apt-get install python3-picamera2; then {_REMAKE}"
    elif _APT_PACKAGES not in picamera2.parents:
        yield f"picamera2 is not apt's ({picamera2.parent})", "pip uninstall picamera2; sudo apt-get install python3-picamera2"
    if numpy is None or _APT_PACKAGES not in numpy.parents:  # another's numpy breaks apt's picamera2: picamera2 issue 1211
        yield f"numpy is not apt's ({'none' if numpy is None else numpy.parent})", f"pip uninstall numpy; or {_REMAKE}"


def check_groups(machine: Machine, urls: Sequence[DriverUrl], state: Path) -> Finding | None:
    """Whether the gate's user is let at its devices; None where that is not a matter of a Raspberry Pi's groups."""
    wanted = {group for url in urls for group in _GROUPS.get(url.scheme.name, ())}
    if not machine.is_pi or not wanted:
        return None
    user, has = _groups_of_gate_user(state)
    missing = sorted(wanted - has)
    if missing:
        todo = f"sudo usermod -aG {','.join(missing)} {user}, then log in anew or restart the service"
        return note("groups", f"{user} is not in {', '.join(missing)}", todo)
    return ok("groups", f"{user} is in {', '.join(sorted(wanted))}")


def _groups_of_gate_user(state: Path) -> tuple[str, frozenset[str]]:
    """The user who runs the gate, who owns its state folder if we are root; root needs no group."""
    number = state.stat().st_uid if os.geteuid() == 0 and state.exists() else os.geteuid()
    try:
        user = pwd.getpwuid(number)
        names = {grp.getgrgid(group).gr_name for group in os.getgrouplist(user.pw_name, user.pw_gid)}
    except KeyError:
        return f"user {number}", frozenset()
    return user.pw_name, frozenset(names) if number else frozenset(group for groups in _GROUPS.values() for group in groups)


def check_power(root: Path = _ROOT) -> Finding:
    """Whether the supply and the cooling suffice, by what the Pi's firmware says."""
    bits = raspberry_pi.throttled(root)
    if bits is None:
        return skipped("power", "this machine does not tell")
    now, before = raspberry_pi.throttled_words(bits)
    todo = "use the official supply with a short thick cable; on a vehicle check converter and fuse; cool it if it is hot"
    if now:
        return fault("power", f"now: {', '.join(now)}", todo)
    return note("power", f"since the last start: {', '.join(before)}", todo) if before else ok("power", "enough, since the last start")


def check_heat(root: Path = _ROOT) -> Finding:
    """Whether the processor is warm enough to slow down."""
    degrees = raspberry_pi.temperature_c(root)
    if degrees is None:
        return skipped("heat", "this machine does not tell")
    detail = f"{degrees:.0f} °C"
    return note("heat", detail, "give it shade and air, or a heat sink") if degrees >= _HOT_C else ok("heat", detail)


def check_memory(root: Path = _ROOT) -> Finding:
    """Whether there is memory for the gate to work in."""
    try:
        told = (root / "proc/meminfo").read_text(encoding="ascii")
        free_mb = next(int(line.split()[1]) for line in told.splitlines() if line.startswith("MemAvailable:")) // 1000
    except (OSError, StopIteration, ValueError, IndexError):
        return skipped("memory", "this machine does not tell")
    detail = f"{free_mb} MB free"
    return note("memory", detail, "end what else runs here: `ps aux --sort -rss | head`") if free_mb < _LITTLE_MB else ok("memory", detail)
