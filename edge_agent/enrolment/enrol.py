"""Makes this device a member of a province: checks a bundle whole, then writes identity, keyring and enrolment.

The bundle is made by `gate-province device add` and holds the device's private keys: carry it by hand, then destroy it.
"""

from __future__ import annotations

import base64
import binascii
import json
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from edge_agent.base.disk import make_folder, sync_folder, write_private
from edge_agent.base.process_lock import alone
from edge_agent.device import identity, resetting, stored_keyring
from edge_agent.device.documents import Documents
from edge_agent.enrolment import join, takeover
from edge_agent.wire import keyring
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.entry import NAME_CHARACTERS
from edge_agent.wire.topics import DeviceName

_MOST_BUNDLE_BYTES = 1024 * 1024
FORMAT = "gate-scanner-bundle/1"
_TEXTS = ("org", "device", "site", "gate", "root", "signing_key_pem", "tls_key_pem", "tls_certificate_pem", "broker_ca_pem", "keyring")


class BadBundle(Exception):
    """The bundle cannot be used; the message says which part and what to do."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle."""

    name: DeviceName
    fields: dict[str, Any]
    keyring_message: bytes
    root: Ed25519PublicKey


def read_bundle(file: Path) -> Bundle:
    """Reads a bundle and checks that its parts fit together.

    Raises:
        BadBundle: it cannot be read, or a part is wrong.
    """
    try:
        with file.open("rb") as opened:
            fields = json.loads(opened.read(_MOST_BUNDLE_BYTES).decode())  # no more: it may be any file
    except OSError as error:
        raise BadBundle(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise BadBundle(f"{file}: not a bundle (not JSON). Make one: gate-province device add") from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise BadBundle(f"{file}: not a bundle of format {FORMAT!r}. Make one: gate-province device add")
    wrong = [key for key in _TEXTS if not isinstance(fields.get(key), str) or not fields[key]]
    wrong.extend(f"{key} (1 to {NAME_CHARACTERS} printable characters)" for key in ("site", "gate") if not _is_place(fields.get(key)))
    if "door" in fields and not _is_address(fields["door"]):  # bundles made before there was a door have none
        wrong.append("door (host, and port from 1 to 65535)")
    if not _is_address(fields.get("broker")):
        wrong.append("broker (host, and port from 1 to 65535)")
    if wrong:
        raise BadBundle(f"{file}: missing or wrong: {', '.join(wrong)}. Ask the province for a new bundle")
    try:
        name = DeviceName(fields["org"], fields["device"])
        root = Ed25519PublicKey.from_public_bytes(base64.b64decode(fields["root"], validate=True))
        message = base64.b64decode(fields["keyring"], validate=True)
        keyring.verify(message, root)
        identity.load_signing_key(fields["signing_key_pem"].encode())
        _check_tls(fields, name)
    except (Malformed, Forged, binascii.Error, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadBundle(f"{file}: {error}. Ask the province for a new bundle") from None
    return Bundle(name, fields, message, root)


def _is_place(text: object) -> bool:
    return isinstance(text, str) and 1 <= len(text) <= NAME_CHARACTERS and text.isprintable()


def _is_address(broker: object) -> bool:
    match broker:
        case {"host": str(host), "port": int(port)} if type(port) is int and 1 <= port <= 65535:
            try:
                return bool(host) and bool(host.encode("idna"))  # what the resolver will do
            except UnicodeError:
                return False
    return False


def _check_tls(fields: dict[str, Any], name: DeviceName) -> None:
    try:
        certificate = x509.load_pem_x509_certificate(fields["tls_certificate_pem"].encode())
        key = load_pem_private_key(fields["tls_key_pem"].encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("the TLS key or certificate is not whole PEM text") from None
    common_names = [str(part.value) for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if common_names != [str(name)]:
        raise ValueError(f"the TLS certificate is for {', '.join(common_names)!r}, not for {str(name)!r}")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise ValueError("the TLS key and the TLS certificate do not belong together")
    try:
        ssl.create_default_context(cadata=fields["broker_ca_pem"])
    except ssl.SSLError:
        raise ValueError("the broker's authority certificate cannot be read") from None


def install(bundle: Bundle, state: Path) -> None:
    """Writes a bundle's identity into the state folder, with firmware and agent stopped.

    Each file is replaced whole, the enrolment document last; cut short by a power cut, do it again with the same bundle.

    Raises:
        takeover.AlreadyEnrolled: as another device, in another province, or with another key while entries signed by the old one wait.
        AlreadyRunning: firmware or agent works on the folder.
        OSError: the folder cannot be written.
    """
    make_folder(state)
    with join.locked(state):
        resetting.finish(state)
        with alone(state):
            _install(bundle, state)


def _install(bundle: Bundle, state: Path) -> None:
    documents = Documents(state)
    try:
        folder = state / identity.FOLDER
        if elsewhere := identity.credentials(folder):
            raise takeover.AlreadyEnrolled(
                f"{folder}: {', '.join(elsewhere)}: systemd credentials, beside which a bundle's keys would not count. Use a ticket"
            )
        key_file = folder / identity.SIGNING_KEY
        same_key = key_file.exists() and key_file.read_bytes() == bundle.fields["signing_key_pem"].encode()
        takeover.refuse(state, takeover.enrolment_now(documents), bundle.name, bundle.fields["root"], same_key=same_key)
        takeover.forget_strange_predecessor(state, bundle.fields["root"])
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(folder / identity.SIGNING_KEY, bundle.fields["signing_key_pem"].encode())
        write_private(folder / identity.TLS_KEY, bundle.fields["tls_key_pem"].encode())
        write_private(folder / identity.TLS_CERTIFICATE, bundle.fields["tls_certificate_pem"].encode())
        write_private(folder / identity.BROKER_CA, bundle.fields["broker_ca_pem"].encode())
        sync_folder(folder)
        with suppress(stored_keyring.OlderKeyring):  # a device that is renewed keeps the newer one it has
            stored_keyring.accept(state, bundle.root, bundle.keyring_message)
        door = bundle.fields.get("door")
        documents.put(
            identity.ENROLMENT,
            {
                "org": bundle.name.org, "device": bundle.name.device, "site": bundle.fields["site"], "gate": bundle.fields["gate"],
                "root": bundle.fields["root"], "host": bundle.fields["broker"]["host"], "port": bundle.fields["broker"]["port"],
                **({"door_host": door["host"], "door_port": door["port"]} if door else {}),
            },
        )  # fmt: skip
    finally:
        documents.close()
