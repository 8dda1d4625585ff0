"""Takes a rollout one step further: orders whose turn it is, hears what became of the others, looks how they are, and decides.

A step is short, so that other commands go between two; whatever ends it, the next begins with what the file says.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass

from edge_agent.wire import command
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.command import Action
from edge_agent.wire.cose import Forged
from edge_agent.wire.results import Result
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import Layout
from province.commands import issuing
from province.commands.issuing import Sent
from province.commands.operating import Desk, at_the_broker
from province.commands.ordering import Order
from province.commands.scanners import Registered
from province.commands.seat import enter
from province.keys import officers
from province.registry import revocations
from province.release import rollout
from province.release.rollout import Came, Rollout
from province.store.opened import Connection
from province.watch.fleet_rules import Seen, Trouble
from province.watch.fleet_store import FleetStore

SERIOUS = {Trouble.FIRMWARE, Trouble.OFFLINE, Trouble.SOURCE, Trouble.BACKLOG, Trouble.GAP, Trouble.FORK, Trouble.PART}


@dataclass(frozen=True, slots=True)
class Pace:
    """How a step behaves.

    Attributes:
        broker: its address.
        life_s: how long a command waits for its scanner.
        listen_s: how long answers are waited for.
        watch: whether the scanners' own telemetry must say that they are well.
    """

    broker: tuple[str, int]
    life_s: int
    listen_s: float
    watch: bool = True


class _Halted(Exception):
    """Too many have failed: nobody else is ordered it, and nobody is waited for."""


@dataclass
class Step:
    """One step of one rollout."""

    layout: Layout
    going: Rollout
    pace: Pace
    tell: Callable[[str, str], None]

    def take(self) -> None:
        """Does it; the file says all of it when this returns.

        Raises:
            ProvinceError: broker, register or disk failed; what was done is in the file.
        """
        with closing(revocations.connect(self.layout, now_ms())) as connection:
            self._drop_strangers(connection)
            with suppress(_Halted):
                self._talk(connection)
        rollout.give_up(self.going, now_ms() - self.pace.life_s * 1000, now_ms())
        if self.pace.watch:
            rollout.note_unwell(self.going, self._troubles(), now_ms())
        rollout.judge(self.going, now_ms())
        rollout.save(self.layout, self.going)

    def _drop_strangers(self, connection: Connection) -> None:
        """Who was revoked or moved meanwhile is nobody to wait for."""
        for name in self.going.names:
            one = self.going.ones[name]
            if one.came in {Came.WAITING, Came.ORDERED}:
                try:
                    Registered(connection).named(name)
                except NotAProvince as error:
                    one.came, one.why = Came.AWAY, str(error)[:300]

    def _talk(self, connection: Connection) -> None:
        waiting, due = rollout.outstanding(self.going), rollout.due(self.going)
        if not waiting and not due:
            return
        names = [_name(text) for text in (*waiting, *due)]
        arguments = (self.going.release, self.going.address)
        scanners = Registered(connection)
        order = Order(self.layout, scanners, Action.UPDATE, arguments, self.pace.life_s * 1000, now_ms, self._told)
        with at_the_broker(self.layout, self.pace.broker, names, Leaf.RESULTS) as desk:
            for text in waiting:
                self._ask_again(order, desk, _name(text), self.going.ones[text].counter, arguments)
            for text in due:
                if rollout.is_aborted(self.layout, self.going):
                    return
                name = _name(text)
                try:
                    scanners.log(name)
                except ProvinceError as error:  # nothing of it has come yet
                    self._came(text, Came.AWAY, str(error))
                    continue
                enter(self.layout, connection, f"{name}: {Action.UPDATE} {self.going.release[:12]}", f"stage {self.going.percent} %")
                order.send(desk, name)
                one = self.going.ones[text]
                one.came, one.counter, one.at_ms = Came.ORDERED, order.counter_of(name), now_ms()
                rollout.save(self.layout, self.going)
                self.tell(text, "ordered")
            order.follow(desk, self.pace.listen_s)

    def _ask_again(self, order: Order, desk: Desk, name: DeviceName, counter: int, arguments: tuple[str, ...]) -> None:
        """The same bytes once more: who has them says how far it is, and never does it twice."""
        message = issuing.last_sent(self.layout, name)
        try:
            known = command.verify(message, officers.read_root_public(self.layout))
        except (Malformed, Forged):
            return
        ordered = known.command
        anew = (ordered.action, ordered.arguments) == (Action.UPDATE, arguments)  # with its nonce, and then we were killed
        if ordered.counter == counter or anew:  # else somebody ordered it something else since: its end is not known any more
            order.send_again(desk, name, Sent(known.issuer, ordered.counter, message))

    def _told(self, name: DeviceName, result: Result) -> None:
        one = self.going.ones[str(name)]
        if one.came is Came.ORDERED:
            one.counter = result.counter  # a scanner that knew no time was sent another with its nonce
        rollout.note(self.going, str(name), result.counter, str(result.state), result.reason, result.detail, now_ms())
        self.tell(str(name), f"{result.state}{': ' + result.reason if result.reason else ''}")
        if result.state.is_final:
            rollout.judge(self.going, now_ms())
            rollout.save(self.layout, self.going)
            if self.going.phase is rollout.Phase.HALTED:
                raise _Halted

    def _came(self, text: str, came: Came, why: str) -> None:
        one = self.going.ones[text]
        one.came, one.why, one.at_ms = came, why[:300], now_ms()

    def _troubles(self) -> dict[str, str]:
        """What is wrong now with those that were updated, as `gate-province watch` has it."""
        if not self.layout.fleet_store.exists():
            raise NotAProvince(f"{self.layout.fleet_store}: not there: run gate-province watch, or say --without-watch.")
        org = self.going.org or None
        with FleetStore(self.layout.fleet_store) as store:
            found: dict[str, str] = {}
            for seen in store.devices(org):
                one = self.going.ones.get(str(seen.name))
                if one is not None and one.came is Came.UPDATED and (why := self._other_version(seen, one.at_ms)):
                    found[str(seen.name)] = why
            for alert in store.alerts(org):
                one = self.going.ones.get(str(alert.name))
                if one is not None and alert.trouble in SERIOUS and alert.raised_ms >= one.at_ms:
                    found[str(alert.name)] = f"{alert.trouble}: {alert.words}"
        return found

    def _other_version(self, seen: Seen, since_ms: int) -> str:
        told = seen.telemetry
        if told is None or seen.told_ms <= since_ms + told.period_s * 1000 or told.versions.software == self.going.software:
            return ""
        return f"tells that it runs {told.versions.software}"


def _name(text: str) -> DeviceName:
    org, _, device = text.partition("/")
    return DeviceName(org, device)
