"""A signing key in a PKCS#11 token (a secure element, a smart card, SoftHSM): it signs there and cannot be copied off a stolen card.

The file `signing.key` then holds the key's address instead of the key: a PKCS#11 URI (RFC 7512), such as
`pkcs11:token=gate;object=signing?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/gate-scanner/pin`.
Needs python-pkcs11 (`pip install 'gate-scanner[token]'`) and a token with Ed25519 (CKM_EDDSA, PKCS#11 version 3.0).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PREFIX = "pkcs11:"
_ED25519 = bytes.fromhex("06032b6570")  # OBJECT IDENTIFIER 1.3.101.112, RFC 8410
_KEY_BYTES = 32


class TokenTrouble(OSError):
    """The token cannot be used now; the message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a key is.

    Attributes:
        token: the token's label.
        label: the key's.
        module: the token's PKCS#11 library.
        pin: opens the token.
    """

    token: str
    label: str
    module: str
    pin: str = field(repr=False)


def parse(uri: str) -> Address:
    """Reads a PKCS#11 URI and the PIN it points to.

    Raises:
        ValueError: not such a URI, or a part is missing.
        TokenTrouble: the PIN's file cannot be read.

    Example:
        >>> parse("pkcs11:token=gate;object=signing?module-path=/usr/lib/p11.so&pin-value=1234").token
        'gate'
    """
    path, _, query = uri.strip().removeprefix(PREFIX).partition("?")
    parts = dict(part.partition("=")[::2] for part in (*path.split(";"), *query.split("&")))
    found = {key: unquote(value) for key, value in parts.items()}
    missing = [key for key in ("token", "object", "module-path") if not found.get(key)]
    if not uri.startswith(PREFIX) or missing or not ("pin-value" in found or "pin-source" in found):
        raise ValueError("not a PKCS#11 URI with token, object, module-path, and pin-source or pin-value")
    pin = found.get("pin-value")
    if pin is None:
        file = Path(found["pin-source"].removeprefix("file:"))
        try:
            pin = file.read_text("utf-8").strip()
        except OSError as error:
            raise TokenTrouble(f"{file}: the token's PIN cannot be read ({error.strerror})") from None
    return Address(found["token"], found["object"], found["module-path"], pin)


class TokenSigner:
    """Signs with a key inside a token.

    Args:
        uri: its address.
        make: make the key there if there is none.

    Raises:
        ValueError: not an address, or the key is not Ed25519.
        TokenTrouble: the token, its library or the key is missing, or the PIN is wrong.
    """

    def __init__(self, uri: str, *, make: bool = False) -> None:
        self._address = parse(uri)
        try:
            import pkcs11  # noqa: PLC0415 - only a device with a token needs it
        except ImportError:
            raise TokenTrouble("keys in a token need the package python-pkcs11: pip install 'gate-scanner[token]'") from None
        self._errors: tuple[type[Exception], ...] = (pkcs11.PKCS11Error, RuntimeError)  # RuntimeError: its library cannot be loaded
        try:
            token = pkcs11.lib(self._address.module).get_token(token_label=self._address.token)
            try:
                self._session = token.open(rw=make, user_pin=self._address.pin)
            except pkcs11.UserAlreadyLoggedIn:  # a process logs in once; its further sessions share that
                self._session = token.open(rw=make)
            if make:
                self._make_when_missing()
            self._key: Any = self._session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, label=self._address.label)
            public = self._session.get_key(pkcs11.ObjectClass.PUBLIC_KEY, label=self._address.label)
            point = bytes(public[pkcs11.Attribute.EC_POINT])
        except self._errors as error:
            raise TokenTrouble(self._told(error)) from None
        if len(point) not in (_KEY_BYTES, _KEY_BYTES + 2):  # raw, or in an OCTET STRING
            raise ValueError(f"token {self._address.token}: key {self._address.label} is not Ed25519")
        self._public = Ed25519PublicKey.from_public_bytes(point[-_KEY_BYTES:])
        self._mechanism = pkcs11.Mechanism.EDDSA

    def _told(self, error: Exception) -> str:
        why = str(error) or type(error).__name__
        return f"token {self._address.token}, key {self._address.label}: {why}: check that it is plugged in, its library and its PIN"

    def _make_when_missing(self) -> None:
        import pkcs11  # noqa: PLC0415 - as above

        try:
            self._session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, label=self._address.label)
        except pkcs11.NoSuchKey:
            parameters = self._session.create_domain_parameters(
                pkcs11.KeyType.EC_EDWARDS, {pkcs11.Attribute.EC_PARAMS: _ED25519}, local=True
            )
            parameters.generate_keypair(
                mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=self._address.label, id=os.urandom(8)
            )

    def sign(self, data: bytes, /) -> bytes:
        """An Ed25519 signature, 64 bytes.

        Raises:
            TokenTrouble: the token does not sign now.
        """
        try:
            return bytes(self._key.sign(data, mechanism=self._mechanism))
        except self._errors as error:
            raise TokenTrouble(self._told(error)) from None

    def public_key(self) -> Ed25519PublicKey:
        """The public half."""
        return self._public
