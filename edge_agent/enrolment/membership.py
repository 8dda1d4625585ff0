"""Makes what the province granted this device's own: checks every part against the others, then writes it, the name last."""

from __future__ import annotations

import base64
import ssl
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from edge_agent.base.disk import sync_folder, write_private
from edge_agent.device import identity, stored_keyring
from edge_agent.device.device_keys import DeviceKeys
from edge_agent.device.documents import Documents
from edge_agent.enrolment import takeover
from edge_agent.wire import cose, keyring
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.joining import Membership


class BadMembership(Exception):
    """The province granted something whose parts do not fit together; nothing was changed."""


def certificate_of(membership: Membership, keys: DeviceKeys) -> x509.Certificate:
    """The granted TLS certificate, if it is for this device's name and key.

    Raises:
        BadMembership: it is not.
    """
    try:
        certificate = x509.load_der_x509_certificate(membership.certificate)
        common_names = [str(part.value) for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        ours = certificate.public_key() == keys.tls.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadMembership("the granted TLS certificate cannot be read") from None
    if common_names != [str(membership.name)] or not ours:
        raise BadMembership("the granted TLS certificate is for another name or another key than this device's")
    return certificate


def _authority_pem(membership: Membership) -> bytes:
    try:
        pem = x509.load_der_x509_certificate(membership.authority).public_bytes(Encoding.PEM)
        ssl.create_default_context(cadata=pem.decode())
    except (ValueError, TypeError, UnsupportedAlgorithm, ssl.SSLError):
        raise BadMembership("the broker's authority certificate cannot be read") from None
    return pem


def install(membership: Membership, root: Ed25519PublicKey, keys: DeviceKeys, state: Path) -> None:
    """Writes a membership into the state folder; the caller holds the lock of whoever works there.

    Each file is replaced whole, the enrolment document last: cut short by a power cut, the device is what it was before, and asking
    again brings the same.

    Args:
        membership: granted by the province.
        root: the root that was proved, to be pinned.
        keys: this device's, on disk already.
        state: the device's state folder.

    Raises:
        BadMembership: its parts do not fit together.
        takeover.AlreadyEnrolled: the device is somebody else now.
        OSError: the folder cannot be written.
    """
    certificate, authority_pem = certificate_of(membership, keys), _authority_pem(membership)
    try:
        keyring.verify(membership.keyring, root)
    except (Malformed, cose.Forged) as error:
        raise BadMembership(f"the granted keyring cannot be believed ({error})") from None
    root_text = base64.b64encode(root.public_bytes_raw()).decode()
    documents = Documents(state)
    try:
        takeover.refuse(state, takeover.enrolment_now(documents), membership.name, root_text, same_key=True)
        takeover.forget_strange_predecessor(state, root_text)
        folder = state / identity.FOLDER
        write_private(folder / identity.TLS_CERTIFICATE, certificate.public_bytes(Encoding.PEM))
        write_private(folder / identity.BROKER_CA, authority_pem)
        sync_folder(folder)
        with suppress(stored_keyring.OlderKeyring):  # a device that joins anew keeps the newer one it has
            stored_keyring.accept(state, root, membership.keyring)
        documents.put(
            identity.ENROLMENT,
            {
                "org": membership.name.org, "device": membership.name.device, "site": membership.site, "gate": membership.gate,
                "root": root_text, "host": membership.host, "port": membership.port, "door_host": membership.door_host,
                "door_port": membership.door_port,
            },
        )  # fmt: skip
    finally:
        documents.close()


def renew(membership: Membership, keys: DeviceKeys, now: identity.Identity) -> x509.Certificate | None:
    """Puts a renewed certificate in the place of the one before, and the broker's authority beside it where that was renewed too.

    The authority keeps its name and key, so each fits whichever of the other a power cut leaves.

    Returns:
        The certificate; None when both were here already, and nothing was written.

    Raises:
        BadMembership: it is for another name or key, or the authority cannot be read.
        OSError: it cannot be read or written.
    """
    if membership.name != now.name:
        raise BadMembership("the granted TLS certificate is for another name than this device's")
    certificate, authority_pem = certificate_of(membership, keys), _authority_pem(membership)
    granted = ((now.endpoint.authority_file, authority_pem), (now.endpoint.certificate_file, certificate.public_bytes(Encoding.PEM)))
    changed = [(file, pem) for file, pem in granted if not _holds(file, pem)]
    for file, pem in changed:
        write_private(file, pem)
    sync_folder(now.endpoint.certificate_file.parent)
    return certificate if changed else None


def _holds(file: Path, data: bytes) -> bool:
    with suppress(FileNotFoundError):
        return file.read_bytes() == data
    return False
