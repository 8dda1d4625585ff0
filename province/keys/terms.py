"""When what the province proves itself with ends: its TLS certificates, its officers' certificates, the list of revoked ones."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509

from edge_agent.wire import cose
from edge_agent.wire.authority import Power, read_certificate
from edge_agent.wire.cbor import Malformed
from province.base.clock import shown
from province.base.errors import NotAProvince
from province.base.layout import COLLECTORS, COMMANDER, FLEET, REGISTRAR, Layout
from province.keys.officers import certificate_file, read_root_public

_log = logging.getLogger(__name__)
DAY_MS = 86_400_000
EARLY = timedelta(days=60)


class Role(StrEnum):
    """What ends some day, in the order in which it is renewed."""

    AUTHORITY = "authority"
    BROKER = "broker"
    COLLECTOR = "collector"
    SECOND_COLLECTOR = "collector-2"
    REGISTRAR = "registrar"
    COMMANDER = "commander"
    FLEET = "fleet"
    DOOR = "door"
    REVOCATIONS = "revocations"
    KEYRING = "keyring"
    RECEIPTS = "receipts"
    TICKETS = "tickets"
    IDENTIFY = "identify"
    CONFIGURE = "configure"
    UPDATE = "update"


OFFICERS = {
    Role.KEYRING: Power.KEYRING, Role.RECEIPTS: Power.RECEIPTS, Role.TICKETS: Power.TICKETS, Role.IDENTIFY: Power.IDENTIFY,
    Role.CONFIGURE: Power.CONFIGURE, Role.UPDATE: Power.UPDATE,
}  # fmt: skip
CLIENTS = {  # their names at the broker
    Role.COLLECTOR: COLLECTORS[0], Role.SECOND_COLLECTOR: COLLECTORS[1], Role.REGISTRAR: REGISTRAR, Role.COMMANDER: COMMANDER,
    Role.FLEET: FLEET,
}  # fmt: skip
_LONG, _SHORT = timedelta(days=3652), timedelta(days=731)
# The list as long as the authority: when it runs out, the broker refuses everyone. The door's is checked by nobody, see decision 0060.
LIFE = {role: _SHORT if role is Role.BROKER or role in CLIENTS else _LONG for role in Role}


def early(role: Role) -> timedelta:
    """How long before its end a role is to be renewed: the authority so long that every scanner takes it with its yearly certificate."""
    return 2 * timedelta(days=366) if role is Role.AUTHORITY else EARLY


@dataclass(frozen=True, slots=True)
class Term:
    """How long something holds.

    Attributes:
        file: the certificate or list.
        ends_ms: milliseconds since 1970 UTC; None when it cannot be read.
        trouble: why not, for people.
    """

    role: Role
    file: Path
    ends_ms: int | None
    trouble: str = ""

    def days_left(self, now_ms: int) -> int:
        """Whole days, below 0 once it has ended; 0 when nobody knows."""
        return 0 if self.ends_ms is None else (self.ends_ms - now_ms) // DAY_MS

    def is_due(self, now_ms: int) -> bool:
        """Tells whether it is time to renew it."""
        return self.ends_ms is not None and self.ends_ms - now_ms < early(self.role).total_seconds() * 1000


def file_of(layout: Layout, role: Role) -> Path:
    """The certificate of a role, or the list."""
    match role:
        case Role.AUTHORITY:
            return layout.authority_certificate
        case Role.REVOCATIONS:
            return layout.revocations
        case Role.BROKER | Role.DOOR:
            return layout.root / role / "server.crt"
        case Role.COLLECTOR | Role.SECOND_COLLECTOR | Role.REGISTRAR | Role.COMMANDER | Role.FLEET:
            return layout.root / role / "client.crt"
        case _:
            return certificate_file(layout, OFFICERS[role])


def term(layout: Layout, role: Role) -> Term:
    """How long a role's certificate holds; what cannot be read is said, not raised: parts may lie on another machine."""
    file = file_of(layout, role)
    try:
        data = file.read_bytes()
        if role in OFFICERS:
            return Term(role, file, read_certificate(data, read_root_public(layout)).not_after_ms)
        if role is Role.REVOCATIONS:
            ends = x509.load_pem_x509_crl(data).next_update_utc
        else:
            ends = x509.load_pem_x509_certificate(data).not_valid_after_utc
    except OSError as error:
        return Term(role, file, None, f"cannot be read ({error.strerror})")
    except (ValueError, Malformed, cose.Forged, NotAProvince) as error:
        return Term(role, file, None, f"damaged ({error})")
    return Term(role, file, None if ends is None else int(ends.timestamp() * 1000))


def terms(layout: Layout, roles: Iterable[Role] = Role) -> list[Term]:
    """Each role's term."""
    return [term(layout, role) for role in roles]


class Watch:
    """Says in the log what ends soon: at once, and then once a day.

    Args:
        layout: the province.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._told_ms: int | None = None

    def tell(self, now_ms: int) -> None:
        """Looks, unless it has within the last day; cheap enough to be called every minute."""
        if self._told_ms is not None and abs(now_ms - self._told_ms) < DAY_MS:
            return
        self._told_ms = now_ms
        for one in terms(self._layout):
            if not one.is_due(now_ms):
                continue
            command = f"gate-province certificates renew {self._layout.root} {one.role}"
            if one.days_left(now_ms) < 0:
                _log.error("certificate of %s ended on %s: %s", one.role, shown(one.ends_ms), command)
            else:
                _log.warning("certificate of %s ends on %s, in %d days: %s", one.role, shown(one.ends_ms), one.days_left(now_ms), command)
