"""The province's signing keys: the root, and one officer for each power it gives away."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge_agent.base import private_files
from edge_agent.wire import cose
from edge_agent.wire.authority import Certificate, Officer, Power, certify, read_certificate
from edge_agent.wire.cbor import Malformed
from province.base import key_pair
from province.base.errors import NotAProvince
from province.base.files import PUBLIC, SECRET, private_pem, write_atomically
from province.base.fresh import Fresh
from province.base.layout import Layout


def fresh(layout: Layout, power: Power) -> Fresh[Officer]:
    """An officer as the files say now: a running service signs with a renewed certificate by itself.

    Raises:
        NotAProvince: as `load_officer`.
    """
    return Fresh([certificate_file(layout, power), key_file(layout, power)], lambda: load_officer(layout, power))


def write_root(layout: Layout, root: Ed25519PrivateKey) -> None:
    """Writes the root's two halves."""
    public = root.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_atomically(layout.root_key, private_pem(root))
    write_atomically(layout.root_public, public, PUBLIC)


def read_root_public(layout: Layout) -> Ed25519PublicKey:
    """The root's public key.

    Raises:
        NotAProvince: it is missing or damaged.
    """
    try:
        key = serialization.load_pem_public_key(layout.root_public.read_bytes())
    except (OSError, ValueError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise NotAProvince(f"{layout.root_public}: the root's public key is missing or damaged. Restore it from a backup.")
    return key


def certificate_file(layout: Layout, power: Power) -> Path:
    """An officer's certificate."""
    return layout.officers / f"{power}.cert"


def key_file(layout: Layout, power: Power) -> Path:
    """An officer's private key: among systemd's credentials, as `gate-province.receipts.key` and the like, or beside its certificate."""
    return private_files.locate(layout.officers / f"{power}.key", f"gate-province.{power}.key")


def appoint(
    layout: Layout, power: Power, root: Ed25519PrivateKey, not_before_ms: int, not_after_ms: int, org: str | None = None
) -> Officer:
    """Makes an officer's key and the root's certificate for it, for one organisation's devices or all, and writes both."""
    key = Ed25519PrivateKey.generate()
    certificate = certify(Certificate(power, key.public_key(), not_before_ms, not_after_ms, org), root)
    write_atomically(layout.officers / f"{power}.key", private_pem(key))
    write_atomically(certificate_file(layout, power), certificate)
    return Officer(key, certificate)


def replace(layout: Layout, power: Power, root: Ed25519PrivateKey, not_before_ms: int, not_after_ms: int) -> Officer:
    """Gives an officer another key; the caller holds the lock of `key_pair`, which says what a power cut leaves.

    Raises:
        OSError: it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    certificate = certify(Certificate(power, key.public_key(), not_before_ms, not_after_ms), root)
    key_pair.exchange(layout.officers / f"{power}.key", private_pem(key), certificate_file(layout, power), certificate, SECRET)
    return Officer(key, certificate)


def read_root_key(layout: Layout, file: Path) -> Ed25519PrivateKey:
    """The root's private key from the safe.

    Raises:
        NotAProvince: it cannot be read, or is another root's.
    """
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise NotAProvince(f"{file}: cannot be read ({error.strerror}). Mount the stick that holds root/, or check the name.") from None
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey) or key.public_key() != read_root_public(layout):
        raise NotAProvince(f"{file}: not this province's root key. Take the copy from the safe.")
    return key


def renew(layout: Layout, power: Power, root: Ed25519PrivateKey, not_before_ms: int, not_after_ms: int) -> Officer:
    """Certifies an officer's key for longer; one file is replaced, whole or not at all.

    Raises:
        NotAProvince: as `load_officer`.
        OSError: it cannot be written; the certificate is the old one.
    """
    officer = load_officer(layout, power)
    longer = certify(Certificate(power, officer.key.public_key(), not_before_ms, not_after_ms), root)
    write_atomically(certificate_file(layout, power), longer)
    return Officer(officer.key, longer)


def load_officer(layout: Layout, power: Power) -> Officer:
    """An officer's key and certificate, checked against the root.

    Raises:
        NotAProvince: missing, damaged, or not of this root and power.
    """
    file = key_file(layout, power)
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        data = certificate_file(layout, power).read_bytes()
        certificate = read_certificate(data, read_root_public(layout))
    except OSError as error:
        raise NotAProvince(
            f"{error.filename}: the key for {power} is missing or may not be read ({error.strerror}). Restore it, or run as its owner."
        ) from None
    except (Malformed, cose.Forged, ValueError, TypeError):
        raise NotAProvince(f"{file.parent}: the key for {power} is damaged or of another root. Restore it from a backup.") from None
    if not isinstance(key, Ed25519PrivateKey) or certificate.power is not power or certificate.public_key != key.public_key():
        raise NotAProvince(f"{file}: not the key its certificate names. Restore both from a backup.")
    return Officer(key, data)
