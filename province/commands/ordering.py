"""Sends one order to some scanners and follows each until it has ended: what `gate-province command` does once it is agreed to."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.link.broker_link import Arrived, Message
from edge_agent.wire import results, topics
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.command import NONCE_BYTES, Action
from edge_agent.wire.results import Refusal, Result, State
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.layout import Layout
from province.commands import issuing
from province.commands.issuing import Sent
from province.commands.operating import Desk
from province.commands.scanners import Scanners

_log = logging.getLogger(__name__)
_MOST_PARTS = 20
Tell = Callable[[DeviceName, Result], None]


@dataclass
class Order:
    """One order on its way.

    Attributes:
        layout: the province.
        scanners: what is known of those it may be sent to.
        action: what is ordered.
        arguments: of the action.
        life_ms: how long it may wait for its scanner.
        now_ms: the time.
        tell: told what comes of it, each word once.
        ends: how it ended, by scanner.
    """

    layout: Layout
    scanners: Scanners
    action: Action
    arguments: tuple[str, ...]
    life_ms: int
    now_ms: Callable[[], int]
    tell: Tell
    ends: dict[DeviceName, Result] = field(default_factory=dict)
    _waiting: dict[DeviceName, tuple[str, int]] = field(default_factory=dict)  # whose number, and which
    _pieces: dict[DeviceName, tuple[int, dict[int, bytes]]] = field(default_factory=dict)
    _answered: set[DeviceName] = field(default_factory=set)
    _told: set[tuple[DeviceName, int, State]] = field(default_factory=set)

    def send(self, desk: Desk, name: DeviceName, nonce: bytes | None = None) -> None:
        """Signs it for one scanner and sends it.

        Raises:
            ProvinceError: it was not sent.
        """
        issued_ms = self.now_ms()
        times = issued_ms, issued_ms + self.life_ms
        self.send_again(desk, name, issuing.sign(self.layout, self.scanners, name, self.action, self.arguments, times, nonce))

    def counter_of(self, name: DeviceName) -> int:
        """Of what was sent to a scanner last, 0 when nothing was or it has ended."""
        return self._waiting.get(name, ("", 0))[1]

    def send_again(self, desk: Desk, name: DeviceName, sent: Sent) -> None:
        """Sends the same bytes once more: a scanner that has them says how far it is, and never does it twice.

        Raises:
            ProvinceError: it was not sent.
        """
        self._waiting[name] = sent.issuer, sent.counter
        desk.send(Message(name.topic(Leaf.COMMANDS), sent.message))

    def follow(self, desk: Desk, within_s: float) -> None:
        """Hears what becomes of all that was sent, until each has ended or the time is over."""
        if not self._waiting:
            return
        for arrived in desk.heard(within_s):
            self.hear(desk, arrived)
            if not self._waiting:
                return

    def silent(self) -> list[DeviceName]:
        """Those whose end is not known."""
        return list(self._waiting)

    def received(self, name: DeviceName) -> bytes | None:
        """What a scanner has sent, None when a piece of it is missing."""
        parts, pieces = self._pieces.get(name, (0, {}))
        return b"".join(pieces[part] for part in range(1, parts + 1)) if parts and len(pieces) == parts else None

    def _take_piece(self, name: DeviceName, result: Result) -> None:
        piece = _piece(result)
        if piece is not None and 1 <= result.part <= result.parts <= _MOST_PARTS:
            parts, pieces = self._pieces.setdefault(name, (result.parts, {}))
            if parts == result.parts:
                pieces[result.part] = piece

    def hear(self, desk: Desk, arrived: Arrived) -> None:
        """Takes what came, if it is about this order.

        Raises:
            ProvinceError: a scanner asked for its nonce to be signed, and that was not sent.
        """
        whose = topics.parse(arrived.topic)
        try:
            result = results.decode(arrived.payload)
        except Malformed:
            return
        if whose is None or self._waiting.get(whose[0]) != (result.issuer, result.counter):
            return
        name = whose[0]
        if result.parts:
            self._take_piece(name, result)
            return
        if not results.is_proved(result, name, self.scanners.public_key(name)):
            _log.warning("%s: a result that its scanner has not signed was passed over", name)
            return
        nonce = _nonce_of(result)
        if nonce is not None and name not in self._answered:
            self._answered.add(name)
            self.send(desk, name, nonce)
            return
        if (said := (name, result.counter, result.state)) not in self._told:
            self._told.add(said)
            self.tell(name, result)
        if result.state.is_final:
            del self._waiting[name]
            self.ends[name] = result


def _piece(result: Result) -> bytes | None:
    try:
        return base64.b64decode(result.data, validate=True)
    except ValueError:
        return None


def _nonce_of(result: Result) -> bytes | None:
    """What a scanner without a clock wants to see in the command."""
    if result.state is not State.REFUSED or result.reason != Refusal.NO_CLOCK:
        return None
    try:
        nonce = bytes.fromhex(result.nonce)
    except ValueError:
        return None
    return nonce if len(nonce) == NONCE_BYTES else None
