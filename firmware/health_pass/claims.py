"""Reads what a signed payload says: from when until when it holds, and for whom.

Source: RFC 8392 (claims), eHealth Network, Electronic Health Certificate Specification 1.0.8 section 3 (`hcert`). Passes in use have
nulls, white space and odd dates: none of them spoils a pass, but for a missing end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from firmware.health_pass import careful_cbor
from firmware.person_codes.national import bare_capitals

_EXP, _NBF, _IAT, _HCERT = 4, 5, 6, -260
_NAME_MAX_CHARS = 200
_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T.*)?)?)?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True, repr=False)
class Claims:
    """What a pass says, as far as a gate asks.

    Attributes:
        until_ms: its end, milliseconds since 1970.
        from_ms: its beginning; minus infinity when it says none.
        name: in capitals without diacritics, None when it says none.
        birth_date: `YYYY-MM-DD`, `YYYY-MM` or `YYYY`; None when it says none, or nothing that the calendar has.
    """

    until_ms: float
    from_ms: float
    name: str | None
    birth_date: str | None


def read_claims(payload: bytes) -> Claims:
    """Reads a payload whose signature is good.

    Raises:
        ValueError: it has no end, or is about something else than health.
    """
    claims = careful_cbor.loads(payload)
    if not isinstance(claims, Mapping) or not isinstance(container := claims.get(_HCERT), Mapping):
        raise ValueError("no health certificate")  # noqa: TRY004 - whoever wrote the code passed it, not a caller
    certificate = container.get(1)
    if not isinstance(certificate, Mapping):
        raise ValueError("no health certificate of version 1")  # noqa: TRY004 - as above
    until_ms = _moment_ms(claims.get(_EXP))
    if until_ms is None:
        raise ValueError("no end")
    starts = (_moment_ms(claims.get(_NBF)), _moment_ms(claims.get(_IAT)))
    names = certificate.get("nam")
    return Claims(
        until_ms=until_ms,
        from_ms=max((start for start in starts if start is not None), default=-math.inf),
        name=_name(names) if isinstance(names, Mapping) else None,
        birth_date=_birth_date(certificate.get("dob")),
    )


def _moment_ms(value: object) -> float | None:
    """A NumericDate (RFC 8392 section 2), whole or not, with or without tag 1."""
    if isinstance(value, datetime):
        value = value.timestamp() if value.tzinfo else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value * 1000


def _name(names: Mapping[object, object]) -> str | None:
    parts = [_text(names.get(plain)) or _text(names.get(machine)) for plain, machine in (("fn", "fnt"), ("gn", "gnt"))]
    return " ".join(bare_capitals(" ".join(parts)).split())[:_NAME_MAX_CHARS] or None


def _text(value: object) -> str:
    return value.replace("<", " ").strip() if isinstance(value, str) else ""


def _birth_date(value: object) -> str | None:
    """`YYYY-MM-DD`, `YYYY-MM` or `YYYY`; anything else is left out: the signature holds, and no pass is refused for an odd date."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    parts = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None:
        return None
    year, month, day = parts.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    return "-".join(part for part in (year, month, day) if part)
