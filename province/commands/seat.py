"""From where orders are given: the province's own folder, or an operator's desk away from it. What signs and sends is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_agent.wire.results import Refusal, Result
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.broker_address import broker_address
from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import COMMANDER, Layout
from province.commands import desk, operators
from province.commands.operating import Desk
from province.commands.scanners import Registered, Scanners
from province.keys.keystore import Keystore
from province.looks.looking import user
from province.records import audit
from province.records.audit import Line
from province.registry import revocations
from province.store.opened import Connection

LEARN_S = 75.0  # telemetry comes each half minute


@dataclass(frozen=True, slots=True)
class Seat:
    """A place to give orders from.

    Attributes:
        layout: its folder.
        scanners: those it may order.
        address: of the broker.
        user: who it is there.
        enter: one line in the log that belongs to it, before something is sent: what, why. Raises ProvinceError: nothing may be sent.
        listed: the desk's list; None at the province.
    """

    layout: Layout
    scanners: Scanners
    address: tuple[str, int]
    user: str
    enter: Callable[[str, str], None]
    listed: desk.Listed | None = None

    def leaves(self, wanted: Leaf) -> tuple[Leaf, ...]:
        """What to listen to: from a desk also to what tells which log a scanner writes."""
        return (wanted,) if self.listed is None else (wanted, Leaf.TELEMETRY)

    def learn(self, at: Desk, names: list[DeviceName]) -> None:
        """Hears from the scanners which log each writes, where that is not known here.

        Raises:
            ProvinceError: it cannot be kept.
        """
        if self.listed is None:
            return
        missing = self.listed.unknown(names)
        if not missing:
            return
        for arrived in at.heard(LEARN_S):
            if (name := self.listed.learn(arrived)) is not None:
                missing.discard(name)
            if not missing:
                return

    def forget_wrong(self, ends: Mapping[DeviceName, Result]) -> None:
        """Forgets the logs that scanners say they do not write."""
        for name, end in ends.items():
            if self.listed is not None and end.reason == Refusal.WRONG_LOG:
                self.listed.forget(name)


@contextmanager
def taken(folder: Path, broker: str | None) -> Iterator[Seat]:
    """Takes a seat.

    Args:
        folder: a province's or a desk's.
        broker: HOST:PORT, None for the one it knows.

    Raises:
        NotAProvince: neither, or damaged, or a province that was not prepared for commands.
        As `revocations.connect`.
    """
    layout = Layout(folder.absolute())
    if desk.is_one(layout.root):
        plate = desk.read(layout)
        known = desk.Listed(layout, plate.org)
        address = broker_address(broker, (plate.host, plate.port))
        yield Seat(layout, known, address, plate.user, lambda what, reason: desk.note(layout, what, reason), known)
        return
    settings = layout.read_settings()
    if not operators.is_ready(layout):
        raise NotAProvince(f"{layout.root}: has no keys for commands yet. Once: gate-province command prepare {layout.root} --help")
    address = broker_address(broker, (settings.hosts[0], settings.port))
    with closing(revocations.connect(layout, now_ms())) as connection:
        yield Seat(layout, Registered(connection), address, COMMANDER, lambda what, reason: enter(layout, connection, what, reason))


def enter(layout: Layout, connection: Connection, what: str, reason: str, who: str = "") -> None:
    """One line of the audit log, before it is sent; `who` orders it, where that is not the user who runs this.

    Raises:
        ProvinceError: it cannot be written; nothing may be sent.
    """
    said = what[:90] + (f" ({reason})" if reason else "")

    def make(place: int, previous: bytes) -> Line:
        return Line(place, previous, now_ms(), "command", who or user(), user(), said)

    try:
        audit.append(connection, layout.register, Keystore(layout.keystore), make)
    except OSError as error:
        raise ProvinceError(f"{layout.keystore}: the audit log cannot be written ({error.strerror}); nothing was sent.") from None
