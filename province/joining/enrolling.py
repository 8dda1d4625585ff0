"""Adds a scanner by a file carried by hand: a bundle with keys made here, or the answer to the request of a device that made its own."""

from __future__ import annotations

import json
import unicodedata
from base64 import b64decode, b64encode
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.wire import joining
from edge_agent.wire.authority import Power
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.entry import NAME_CHARACTERS
from edge_agent.wire.ticket import fingerprint, shown
from edge_agent.wire.topics import DeviceName
from province.base.errors import AlreadyThere, ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.joining.admission import CERTIFICATE_LIFE, Addresses, Admission
from province.keys import officers
from province.keys.tls_authority import TlsAuthority
from province.registry import certificates, devices
from province.registry.tickets import Grant
from province.store import database
from province.store.opened import Connection
from province.trust import keyring_office
from province.trust.bundle import Bundle

_ANSWER_FORMAT = "gate-scanner-answer/1"
_MOST_REQUEST_BYTES = 64 * 1024


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

    The private keys are in the bundle alone; the province keeps the public halves. Keys made on the device itself never travel: see
    `answer_stick` and tickets.

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
    tls = authority.client(str(name), datetime.fromtimestamp(now_ms / 1000, UTC), CERTIFICATE_LIFE)
    site, gate = (unicodedata.normalize("NFC", text) for text in (place.site, place.gate))
    bundle = Bundle(
        name=name, site=site, gate=gate, host=broker[0], port=broker[1], root=officers.read_root_public(layout),
        door=(broker[0], layout.read_settings().door_port), signing_key=signing_key, tls=tls,
        broker_ca_pem=authority.certificate_pem(), keyring=keyring_office.read_signed(layout),
    )  # fmt: skip
    device = devices.Device(name, site, gate, signing_key.public_key(), str(tls.serial), devices.ACTIVE, now_ms)
    try:
        with closing(database.connect(layout.register)) as connection:
            _register(connection, layout.register, device, bundle, out)
    except FileExistsError:
        raise AlreadyThere(f"{out}: exists; a bundle is never overwritten. Choose another --out.") from None
    except OSError as error:
        raise ProvinceError(f"{out}: cannot be written ({error.strerror}). Choose another --out.") from None


def _register(connection: Connection, path: Path, device: devices.Device, bundle: Bundle, out: Path) -> None:
    written = False

    def hand_over() -> None:
        nonlocal written
        certificates.note(connection, bundle.name, x509.load_pem_x509_certificate(bundle.tls.certificate_pem))
        bundle.write(out)
        written = True

    try:
        devices.add(connection, path, device, hand_over)
    except BaseException:
        if written:
            out.unlink(missing_ok=True)  # its keys are not registered: it would be of no use
        raise


def answer_stick(layout: Layout, request_file: Path, grant: Grant, broker: tuple[str, int], out: Path, now_ms: int) -> str:
    """Registers a scanner that made its keys itself, and writes the answer to carry back to it.

    Cut short between the two, it is done again with the same request.

    Args:
        layout: the province.
        request_file: written by `gate-agent enrol --request`.
        grant: who it becomes.
        broker: host and port as the device reaches them.
        out: the file to write.
        now_ms: the time, milliseconds since 1970 UTC.

    Returns:
        The fingerprint of its key, for people.

    Raises:
        AlreadyThere: the name is registered with another key, or the file exists.
        ProvinceError: the request cannot be used, or it cannot be done now.
    """
    try:
        fields = json.loads(request_file.read_bytes()[:_MOST_REQUEST_BYTES])
        message = b64decode(fields["request"], validate=True)
        request = joining.read_request(message)
    except OSError as error:
        raise ProvinceError(f"{request_file}: cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = str(error) if isinstance(error, Malformed | Forged) else "not a request"
        raise ProvinceError(f"{request_file}: {why}. Make it on the device: gate-agent enrol --request FILE") from None
    if out.exists():
        raise AlreadyThere(f"{out}: exists; an answer is never written over another file. Choose another --out.")
    addresses = Addresses(broker, (broker[0], layout.read_settings().door_port))
    authority = TlsAuthority.load(layout.authority_key, layout.authority_certificate)
    admission = Admission(layout, authority, officers.load_officer(layout, Power.TICKETS), addresses)
    root = officers.read_root_public(layout)
    signed = admission.from_a_stick(message, grant, now_ms)
    answer = joining.read_answer(signed, message, root)
    if answer.membership is None:
        raise AlreadyThere(f"{grant.name}: {answer.reason}.")
    file = {"format": _ANSWER_FORMAT, "root": b64encode(root.public_bytes_raw()).decode(), "answer": b64encode(signed).decode()}
    try:
        write_atomically(out, (json.dumps(file) + "\n").encode())
    except OSError as error:
        raise ProvinceError(f"{out}: cannot be written ({error.strerror}). Choose another --out and do it again.") from None
    return shown(fingerprint(request.public_key))
