"""The station page's own TLS certificate: made on the device, for its name and addresses, and made anew before it ends.

Self-signed: on a site's own network nobody could vouch for a `.local` name. The keeper compares its fingerprint once, with what
`gate-agent station pin` shows. Source: RFC 5280; browsers take 825 days at most.
"""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_agent.base.disk import make_folder, sync_folder, write_private
from edge_agent.base.process_lock import alone
from edge_agent.device.resetting import STATION_FOLDER

KEY_FILE, CERTIFICATE_FILE = "tls.key", "tls.pem"
_DAYS, _RENEW_DAYS, _EARLIER_DAYS = 800, 60, 2  # a phone's clock may be behind ours
_KEPT_ADDRESSES = 8  # of networks the device was in; beyond it the one that was seen first is dropped


def files(state: Path) -> tuple[Path, Path]:
    """Where certificate and key are."""
    folder = state / STATION_FOLDER
    return folder / CERTIFICATE_FILE, folder / KEY_FILE


def make_sure(state: Path, name: str, addresses: Sequence[str], now_s: float | None = None) -> x509.Certificate:
    """The certificate in force; a new one, of the same key, where there is none, or it ends soon, or does not cover name and addresses.

    Addresses it covers beside those asked for stay in it, so that a device that moves between networks keeps one certificate.

    Args:
        state: the device's state folder.
        name: the host name, such as `gate-3f9a.local`; empty: one made of the key.
        addresses: this device's.
        now_s: the time, seconds since 1970; the clock may be wrong: the certificate is then one of a wrong time, and is made anew.

    Raises:
        OSError: the folder cannot be read or written.
    """
    now = datetime.fromtimestamp(time.time() if now_s is None else now_s, UTC)
    certificate_file, key_file = files(state)
    make_folder(state / STATION_FOLDER)
    with alone(state / STATION_FOLDER):  # the agent, and whoever makes a PIN
        key = _read_key(key_file)
        if key is None:
            key = ec.generate_private_key(ec.SECP256R1())
            write_private(key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        host = name or default_name(key)
        before = _read_certificate(certificate_file)
        if before is not None and _serves(before, key, host, addresses, now):
            return before
        known = covered(before)[1] if before is not None and covered(before)[0] == host else ()
        others = [address for address in known if address not in addresses]
        made = _certify(key, host, [*others[-_KEPT_ADDRESSES:], *addresses], now)  # the longest known first
        write_private(certificate_file, made.public_bytes(Encoding.PEM))
        sync_folder(state / STATION_FOLDER)
        return made


def default_name(key: ec.EllipticCurvePrivateKey) -> str:
    """A host name of this device's own, the same for ever: two scanners of a site must not have one."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return f"gate-{digest.finalize().hex()[:4]}.local"


def covered(certificate: x509.Certificate) -> tuple[str, tuple[str, ...]]:
    """The name and the addresses that a certificate is for."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)[0], tuple(map(str, names.get_values_for_type(x509.IPAddress)))


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate as browsers show it: pairs of hex digits."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _serves(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, host: str, addresses: Sequence[str], now: datetime) -> bool:
    in_time = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - timedelta(days=_RENEW_DAYS)
    return (
        in_time
        and certificate.public_key() == key.public_key()
        and covered(certificate)[0] == host
        and {*addresses} <= {*covered(certificate)[1]}
    )


def _certify(key: ec.EllipticCurvePrivateKey, host: str, addresses: Sequence[str], now: datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    names = [x509.DNSName(host), *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)]
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), secrets.randbits(159) | 1)
    builder = builder.not_valid_before(now - timedelta(days=_EARLIER_DAYS)).not_valid_after(now + timedelta(days=_DAYS))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(key, hashes.SHA256())


def _read_key(file: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except (FileNotFoundError, ValueError, TypeError, UnsupportedAlgorithm):  # damaged: a new one is as good, phones ask once more
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _read_certificate(file: Path) -> x509.Certificate | None:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        covered(certificate)
    except (FileNotFoundError, ValueError, IndexError, x509.ExtensionNotFound):
        return None
    return certificate
