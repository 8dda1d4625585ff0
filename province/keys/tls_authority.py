"""The province's certificate authority for MQTT: who may talk to the broker, and as whom.

Source: RFC 5280. ECDSA P-256 because every TLS stack has it. This authority only opens the door of the broker: what is believed
of a message rests on Ed25519 signatures (`edge_agent.wire.cose`), so that a broken broker can delay entries but not forge or read them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from province.base.errors import NotAProvince
from province.base.files import private_pem

_EARLY = timedelta(days=1)  # a device whose clock is a little slow must not find its new certificate "not yet valid"


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """A private key and its certificate, both PEM."""

    key_pem: bytes
    certificate_pem: bytes
    serial: int


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def alternative_name(host: str) -> x509.GeneralName:
    """A host as it stands in a server certificate: an address or a name.

    Example:
        >>> alternative_name("::1"), alternative_name("mqtt.example.vn")
        (<IPAddress(value=::1)>, <DNSName(value='mqtt.example.vn')>)
    """
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _identity(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> TlsIdentity:
    return TlsIdentity(private_pem(key), certificate.public_bytes(serialization.Encoding.PEM), certificate.serial_number)


def made_at(certificate: x509.Certificate) -> datetime:
    """When this authority made a certificate, to the second, UTC."""
    return certificate.not_valid_before_utc + _EARLY


class TlsAuthority:
    """Signs certificates and the list of revoked ones.

    Args:
        key: the authority's private key.
        certificate: its own certificate.
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self.certificate = certificate

    @classmethod
    def create(cls, common_name: str, now: datetime, life: timedelta) -> TlsAuthority:
        """Makes a new authority that signs itself.

        Args:
            common_name: at most 64 bytes of UTF-8.
            now: when it is made, with a time zone.
            life: how long it is valid.
        """
        return cls._self_signed(ec.generate_private_key(ec.SECP256R1()), _name(common_name), now, life)

    @classmethod
    def _self_signed(cls, key: ec.EllipticCurvePrivateKey, name: x509.Name, now: datetime, life: timedelta) -> TlsAuthority:
        public = key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _EARLY)
            .not_valid_after(now + life)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        return cls(key, builder.sign(key, hashes.SHA256()))

    def renewed(self, now: datetime, life: timedelta) -> TlsAuthority:
        """The same authority for longer: name and key stay, so that what it has signed holds under either certificate."""
        return self._self_signed(self._key, self.certificate.subject, now, life)

    @classmethod
    def load(cls, key_file: Path, certificate_file: Path) -> TlsAuthority:
        """Reads an authority from its two PEM files.

        Raises:
            NotAProvince: a file is missing or is not such a key or certificate.
        """
        try:
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        except (OSError, ValueError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a PEM key or certificate"
            raise NotAProvince(
                f"{key_file.parent}: the certificate authority cannot be read ({reason}). Restore it from a backup."
            ) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise NotAProvince(f"{key_file}: not the authority's ECDSA key. Restore it from a backup.")
        return cls(key, certificate)

    def key_pem(self) -> bytes:
        """The private key, PEM."""
        return private_pem(self._key)

    def certificate_pem(self) -> bytes:
        """The certificate, PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def _certified(
        self,
        public: ec.EllipticCurvePublicKey,
        common_name: str,
        now: datetime,
        life: timedelta,
        usage: x509.ObjectIdentifier,
        hosts: tuple[str, ...],
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(self.certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _EARLY)
            .not_valid_after(now + life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([alternative_name(host) for host in hosts]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def server(self, hosts: tuple[str, ...], now: datetime, life: timedelta) -> TlsIdentity:
        """Makes a key and certificate for a server known by these host names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        return _identity(key, self.certify_server(key.public_key(), hosts, now, life))

    def certify_server(self, key: ec.EllipticCurvePublicKey, hosts: tuple[str, ...], now: datetime, life: timedelta) -> x509.Certificate:
        """Makes a certificate for a server that has its key already."""
        return self._certified(key, hosts[0][:64], now, life, ExtendedKeyUsageOID.SERVER_AUTH, hosts)

    def client(self, common_name: str, now: datetime, life: timedelta) -> TlsIdentity:
        """Makes a key and certificate for a client whose user name at the broker is `common_name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        return _identity(key, self.certify(key.public_key(), common_name, now, life))

    def certify(self, key: ec.EllipticCurvePublicKey, common_name: str, now: datetime, life: timedelta) -> x509.Certificate:
        """Makes a certificate for a client that has made its own key."""
        return self._certified(key, common_name, now, life, ExtendedKeyUsageOID.CLIENT_AUTH, ())

    def has_signed(self, certificate: x509.Certificate) -> bool:
        """Tells whether a certificate is of this authority; one of before a restore may be another's."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def revocation_list(self, now: datetime, life: timedelta, serials: Collection[int] = (), number: int = 1) -> bytes:
        """Signs a list of revoked certificates, PEM.

        Args:
            now: when it is made, with a time zone.
            life: how long it is valid: when a list runs out, the broker refuses everyone.
            serials: of the revoked certificates.
            number: grows with each list.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _EARLY)
            .next_update(now + life)
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for serial in sorted(serials):
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
