"""The device's own keys, made on it and never leaving it: Ed25519 for entries, ECDSA P-256 for TLS.

They exist before the device belongs to anybody, so that its label can carry the signing key's fingerprint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from edge_agent.base.disk import make_folder, sync_folder, write_private
from edge_agent.base.private_files import NotGiven
from edge_agent.base.process_lock import alone
from edge_agent.device import resetting
from edge_agent.device.identity import (
    FOLDER,
    SIGNING_KEY,
    TLS_KEY,
    BadIdentity,
    KeyAway,
    enrolled_as,
    load_signer,
    no_key_here,
    note_credentials,
    private,
    read_private,
)  # fmt: skip
from edge_agent.device.token_signer import PREFIX, TokenSigner, TokenTrouble
from edge_agent.wire import joining
from edge_agent.wire.cose import Signer
from edge_agent.wire.joining import Request, Wish

_SERIAL_FILE = Path("/proc/device-tree/serial-number")  # Raspberry Pi: 16 hex digits, ended by a NUL


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """Both private keys."""

    signing: Signer = field(repr=False)
    tls: ec.EllipticCurvePrivateKey = field(repr=False)

    def request(self, wish: Wish, door: bytes | None = None, ticket: bytes | None = None, member: str | None = None) -> bytes:
        """A signed request to the province for a TLS certificate (and, to join, for membership).

        Args:
            wish: what for.
            door: hash of the door's TLS key, None when it does not go to a door.
            ticket: a ticket's signed bytes.
            member: who this device is now, None when it is nobody's.
        """
        # The subject is empty: the province decides the name.
        tls_request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(self.tls, hashes.SHA256())
        asked = Request(wish, self.signing.public_key(), tls_request.public_bytes(Encoding.DER), serial_number(), door, ticket, member)
        return joining.ask(asked, self.signing)


def serial_number(file: Path = _SERIAL_FILE) -> str:
    """The board's serial number, `-` where there is none. No secret and no proof: it tells boards apart, it keeps nobody out."""
    try:
        text = file.read_bytes()[:64].rstrip(b"\0\n").decode("ascii")
    except (OSError, UnicodeDecodeError):
        return "-"
    return text if text.isalnum() else "-"


def pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as its file holds it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load(state: Path) -> DeviceKeys:
    """The keys in a state folder.

    Raises:
        FileNotFoundError: at least one is not there.
        BadIdentity: a key is damaged.
        OSError: it cannot be read.
    """
    folder = state / FOLDER
    try:
        signing = load_signer(read_private(folder, SIGNING_KEY))
        tls = load_pem_private_key(read_private(folder, TLS_KEY), password=None)
    except NotGiven as error:
        raise BadIdentity(str(error)) from None
    except TokenTrouble as error:
        raise KeyAway(f"{folder / SIGNING_KEY}: {error}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadIdentity(f"{folder}: a private key is damaged. Make new ones: gate-agent reset, then enrol this device again") from None
    if not isinstance(tls, ec.EllipticCurvePrivateKey):
        raise BadIdentity(f"{folder / TLS_KEY}: not an elliptic curve key. Make a new one: gate-agent reset, then enrol this device again")
    return DeviceKeys(signing, tls)


def load_or_make(state: Path, token: str | None = None) -> DeviceKeys:
    """The keys in a state folder; whichever is missing is made now and is on disk to stay. A reset that was cut short is finished first.

    Args:
        state: the device's state folder.
        token: a PKCS#11 URI: a missing signing key is made there, and the file only says where it is.

    Raises:
        ValueError: `token` is no such URI.
        token_signer.TokenTrouble: the token cannot be used.
        BadIdentity: a key is damaged, or a credential that this process is not given; or a member's signing key is missing; or `token`
            is given and the key is in none.
        OSError: the folder cannot be read or written.
    """
    folder = state / FOLDER
    make_folder(state)
    resetting.finish(state)
    folder.mkdir(mode=0o700, exist_ok=True)
    with alone(state):  # an agent that starts, an installer who prints the label: both must be told the key that stays
        note_credentials(folder)
        if not private(folder, SIGNING_KEY).exists():
            if enrolled_as(state) is not None:  # the province knows another one
                raise BadIdentity(no_key_here(state))
            if token is not None:
                TokenSigner(token, make=True)
            write_private(folder / SIGNING_KEY, pem(Ed25519PrivateKey.generate()) if token is None else token.encode())
        if not private(folder, TLS_KEY).exists():
            write_private(folder / TLS_KEY, pem(ec.generate_private_key(ec.SECP256R1())))
        sync_folder(folder)
        sync_folder(state)
        if token is not None and not read_private(folder, SIGNING_KEY).startswith(PREFIX.encode()):
            raise BadIdentity(f"{folder / SIGNING_KEY}: this device has a key that is in no token. First: gate-agent reset --new-keys")
        return load(state)
