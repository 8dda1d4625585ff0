"""Seals a text so that only the holder of one private key can read it, and its length tells nothing.

Source: RFC 9180 (HPKE, base mode, single shot); draft-connolly-cfrg-xwing-kem (X-Wing, KEM 0x647A): post-quantum
ML-KEM-768 with X25519, so that what is recorded today stays closed to the computers of tomorrow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey
from cryptography.hazmat.primitives.hpke import Suite as HpkeSuite

PADDED_SIZES = (512, 1024, 2048)
_PAD_MARK = 0x80
_MLKEM_PUBLIC, _MLKEM_SEED, _X25519 = 1184, 64, 32

PublicKey: TypeAlias = X25519PublicKey | MLKEM768X25519PublicKey
PrivateKey: TypeAlias = X25519PrivateKey | MLKEM768X25519PrivateKey


class CannotSeal(ValueError):
    """The text is longer than the largest padded size."""


class CannotOpen(ValueError):
    """Sealed to another key, in another context, or damaged."""


class Suite(StrEnum):
    """The HPKE suites we speak; the epoch's key names one of them."""

    XWING = "MLKEM768_X25519-HKDF_SHA256-CHACHA20_POLY1305"
    X25519 = "X25519-HKDF_SHA256-CHACHA20_POLY1305"


_HPKE = {
    Suite.XWING: HpkeSuite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
    Suite.X25519: HpkeSuite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
}


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A fresh sealing key in raw form.

    Attributes:
        public: XWING: ML-KEM-768 public key (1184 bytes) then X25519 (32); X25519: 32 bytes.
        private: XWING: ML-KEM-768 seed (64 bytes) then X25519 (32); X25519: 32 bytes. Never shown.
    """

    suite: Suite
    public: bytes
    private: bytes = field(repr=False)


def generate(suite: Suite) -> KeyPair:
    """Makes a key pair."""
    x25519 = X25519PrivateKey.generate()
    public, private = x25519.public_key().public_bytes_raw(), x25519.private_bytes_raw()
    if suite is Suite.XWING:
        mlkem = MLKEM768PrivateKey.generate()
        public, private = mlkem.public_key().public_bytes_raw() + public, mlkem.private_bytes_raw() + private
    return KeyPair(suite, public, private)


def load_public(suite: Suite, raw: bytes) -> PublicKey:
    """A public key from its raw form.

    Raises:
        ValueError: not a key of this suite.
    """
    if suite is Suite.X25519:
        return X25519PublicKey.from_public_bytes(raw)
    if len(raw) != _MLKEM_PUBLIC + _X25519:
        raise ValueError(f"an X-Wing public key has {_MLKEM_PUBLIC + _X25519} bytes, not {len(raw)}")
    mlkem = MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC])
    return MLKEM768X25519PublicKey(mlkem, X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC:]))


def load_private(suite: Suite, raw: bytes) -> PrivateKey:
    """A private key from its raw form.

    Raises:
        ValueError: not a key of this suite.
    """
    if suite is Suite.X25519:
        return X25519PrivateKey.from_private_bytes(raw)
    if len(raw) != _MLKEM_SEED + _X25519:
        raise ValueError(f"an X-Wing private key has {_MLKEM_SEED + _X25519} bytes, not {len(raw)}")
    mlkem = MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED])
    return MLKEM768X25519PrivateKey(mlkem, X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED:]))


def pad(text: bytes, sizes: tuple[int, ...] = PADDED_SIZES) -> bytes:
    """Pads to the least of these sizes that has room: the text, 0x80, then zeros (ISO/IEC 7816-4).

    Raises:
        CannotSeal: longer than the largest size less one.
    """
    size = next((size for size in sizes if len(text) < size), None)
    if size is None:
        raise CannotSeal(f"{len(text)} bytes to seal, at most {sizes[-1] - 1} fit")
    return text + bytes([_PAD_MARK]) + bytes(size - len(text) - 1)


def unpad(padded: bytes, sizes: tuple[int, ...] = PADDED_SIZES) -> bytes:
    """Takes the padding off.

    Raises:
        CannotOpen: not padded as `pad` does.
    """
    text = padded.rstrip(b"\0")
    if len(padded) not in sizes or text[-1:] != bytes([_PAD_MARK]):
        raise CannotOpen("opened, but the padding is wrong")
    return text[:-1]


def seal(text: bytes, suite: Suite, public_key: PublicKey, info: bytes) -> bytes:
    """Pads and seals a text, bound to `info`.

    Returns:
        The HPKE encapsulated key followed by the ciphertext.

    Raises:
        CannotSeal: longer than 2047 bytes.
    """
    return _HPKE[suite].encrypt(pad(text), public_key, info=info)


def unseal(sealed: bytes, suite: Suite, private_key: PrivateKey, info: bytes) -> bytes:
    """Opens what `seal` made.

    Raises:
        CannotOpen: another key, another `info`, damaged, or wrongly padded.
    """
    try:
        padded = _HPKE[suite].decrypt(sealed, private_key, info=info)
    except (InvalidTag, ValueError):
        raise CannotOpen("sealed to another key, in another context, or damaged") from None
    return unpad(padded)
