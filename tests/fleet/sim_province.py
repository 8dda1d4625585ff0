"""A province for a simulated fleet: founded for real, many scanners registered at once, its services as processes, and what they take."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from province_world import ROOT, Broker, Scanner

from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import keyring
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.layout import Layout
from province.joining.admission import CERTIFICATE_LIFE
from province.keys import officers
from province.keys.tls_authority import TlsAuthority
from province.registry import certificates, devices
from province.store import database
from province.trust import keyring_office

_DAY_MS = 86_400_000
_BEFORE_MS = 2 * _DAY_MS  # when they were registered: long enough for a gate to count as silent
_SHARES = (("bus-co", 60), ("market-co", 25), ("ferry-co", 10), ("school-co", 5))  # percent
_END_S = 20.0


def names(count: int) -> list[DeviceName]:
    """The scanners' names, of four organisations of different sizes."""
    bounds, upto = [], 0
    for org, share in _SHARES:
        upto += share
        bounds.append((upto, org))
    return [DeviceName(next(org for most, org in bounds if (number * 37) % 100 < most), f"scanner-{number:04}") for number in range(count)]


def enrolled(layout: Layout, folder: Path, wanted: Sequence[DeviceName]) -> list[Scanner]:
    """Registers scanners, with the province's own authority, in one transaction; a bundle each would take a commit each."""
    authority = TlsAuthority.load(layout.authority_key, layout.authority_certificate)
    root, settings = officers.read_root_public(layout), layout.read_settings()
    keys = keyring.verify(keyring_office.read_signed(layout), root, now_ms())
    now = datetime.now(UTC)
    made: list[Scanner] = []
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        for name in wanted:
            tls, signing_key = authority.client(str(name), now, CERTIFICATE_LIFE), Ed25519PrivateKey.generate()
            home = folder / f"{name.org}.{name.device}"
            home.mkdir(parents=True)
            end = Endpoint("127.0.0.1", settings.port, layout.authority_certificate, home / "tls.crt", home / "tls.key")
            end.certificate_file.write_bytes(tls.certificate_pem)
            end.key_file.write_bytes(tls.key_pem)
            place = f"Bến {name.device[-2:]}", "Cửa trước"
            device = devices.Device(name, *place, signing_key.public_key(), str(tls.serial), devices.ACTIVE, now_ms() - _BEFORE_MS)
            devices.put(connection, device)
            certificates.note(connection, name, x509.load_pem_x509_certificate(tls.certificate_pem))
            made.append(Scanner(name, signing_key, root, keys, end))
    return made


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process has taken until now: seconds of a processor, and megabytes resident now."""

    at_s: float
    cpu_s: float
    rss_mb: float

    @classmethod
    def by(cls, pid: int) -> Self:
        """Source: proc(5). `schedstat` counts nanoseconds, of each thread."""
        tasks = Path(f"/proc/{pid}/task").iterdir()
        cpu_s = sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks) / 1e9
        found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text("ascii"), re.MULTILINE)
        assert found
        return cls(time.monotonic(), cpu_s, int(found[1]) * 1024 / 1e6)

    def cpu_since(self, before: Taken) -> float:
        """As a share of one core."""
        return (self.cpu_s - before.cpu_s) / (self.at_s - before.at_s)


class Service:
    """A process of the province.

    Args:
        name: of its log.
        folder: where that lies.
        command: of Python.
    """

    def __init__(self, name: str, folder: Path, *command: str) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], stdout=log, stderr=log, cwd=ROOT, env={**os.environ, "PYTHONFAULTHANDLER": "1"}
            )

    def log(self) -> str:
        """What it said, also of those before it of the same name."""
        return self._log.read_text(errors="replace")

    def taken(self) -> Taken:
        """Now."""
        return Taken.by(self.process.pid)

    def end(self) -> None:
        """SIGTERM."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(_END_S)


_WATCH = """\
import sys
from functools import partial
from province import __main__
from province.watch import fleet_watch
from province.shell import watch_command
fleet_watch._REGISTER_S = {register_s}
watch_command.Limits = partial(watch_command.Limits, gone_s={gone_s}, settle_s={settle_s})
sys.exit(__main__.main())
"""


def watch(layout: Layout, folder: Path, register_s: float, gone_s: float, settle_s: float) -> Service:
    """`gate-province watch`.

    Args:
        layout: the province.
        folder: for its log.
        register_s: how often it looks into the register; a minute, in a short run less.
        gone_s: as `fleet_rules.Limits` has it, in a short run less.
        settle_s: the same.
    """
    return Service("watch", folder, "-c", _WATCH.format(register_s=register_s, gone_s=gone_s, settle_s=settle_s), "watch", str(layout.root))


def collect(layout: Layout, folder: Path) -> Service:
    """`gate-province collect`."""
    return Service("collect", folder, "-m", "province", "collect", str(layout.root))


def broker_pid(broker: Broker) -> int:
    """Mosquitto's."""
    assert broker._process is not None
    return broker._process.pid


def until(wanted: Callable[[], bool], timeout_s: float, what: str, every_s: float = 0.05) -> float:
    """Waits until something of another process is so, which nothing tells; returns the seconds it took."""
    began_s = time.monotonic()
    while not wanted():
        assert time.monotonic() < began_s + timeout_s, f"not within {timeout_s:g} s: {what}"
        time.sleep(every_s)
    return time.monotonic() - began_s
