"""Adds a scanner: makes its keys, registers their public halves, and hands over one bundle file."""

from __future__ import annotations

import sqlite3
import unicodedata
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.entry import NAME_CHARACTERS
from edge_agent.topics import DeviceName
from province import database, devices, keyring_office, officers
from province.bundle import Bundle
from province.errors import AlreadyThere, ProvinceError
from province.layout import Layout
from province.tls_authority import TlsAuthority

_CERTIFICATE_LIFE = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scanner stands, in words.

    Raises:
        ValueError: a text is empty, too long or holds control characters.
    """

    site: str
    gate: str

    def __post_init__(self) -> None:
        for part, text in (("--site", self.site), ("--gate", self.gate)):
            if not 1 <= len(text) <= NAME_CHARACTERS or not text.isprintable():
                raise ValueError(f"{part}: must be 1 to {NAME_CHARACTERS} printable characters")


def add_device(layout: Layout, name: DeviceName, place: Place, broker: tuple[str, int], out: Path, now_ms: int) -> None:
    """Registers a scanner and writes its bundle: both, or neither.

    The private keys are in the bundle alone; the province keeps the public halves. (Keys made on the device itself, which then never
    travel, come with enrolment tickets.)

    Args:
        layout: the province.
        name: the organisation and the scanner's name in it.
        place: where it stands.
        broker: host and port as the device reaches them.
        out: the bundle file to write.
        now_ms: the time, milliseconds since 1970 UTC.

    Raises:
        AlreadyThere: the name is registered, or the file exists.
        ProvinceError: it cannot be done now.
    """
    signing_key = Ed25519PrivateKey.generate()
    authority = TlsAuthority.load(layout.authority_key, layout.authority_certificate)
    tls = authority.client(str(name), datetime.fromtimestamp(now_ms / 1000, UTC), _CERTIFICATE_LIFE)
    site, gate = (unicodedata.normalize("NFC", text) for text in (place.site, place.gate))
    bundle = Bundle(
        name=name, site=site, gate=gate, host=broker[0], port=broker[1], root=officers.read_root_public(layout),
        signing_key=signing_key, tls=tls, broker_ca_pem=authority.certificate_pem(), keyring=keyring_office.read_signed(layout),
    )  # fmt: skip
    device = devices.Device(name, site, gate, signing_key.public_key(), str(tls.serial), devices.ACTIVE, now_ms)
    try:
        with closing(database.connect(layout.register)) as connection:
            _register(connection, layout.register, device, bundle, out)
    except FileExistsError:
        raise AlreadyThere(f"{out}: exists; a bundle is never overwritten. Choose another --out.") from None
    except OSError as error:
        raise ProvinceError(f"{out}: cannot be written ({error.strerror}). Choose another --out.") from None


def _register(connection: sqlite3.Connection, path: Path, device: devices.Device, bundle: Bundle, out: Path) -> None:
    written = False

    def hand_over() -> None:
        nonlocal written
        bundle.write(out)
        written = True

    try:
        devices.add(connection, path, device, hand_over)
    except BaseException:
        if written:
            out.unlink(missing_ok=True)  # its keys are not registered: it would be of no use
        raise
