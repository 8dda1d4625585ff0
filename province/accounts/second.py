"""The second step of coming in: six digits that a phone makes from a secret, or one of ten codes on paper, each taken once.

Source: RFC 6238 (time-based one-time passwords: SHA-1, 30 s, 6 digits, as every authenticator app has them); RFC 6238 §5.2 (one step to
either side; a code is taken once); Google Authenticator's key URI format. Pure: time is passed in.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b32encode
from hashlib import sha256
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from province.accounts.passwords import letters

SECRET_BYTES, DIGITS, STEP_S = 20, 6, 30
RECOVERY_CODES = 10
_BESIDE = 1
_GROUPS, _GROUP = 4, 4  # 80 bits


def new_secret() -> bytes:
    """A secret, 20 random bytes (RFC 4226 §4, R6)."""
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """The six digits of one step of 30 s since 1970.

    Example:
        >>> code_at(b"12345678901234567890", 1)  # RFC 6238, appendix B: 94287082 at 59 s
        '287082'
    """
    return TOTP(secret, DIGITS, SHA1(), STEP_S).generate(step * STEP_S).decode()  # noqa: S303 - RFC 6238's; HMAC with SHA-1 is sound


def step_of(secret: bytes, code: str, now_ms: int, after: int) -> int | None:
    """The step whose code this is, None where it is none of now.

    Args:
        secret: theirs.
        code: as typed.
        now_ms: milliseconds since 1970 UTC.
        after: the step of the last code that was taken; only later ones count.
    """
    typed = digits(code)
    now, found = now_ms // 1000 // STEP_S, None
    for step in range(now - _BESIDE, now + _BESIDE + 1):  # all of them, whichever fits
        if hmac.compare_digest(code_at(secret, step), typed) and step > after:
            found = step
    return found


def digits(code: str) -> str:
    """A code without what people put between its digits; ASCII."""
    return "".join(char for char in code if char in "0123456789")[:20]


def shown(secret: bytes) -> str:
    """A secret to type into an app, in groups.

    Example:
        >>> shown(bytes(20))
        'AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA'
    """
    text = b32encode(secret).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def uri(secret: bytes, issuer: str, who: str) -> str:
    """What the QR code says to an authenticator app."""
    issuer = issuer.replace(":", " ")
    query = urlencode({"secret": b32encode(secret).decode(), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(who)}?{query}"


def recovery_codes() -> list[str]:
    """Ten codes for paper, 80 random bits each."""
    return ["-".join(letters(_GROUP) for _ in range(_GROUPS)) for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> bytes:
    """What is kept of one: 80 random bits need no slow hash."""
    return sha256(b"gate-scanner/v1/recovery\0" + "".join(filter(str.isalnum, code)).casefold().encode(errors="replace")).digest()
