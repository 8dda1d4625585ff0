"""Enters in the audit log what operators order from desks of their own, as the broker carries it to the scanners.

Only what is signed by a key of the province that is for one organisation: what the province's own commander sends is entered before it is
sent. Each order is a line once, also after a restart: the register keeps each key's highest counter for each scanner. Decision 0092.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from edge_agent.wire import authority, command, cose, desired_config
from edge_agent.wire.authority import Power
from edge_agent.wire.command import COMMAND, MAX_COMMAND_BYTES, POWERS
from edge_agent.wire.cose import Forged
from edge_agent.wire.desired_config import CONFIG, MAX_CONFIG_BYTES
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.looks.looking import user
from province.records import audit
from province.records.audit import Line
from province.store.opened import Connection
from province.store.schema import counter as table
from province.trust import operator_records

_log = logging.getLogger(__name__)


class Overhearing:
    """Hears orders.

    Args:
        layout: the province.
        root: the pinned root key.
    """

    def __init__(self, layout: Layout, root: Ed25519PublicKey) -> None:
        self._layout, self._root = layout, root

    def take(self, connection: Connection, name: DeviceName, leaf: Leaf, payload: bytes) -> bool:
        """Enters one order, unless it is none of an operator's or was entered before; says whether it did.

        Args:
            connection: the register.
            name: whose topic it came on.
            leaf: which of them.
            payload: as it came.

        Raises:
            Malformed, Forged: not an order, or by nobody we know.
            ProvinceError, OSError: it cannot be entered now.
        """
        kind, powers, most = (
            (COMMAND, POWERS, MAX_COMMAND_BYTES) if leaf is Leaf.COMMANDS else (CONFIG, (Power.CONFIGURE,), MAX_CONFIG_BYTES)
        )
        _payload, certificate = authority.verify_signer_of(payload, kind, powers, self._root, most)
        if certificate.org is None:
            return False
        issuer = cose.key_id(certificate.public_key).hex()
        counter, said = self._read(name, leaf, payload)
        place = f"ordered/{issuer}/{name}/{leaf}"
        known = connection.value(select(table.c.value).where(table.c.name == place))
        if known is not None and counter <= known:
            return False
        noting = connection.insert(table).values(name=place, value=counter)
        noted = noting.on_conflict_do_update(index_elements=[table.c.name], set_={"value": counter})
        self._enter(connection, issuer, f"{name}: {said}", lambda: connection.execute(noted))
        return True

    def _read(self, name: DeviceName, leaf: Leaf, payload: bytes) -> tuple[int, str]:
        if leaf is Leaf.COMMANDS:
            ordered = command.verify(payload, self._root).command
            target, words = ordered.target, " ".join((str(ordered.action), *ordered.arguments))
            counter = ordered.counter
        else:
            desired = desired_config.verify(payload, self._root, name)
            target, words, counter = desired.target, "config set", desired.counter
        if target != name:
            raise Forged("for another scanner than its topic's")
        return counter, words if words.isprintable() else "with words that cannot be printed"

    def _enter(self, connection: Connection, issuer: str, said: str, note: Callable[[], object]) -> None:
        who = next((one.name for one in operator_records.every(self._layout) if any(key.id == issuer for key in one.keys)), None)

        def make(place: int, previous: bytes) -> Line:
            return Line(place, previous, now_ms(), "command", who or f"key {issuer}", user(), f"{said} (from a desk)"[:200])

        audit.append(connection, self._layout.register, Keystore(self._layout.keystore), make, also=note)
        _log.info("ordered from a desk: operator=%s %s", who or issuer, said)
