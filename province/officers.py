"""The province's signing keys: the root, and one officer for each power it gives away."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge_agent import cose, private_files
from edge_agent.authority import Certificate, Officer, Power, certify, read_certificate
from edge_agent.cbor import Malformed
from province.errors import NotAProvince
from province.files import PUBLIC, private_pem, write_atomically
from province.layout import Layout


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


def _paths(layout: Layout, power: Power) -> tuple[Path, Path]:
    return layout.officers / f"{power}.key", layout.officers / f"{power}.cert"


def appoint(layout: Layout, power: Power, root: Ed25519PrivateKey, not_before_ms: int, not_after_ms: int) -> Officer:
    """Makes an officer's key and the root's certificate for it, and writes both."""
    key = Ed25519PrivateKey.generate()
    certificate = certify(Certificate(power, key.public_key(), not_before_ms, not_after_ms), root)
    key_file, certificate_file = _paths(layout, power)
    write_atomically(key_file, private_pem(key))
    write_atomically(certificate_file, certificate)
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
    write_atomically(_paths(layout, power)[1], longer)
    return Officer(officer.key, longer)


def ends_ms(layout: Layout, power: Power) -> int:
    """When an officer's certificate ends, milliseconds since 1970 UTC.

    Raises:
        NotAProvince: as `load_officer`.
    """
    return read_certificate(load_officer(layout, power).certificate, read_root_public(layout)).not_after_ms


def load_officer(layout: Layout, power: Power) -> Officer:
    """An officer's key and certificate, checked against the root.

    Raises:
        NotAProvince: missing, damaged, or not of this root and power.
    """
    key_file, certificate_file = _paths(layout, power)
    key_file = private_files.locate(key_file, f"gate-province.{power}.key")
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        data = certificate_file.read_bytes()
        certificate = read_certificate(data, read_root_public(layout))
    except OSError as error:
        raise NotAProvince(
            f"{error.filename}: the key for {power} is missing or may not be read ({error.strerror}). Restore it, or run as its owner."
        ) from None
    except (Malformed, cose.Forged, ValueError, TypeError):
        raise NotAProvince(f"{key_file.parent}: the key for {power} is damaged or of another root. Restore it from a backup.") from None
    if not isinstance(key, Ed25519PrivateKey) or certificate.power is not power or certificate.public_key != key.public_key():
        raise NotAProvince(f"{key_file}: not the key its certificate names. Restore both from a backup.")
    return Officer(key, data)
