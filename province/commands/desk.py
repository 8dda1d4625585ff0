"""A desk away from the province: the folder with which one organisation's operator commands its scanners.

It is laid out like a province's folder, so that what signs and sends works in both, but holds only: the operator's signing keys (each for
one power and this organisation), a TLS key for the broker, the pinned root, the list of scanners, and what was sent last. Decision 0092.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.link.broker_link import Arrived
from edge_agent.wire import log_head, telemetry, topics
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import PUBLIC, write_atomically
from province.base.layout import Layout
from province.commands.scanners import parse
from province.registry import devices, revocations
from province.store.opened import Connection
from province.trust.operator_records import Operator

_FORMAT: Literal["gate-scanner-desk/1"] = "gate-scanner-desk/1"
_FILE, _SCANNERS, _ORDERS = "desk.json", "scanners.json", "orders.log"


class Plate(msgspec.Struct, frozen=True):
    """What stands on a desk: whose it is and where the broker is."""

    format: Literal["gate-scanner-desk/1"]
    province: str
    operator: str
    user: str
    org: str
    host: str
    port: int


class _Scanner(msgspec.Struct, frozen=True):
    device: str
    site: str
    gate: str
    public_key: str


class _List(msgspec.Struct, frozen=True):
    org: str
    scanners: list[_Scanner]


def is_one(folder: Path) -> bool:
    """Whether a folder is a desk, and not a province's."""
    return (folder / _FILE).is_file()


def furnish(layout: Layout, its: Layout, operator: Operator) -> None:
    """Writes what a desk needs beside its keys.

    Args:
        layout: the province.
        its: the desk's folder.
        operator: whose.

    Raises:
        OSError: it cannot be written.
    """
    settings = layout.read_settings()
    plate = Plate(_FORMAT, settings.name, operator.name, operator.user, operator.org, settings.hosts[0], settings.port)
    write_atomically(its.root_public, layout.root_public.read_bytes(), PUBLIC)
    write_atomically(its.authority_certificate, layout.authority_certificate.read_bytes(), PUBLIC)
    write_atomically(its.root / _FILE, msgspec.json.format(msgspec.json.encode(plate)) + b"\n", PUBLIC)
    with closing(revocations.connect(layout, now_ms())) as connection:
        write_atomically(its.root / _SCANNERS, listed(connection, operator.org), PUBLIC)


def listed(connection: Connection, org: str) -> bytes:
    """The active scanners of an organisation, as a desk reads them."""
    found = [each for each in devices.every(connection) if each.name.org == org and each.status == devices.ACTIVE]
    rows = [_Scanner(each.name.device, each.site, each.gate, each.public_key.public_bytes_raw().hex()) for each in found]
    return msgspec.json.format(msgspec.json.encode(_List(org, rows))) + b"\n"


def certificate(folder: Path) -> x509.Certificate:
    """The TLS certificate of a desk."""
    return x509.load_pem_x509_certificate((Layout(folder).commander / "client.crt").read_bytes())


def read(layout: Layout) -> Plate:
    """What stands on it.

    Raises:
        NotAProvince: it is damaged.
    """
    try:
        return msgspec.json.decode((layout.root / _FILE).read_bytes(), type=Plate)
    except (OSError, msgspec.DecodeError) as error:
        raise NotAProvince(f"{layout.root / _FILE}: cannot be read ({error}). Ask the province for another desk.") from None


@dataclass(frozen=True, slots=True)
class Listed:
    """The scanners on a desk's list. Which log one writes, it says itself, signed, in its telemetry."""

    layout: Layout
    org: str

    def named(self, text: str) -> DeviceName:
        """One of the list."""
        name = parse(text)
        if name.org != self.org:
            raise NotAProvince(f"{text}: not of {self.org}; nothing was sent.")
        self.public_key(name)
        return name

    def log(self, name: DeviceName) -> bytes:
        """The log that it told of last."""
        try:
            log = bytes.fromhex(self._log_file(name).read_text().strip())
        except (OSError, ValueError):
            log = b""
        if len(log) != 16:
            raise ProvinceError(f"{name}: has not told yet which log it writes: it is away, or its list here is old. Try again.")
        return log

    def public_key(self, name: DeviceName) -> Ed25519PublicKey:
        """As the province knows it."""
        file = self.layout.root / _SCANNERS
        try:
            rows = msgspec.json.decode(file.read_bytes(), type=_List).scanners
            found = next((each for each in rows if each.device == name.device and name.org == self.org), None)
            if found is not None:
                return Ed25519PublicKey.from_public_bytes(bytes.fromhex(found.public_key))
        except (OSError, ValueError) as error:
            raise NotAProvince(f"{file}: cannot be read ({error}). Ask the province for another.") from None
        raise NotAProvince(
            f"{name}: not on this desk's list. Where it is new, ask the province for another scanners.json: operator scanners."
        )

    def unknown(self, names: Iterable[DeviceName]) -> set[DeviceName]:
        """Those that have not told yet which log they write."""
        return {name for name in names if not self._log_file(name).exists()}

    def learn(self, arrived: Arrived) -> DeviceName | None:
        """Takes a scanner's telemetry in, if its signed head of the log is genuine; returns whose it was.

        Raises:
            ProvinceError: it cannot be kept.
        """
        found = topics.parse(arrived.topic)
        if found is None or found[1] is not Leaf.TELEMETRY or arrived.retained:
            return None
        try:
            told = telemetry.decode(arrived.payload)
            if told.log is None or not told.log.signed:
                return None
            head = log_head.verify(base64.b64decode(told.log.signed, validate=True), found[0], self.public_key(found[0]))
            write_atomically(self._log_file(found[0]), head.log.hex().encode() + b"\n")
        except (Malformed, Forged, ValueError, NotAProvince):
            return None
        except OSError as error:
            raise ProvinceError(f"{self.layout.commands}: cannot be written ({error.strerror}); nothing was sent.") from None
        return found[0]

    def forget(self, name: DeviceName) -> None:
        """It writes another log than it had told."""
        self._log_file(name).unlink(missing_ok=True)

    def _log_file(self, name: DeviceName) -> Path:
        return self.layout.commands / f"{name.org}.{name.device}.log"


def note(layout: Layout, what: str, reason: str) -> None:
    """One line in the desk's own list of orders, before it is sent; the province hears of it from the broker.

    Raises:
        ProvinceError: it cannot be written; nothing may be sent.
    """
    file = layout.commands / _ORDERS
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as opened:
            opened.write(f"{shown(now_ms())} {what}" + (f" ({reason})" if reason else "") + "\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise ProvinceError(f"{file}: cannot be written ({error.strerror}); nothing was sent.") from None
