"""Who this device is: its name, its place, its keys and the root it trusts, as enrolment left them in the state folder."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge_agent.base import private_files
from edge_agent.base.disk import sync_folder, write_private
from edge_agent.device import token_signer
from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire.cose import Signer
from edge_agent.wire.topics import DeviceName

log = logging.getLogger(__name__)
ENROLMENT = "enrolment"
FORMER = "former"  # who the device was before it was reset
FOLDER = "identity"
SIGNING_KEY, TLS_KEY, TLS_CERTIFICATE, BROKER_CA = "signing.key", "tls.key", "tls.crt", "broker-ca.crt"


class NotEnrolled(Exception):
    """This device does not belong to a province yet."""


class BadIdentity(Exception):
    """What enrolment left is damaged."""


class KeyAway(BadIdentity):
    """What enrolment left is whole, but its key is in a token that does not sign now: starting again later may help."""


class KeyNotGiven(BadIdentity):
    """What enrolment left is whole, but its key is a systemd credential, and this process was given none."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this device is.

    Attributes:
        signer: signs every entry; never leaves the device.
        root: the province's root public key, pinned at enrolment.
        endpoint: the broker and our TLS files.
        door: host and port where a device without a certificate asks for one; None when its bundle did not say.
    """

    name: DeviceName
    site: str
    gate: str
    signer: Signer = field(repr=False)
    root: Ed25519PublicKey
    endpoint: Endpoint
    door: tuple[str, int] | None = None


def private(folder: Path, name: str) -> Path:
    """Where a private key is: among systemd's credentials, as `gate-scanner.signing.key` and the like, or in the identity's folder."""
    return private_files.locate(folder / name, f"gate-scanner.{name}")


def read_private(folder: Path, name: str) -> bytes:
    """A private key's file, or the credential.

    Raises:
        private_files.NotGiven: it is a credential, and this process has none.
        OSError: it cannot be read.
    """
    return private_files.read(folder / name, f"gate-scanner.{name}")


def credentials(folder: Path) -> list[str]:
    """Which private keys are credentials."""
    return [name for name in (SIGNING_KEY, TLS_KEY) if private_files.is_credential(folder / name, f"gate-scanner.{name}")]


def note_credentials(folder: Path) -> None:
    """Where this process was given keys as credentials, says so in the place of their files, for those who are given none."""
    for name in (SIGNING_KEY, TLS_KEY):
        file, given = folder / name, private(folder, name)
        with suppress(OSError):  # whoever may not write here makes no keys here
            if given == file:
                continue
            if not file.exists():
                write_private(file, private_files.note(f"gate-scanner.{name}"))
                sync_folder(folder)
            elif not private_files.is_note(file) and file.read_bytes() != given.read_bytes():
                log.error("%s: not the key of the credential gate-scanner.%s, which counts: remove the file", file, name)


def load_signing_key(pem: bytes) -> Ed25519PrivateKey:
    """An Ed25519 private key from its PEM.

    Raises:
        ValueError: not an Ed25519 private key.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("the signing key is not whole PEM text") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an Ed25519 private key")  # noqa: TRY004 - the caller handles one kind of "bad file"
    return key


def load_signer(data: bytes) -> Signer:
    """The signer a file stands for: a private key as PEM, or the address of one in a token.

    Raises:
        ValueError: neither.
        token_signer.TokenTrouble: the token cannot be used now.
    """
    if data.startswith(token_signer.PREFIX.encode()):
        return token_signer.TokenSigner(data.decode())
    return load_signing_key(data)


def _from_documents(enrolment: Mapping[str, Any], folder: Path) -> Identity:
    return Identity(
        name=DeviceName(enrolment["org"], enrolment["device"]),
        site=enrolment["site"],
        gate=enrolment["gate"],
        signer=load_signer(read_private(folder, SIGNING_KEY)),
        root=Ed25519PublicKey.from_public_bytes(base64.b64decode(enrolment["root"])),
        endpoint=Endpoint(enrolment["host"], enrolment["port"], folder / BROKER_CA, folder / TLS_CERTIFICATE, private(folder, TLS_KEY)),
        door=(str(enrolment["door_host"]), int(enrolment["door_port"])) if "door_host" in enrolment else None,
    )


def load(state: Path) -> Identity:
    """The identity in a state folder.

    Raises:
        NotEnrolled: there is none.
        BadIdentity: it is damaged; or, as KeyAway, its key is in a token that does not sign now, or, as KeyNotGiven, a credential of
            others.
    """
    try:
        enrolment = _enrolment(state)
    except (OSError, DocumentsDamaged) as error:
        raise BadIdentity(f"{state}: cannot be read ({error}). Run this as the scanner's own user, or enrol this device again") from None
    private_files.tighten([state, state / FOLDER, *(state / FOLDER / name for name in (SIGNING_KEY, TLS_KEY))])
    note_credentials(state / FOLDER)
    if enrolment is None:
        raise NotEnrolled(f"{state}: this device is not enrolled. Show it a ticket, or run: gate-agent enrol BUNDLE")
    try:
        return _from_documents(enrolment, state / FOLDER)
    except token_signer.TokenTrouble as error:
        raise KeyAway(f"{state / FOLDER / SIGNING_KEY}: {error}") from None
    except private_files.NotGiven as error:
        raise KeyNotGiven(str(error)) from None
    except FileNotFoundError:
        raise BadIdentity(no_key_here(state)) from None
    except (OSError, ValueError, KeyError, TypeError, UnsupportedAlgorithm) as error:
        raise BadIdentity(f"{state / FOLDER}: the identity is damaged ({type(error).__name__}: {error}). Enrol this device again") from None


def no_key_here(state: Path) -> str:
    """What is wrong with a member that has no signing key, and what to do."""
    return (
        f"{state / FOLDER / SIGNING_KEY}: this device is enrolled, and its signing key is not here. Is it a systemd credential "
        f"(gate-scanner.{SIGNING_KEY})? Then start the services once: they note it here. If it is lost: gate-agent reset, then enrol "
        "this device anew"
    )


def enrolled_as(state: Path) -> DeviceName | None:
    """The name this device is enrolled under, whatever its keys are; None when it is nobody's, or what says so is damaged.

    Raises:
        OSError: it cannot be read.
    """
    with suppress(NotEnrolled, DocumentsDamaged, KeyError, TypeError, ValueError):
        enrolment = _enrolment(state)
        return None if enrolment is None else DeviceName(enrolment["org"], enrolment["device"])
    return None


def province_of(state: Path) -> tuple[Ed25519PublicKey, DeviceName]:
    """The province's root key and the device's name, for a process that is given no key of the device.

    Raises:
        NotEnrolled: there is none.
        OSError: it cannot be read.
    """
    try:
        enrolment = _enrolment(state)
        if enrolment is not None:
            name = DeviceName(enrolment["org"], enrolment["device"])
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(enrolment["root"])), name
    except (DocumentsDamaged, KeyError, TypeError, ValueError) as error:
        raise OSError(f"{state}: the enrolment is damaged ({type(error).__name__})") from None
    raise NotEnrolled(f"{state}: this device is not enrolled")


def _enrolment(state: Path) -> dict[str, Any] | None:
    if not state.is_dir():
        raise NotEnrolled(f"{state}: no such folder. Enrol this device first: gate-agent enrol BUNDLE")
    documents = Documents(state)
    try:
        return documents.get_sure(ENROLMENT)
    finally:
        documents.close()
