"""A signing key in a PKCS#11 token (a secure element, a smart card, SoftHSM): it signs there and cannot be copied off a stolen card.

The file `signing.key` then holds the key's address instead of the key: a PKCS#11 URI (RFC 7512), such as
`pkcs11:token=gate;object=signing?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/gate-scanner/pin`.
Needs python-pkcs11 (`pip install 'gate-scanner[token]'`) and a token with Ed25519 (CKM_EDDSA, PKCS#11 version 3.0).
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PREFIX = "pkcs11:"
_ED25519 = bytes.fromhex("06032b6570")  # OBJECT IDENTIFIER 1.3.101.112, RFC 8410
_KEY_BYTES = 32
_NUMBERED = re.compile(r"-[0-9a-f]{8}$")  # the end of a label that `make_another` chose


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
        except UnicodeDecodeError:
            raise TokenTrouble(f"{file}: the token's PIN cannot be read (not text)") from None
    return Address(found["token"], found["object"], found["module-path"], pin)


def make_another(uri: str) -> str:
    """Makes another key beside one, under a new label, and returns its address; the one before stays as it is.

    Raises:
        ValueError: not an address.
        TokenTrouble: the token does not do that now.
    """
    label = f"{_NUMBERED.sub('', parse(uri).label)}-{secrets.token_hex(4)}"
    path, _, query = uri.strip().removeprefix(PREFIX).partition("?")
    parts = [f"object={quote(label)}" if part.startswith("object=") else part for part in path.split(";")]
    another = f"{PREFIX}{';'.join(parts)}?{query}"
    TokenSigner(another, make=True)
    return another


class _Library:
    """A PKCS#11 library in this process, with one session for each of its tokens.

    PKCS#11 starts a library, and logs in to a token, for the whole process (PKCS #11 v3.0, C_Initialize and C_Login), and tokens have few
    sessions: so all signers share them, one at a time.
    """

    def __init__(self, path: str) -> None:
        self.lock = threading.RLock()
        self._path = path
        self._sessions: dict[str, Any] = {}
        self._wrong_pins: set[tuple[str, str]] = set()

    def has_open(self, at: Address) -> bool:
        """Whether there is a session, which may be lost by now."""
        return at.token in self._sessions

    def session(self, at: Address) -> Any:
        """The session with a token, opened now if there is none. A PIN that was wrong is not tried again: a few tries lock a token."""
        import pkcs11  # noqa: PLC0415 - only a device with a token needs it

        if (at.token, at.pin) in self._wrong_pins:
            raise pkcs11.PinIncorrect
        if at.token not in self._sessions:
            try:
                self._sessions[at.token] = pkcs11.lib(self._path).get_token(token_label=at.token).open(user_pin=at.pin)
            except pkcs11.PinIncorrect:
                self._wrong_pins.add((at.token, at.pin))
                raise
        return self._sessions[at.token]

    @contextmanager
    def writing(self, at: Address) -> Iterator[Any]:
        """A session that changes the token, beside the one that is logged in."""
        import pkcs11  # noqa: PLC0415 - as above

        session = pkcs11.lib(self._path).get_token(token_label=at.token).open(rw=True)
        try:
            yield session
        finally:
            session.close()

    def shut(self) -> None:
        """Gives all up, the library too: some see a token that was away only once they are started anew."""
        import pkcs11  # noqa: PLC0415 - as above

        self._sessions.clear()
        with suppress(pkcs11.PKCS11Error, RuntimeError):
            pkcs11.lib(self._path).finalize()


_library = lru_cache(maxsize=None)(_Library)


class TokenSigner:
    """Signs with a key inside a token. A session that is lost (token unplugged, its driver restarted) is opened anew.

    Args:
        uri: its address.
        make: make the key there if there is none.

    Raises:
        ValueError: not an address, or the key is not Ed25519.
        TokenTrouble: the token, its library or the key is missing, or the PIN is wrong.
    """

    def __init__(self, uri: str, *, make: bool = False) -> None:
        self._uri = uri
        self._address = parse(uri)
        try:
            import pkcs11  # noqa: PLC0415 - as above
        except ImportError:
            raise TokenTrouble("keys in a token need the package python-pkcs11: pip install 'gate-scanner[token]'") from None
        # RuntimeError: its library cannot be loaded
        self._errors: tuple[type[Exception], ...] = (pkcs11.PKCS11Error, RuntimeError, InvalidSignature)
        self._library = _library(self._address.module)
        self._session: Any = None
        self._key: Any = None
        point = self._patiently(lambda: self._found(make=make))
        if len(point) not in (_KEY_BYTES, _KEY_BYTES + 2):  # raw, or in an OCTET STRING
            raise ValueError(f"token {self._address.token}: key {self._address.label} is not Ed25519")
        self._public = Ed25519PublicKey.from_public_bytes(point[-_KEY_BYTES:])

    def _patiently(self, work: Callable[[], bytes]) -> bytes:
        """Does something with the token; where that fails in a session that was open, once more in a new one."""
        with self._library.lock:
            if self._library.has_open(self._address):
                try:
                    return work()
                except self._errors:
                    self._library.shut()
            try:
                self._address = parse(self._uri)  # with the PIN as its file says now
                return work()
            except self._errors as error:
                self._library.shut()
                raise TokenTrouble(self._told(error)) from None

    def _told(self, error: Exception) -> str:
        why = "signs with another key than before" if isinstance(error, InvalidSignature) else str(error) or type(error).__name__
        return f"token {self._address.token}, key {self._address.label}: {why}: check that it is plugged in, its library and its PIN"

    def _found(self, *, make: bool) -> bytes:
        """The public half, as the token gives it."""
        import pkcs11  # noqa: PLC0415 - as above

        session = self._library.session(self._address)
        if make:
            self._make_when_missing()
        public = session.get_key(pkcs11.ObjectClass.PUBLIC_KEY, label=self._address.label)
        self._private_key()
        return bytes(public[pkcs11.Attribute.EC_POINT])

    def _private_key(self) -> Any:
        import pkcs11  # noqa: PLC0415 - as above

        session = self._library.session(self._address)
        if session is not self._session:  # another signer may have opened it anew
            self._key = session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, label=self._address.label)
            self._session = session
        return self._key

    def _make_when_missing(self) -> None:
        import pkcs11  # noqa: PLC0415 - as above

        try:
            self._private_key()
        except pkcs11.NoSuchKey:
            with self._library.writing(self._address) as session:
                parameters = session.create_domain_parameters(pkcs11.KeyType.EC_EDWARDS, {pkcs11.Attribute.EC_PARAMS: _ED25519}, local=True)
                parameters.generate_keypair(
                    mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=self._address.label, id=os.urandom(8)
                )

    def destroy(self) -> None:
        """Destroys the key in the token, for good.

        Raises:
            TokenTrouble: the token does not do that now.
        """
        self._patiently(self._destroyed)

    def _destroyed(self) -> bytes:
        import pkcs11  # noqa: PLC0415 - as above

        self._library.session(self._address)
        with self._library.writing(self._address) as session:
            for kind in (pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY):
                with suppress(pkcs11.NoSuchKey):  # destroyed in the try before
                    session.get_key(kind, label=self._address.label).destroy()
        return b""

    def sign(self, data: bytes, /) -> bytes:
        """An Ed25519 signature, 64 bytes, looked at before it is believed: the token may have been changed for another.

        Raises:
            TokenTrouble: the token does not sign now.
        """
        return self._patiently(lambda: self._signed(data))

    def _signed(self, data: bytes) -> bytes:
        import pkcs11  # noqa: PLC0415 - as above

        signature = bytes(self._private_key().sign(data, mechanism=pkcs11.Mechanism.EDDSA))
        self._public.verify(signature, data)
        return signature

    def public_key(self) -> Ed25519PublicKey:
        """The public half."""
        return self._public
