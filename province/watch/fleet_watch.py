"""Watches the fleet: takes what devices tell, keeps it, judges it, and lets Home Assistant discover them. One thread does all of it.

It takes no part in the promises: entries go on whether it runs or not.
"""

from __future__ import annotations

import base64
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.link.broker_link import Arrived, Connected, Disconnected, Event, Message
from edge_agent.wire import log_head, telemetry, topics
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.entry import LogHead
from edge_agent.wire.telemetry import Telemetry
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.base.seldom import Seldom
from province.records import views
from province.records.alerts import AlertKind
from province.records.ledger import gaps
from province.registry import devices
from province.store import database
from province.store.opened import Connection
from province.watch import fleet_discovery
from province.watch.fleet_rules import USUAL, Facts, Limits, Listening, Seen, Trouble, counts_from_ms, is_away, missing, troubles
from province.watch.fleet_store import FleetStore
from province.watch.overhearing import Overhearing

_log = logging.getLogger(__name__)
_SWEEP_S, _REGISTER_S, _SOON_S, _REST_S = 10.0, 60.0, 5.0, 1.0
_WAITING_MOST, _TELEMETRY_MOST = 50_000, 5000
_BATCH_MOST = 500


class FleetWatch:
    """The worker behind a broker link.

    Args:
        store: opened in the thread that calls `work`.
        register: the register's file.
        limits: from where on something is a trouble.
        discover: whether to publish Home Assistant's discovery.
        alive: called at each round.
        offers: what scanners may fetch now, by architecture and Python; asked once a minute.
        overhearing: enters what operators order from desks of their own; None enters nothing.

    Give `on_event` to a `BrokerLink`, start it, and call `work` with its `publish`.
    """

    def __init__(
        self,
        store: FleetStore,
        register: Path,
        limits: Limits = USUAL,
        *,
        discover: bool = True,
        alive: Callable[[], None] = lambda: None,
        offers: Callable[[], fleet_discovery.Offered] = dict,
        overhearing: Overhearing | None = None,
    ) -> None:
        self._offers = offers
        self._offered: fleet_discovery.Offered = {}
        self._overhearing = overhearing
        self._store, self._register, self._limits, self._discover, self._alive = store, register, limits, discover, alive
        self._queue: queue.Queue[Arrived | None] = queue.Queue(_WAITING_MOST)
        self._stopping, self._connected = threading.Event(), threading.Event()
        self._keys: Mapping[DeviceName, Ed25519PublicKey] = {}
        # What the watch before us found missing stands until the register can say: a start anew ends no alert.
        self._facts = {each.name: Facts(gap=each.words) for each in store.alerts(None) if each.trouble is Trouble.GAP}
        self._discovered: dict[DeviceName, bytes] = {}
        self._unknown = False
        self._since_ms: int | None = None  # as fleet_rules.Listening; None: not connected
        self._lost_ms = now_ms()
        self._away: dict[DeviceName, float] = {}  # who is away, and does not count as offline before
        self._seldom = Seldom()

    def on_event(self, event: Event) -> None:
        """Takes what the link tells, in the link's thread."""
        match event:
            case Connected():
                _log.info("connected to the broker")
                self._since_ms = now_ms()
                self._connected.set()
            case Disconnected(why):
                _log.warning("not connected: %s; trying again", why)
                if self._since_ms is not None:
                    self._since_ms, self._lost_ms = None, now_ms()
            case Arrived():
                if not self._queued(event) and (count := self._seldom.worth_a_line("dropped")):
                    _log.warning("dropped %d messages: they come faster than they are taken; devices say it again", count)

    def _queued(self, event: Arrived) -> bool:
        """Telemetry leaves room: it is said again soon; births and wills are not, and after a restart all come at once."""
        if event.topic.endswith(f"/{Leaf.TELEMETRY}") and self._queue.qsize() >= _TELEMETRY_MOST:
            return False
        with suppress(queue.Full):
            self._queue.put_nowait(event)
            return True
        return False

    def stop(self) -> None:
        """Ends `work`; may be called from any thread."""
        self._stopping.set()
        with suppress(queue.Full):
            self._queue.put_nowait(None)

    def work(self, publish: Callable[[Message], object]) -> None:
        """Watches until `stop`.

        Args:
            publish: sends a message.
        """
        register_s = sweep_s = float("-inf")
        while not self._stopping.is_set():
            self._alive()
            now_s = time.monotonic()
            try:
                if now_s >= register_s + (_SOON_S if self._unknown else _REGISTER_S):
                    register_s, self._unknown = now_s, False
                    self._look_up(publish)
                if now_s >= sweep_s + _SWEEP_S:
                    sweep_s = now_s
                    self._sweep()
                batch = self._batch(min(sweep_s + _SWEEP_S - time.monotonic(), self._until_one_counts_s()))
                if self._connected.is_set():
                    self._connected.clear()
                    self._discovered.clear()  # the broker may have lost its store; after the batch, whose messages are of that connection
                with self._store.together():
                    for arrived in batch:
                        self._take(arrived, publish)
                    self._judge_who_counts_now()
            except sqlite3.Error as error:  # what was told is told again
                if count := self._seldom.worth_a_line("store"):
                    _log.error("the fleet cannot be kept now (%d times): %s. Make room, or look for who holds fleet.sqlite", count, error)
                self._stopping.wait(_REST_S)

    def _batch(self, wait_s: float) -> list[Arrived]:
        taken: list[Arrived] = []
        try:
            item = self._queue.get(timeout=max(0.01, wait_s))
            while item is not None:
                taken.append(item)
                if len(taken) == _BATCH_MOST:
                    break
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        return taken

    def _look_up(self, publish: Callable[[Message], object]) -> None:
        """Reads again from the register who is registered, and what has come of their logs."""
        try:
            with closing(database.connect(self._register)) as connection:
                known = [each for each in devices.every(connection) if each.status == devices.ACTIVE]
                at_ms = now_ms()
                facts = _facts(connection, at_ms)
        except (ProvinceError, sqlite3.Error) as error:
            if count := self._seldom.worth_a_line("register"):
                _log.warning("the register cannot be read now (%d times): %s", count, error)
            return
        self._look_for_releases()
        self._keys = {each.name: each.public_key for each in known}
        for name in self._store.registered([Seen(each.name, each.site, each.gate, each.added_ms) for each in known]):
            if self._discover:
                publish(fleet_discovery.gone(name))
        self._facts = {seen.name: self._with_gap(seen, facts.get(seen.name, Facts(at_ms))) for seen in self._store.devices(None)}

    def _look_for_releases(self) -> None:
        try:
            self._offered = self._offers()
        except (ProvinceError, OSError) as error:
            if count := self._seldom.worth_a_line("releases"):
                _log.warning("the releases cannot be read now (%d times): %s", count, error)

    def _with_gap(self, seen: Seen, facts: Facts) -> Facts:
        """While nobody can say what is missing, it stands as it stood: an alert must not come and go with each telemetry."""
        found = missing(seen, facts)
        if found is None:
            found = self._facts[seen.name].gap if seen.name in self._facts else ""
        return replace(facts, gap=found)

    def _sweep(self) -> None:
        self._store.trim(now_ms())
        with self._store.together():
            for seen in self._store.devices(None):
                self._judge(seen)

    def _judge(self, seen: Seen) -> None:
        at_ms = now_ms()
        listening = Listening(
            at_ms if self._since_ms is None else self._since_ms, self._lost_ms
        )  # while nobody speaks to us nobody is silent
        found = troubles(seen, self._facts.get(seen.name, Facts()), at_ms, self._limits, listening)
        self._away.pop(seen.name, None)
        if is_away(seen) and Trouble.OFFLINE not in found:
            self._away[seen.name] = counts_from_ms(seen, self._limits, listening)
        new, over = self._store.judged(seen.name, found, at_ms)
        for what, told in (("alert", new), ("over", over)):
            for trouble in told:
                _log.info("%s device=%s trouble=%s", what, seen.name, trouble)

    def _until_one_counts_s(self) -> float:
        return (min(self._away.values(), default=float("inf")) - now_ms()) / 1000

    def _judge_who_counts_now(self) -> None:
        at_ms = now_ms()
        for name in [name for name, from_ms in self._away.items() if from_ms <= at_ms]:
            seen = self._store.device(name)
            if seen is None:
                del self._away[name]
            else:
                self._judge(seen)

    def _take(self, arrived: Arrived, publish: Callable[[Message], object]) -> None:
        found = topics.parse(arrived.topic)
        if found is None or found[0] not in self._keys:
            self._unknown = True  # revoked a moment ago, or registered: it says it again
            return
        name, leaf = found
        try:
            if leaf is Leaf.STATUS:
                self._store.status(name, telemetry.decode_status(arrived.payload), now_ms())
            elif leaf is Leaf.TELEMETRY and not arrived.retained:  # what is retained was true some day
                told = telemetry.decode(arrived.payload)
                self._store.told(name, told, self._head(name, told), now_ms())
            elif leaf in {Leaf.COMMANDS, Leaf.CONFIG_DESIRED}:
                self._overhear(name, leaf, arrived.payload)
                return
            else:
                return
        except (Malformed, Forged) as error:
            self._refuse(name, leaf, str(error))
            return
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - a message that meets a fault of ours must not end the process; its text may be the message's
            self._refuse(name, leaf, f"internal error: {type(error).__name__}")
            return
        seen = self._store.device(name)
        if seen is not None:
            self._judge(seen)
            self._let_discover(seen, publish)

    def _overhear(self, name: DeviceName, leaf: Leaf, payload: bytes) -> None:
        if self._overhearing is None or not payload:
            return
        try:
            with closing(database.connect(self._register)) as connection:
                self._overhearing.take(connection, name, leaf, payload)
        except (ProvinceError, OSError, sqlite3.Error) as error:
            _log.error("ordered from a desk, and not entered in the audit log: device=%s leaf=%s: %s", name, leaf, error)

    def _refuse(self, name: DeviceName, leaf: Leaf, why: str) -> None:
        self._store.refuse(name, leaf, why, now_ms())
        if count := self._seldom.worth_a_line(name, leaf):
            _log.warning("refused device=%s leaf=%s count=%d: %s", name, leaf, count, why)

    def _head(self, name: DeviceName, told: Telemetry) -> LogHead | None:
        if told.log is None or not told.log.signed:
            return None
        try:
            signed = base64.b64decode(told.log.signed, validate=True)
        except ValueError:  # binascii.Error is one
            raise Malformed("telemetry: the signed head is not base64") from None
        head = log_head.verify(signed, name, self._keys[name])
        if (head.log.hex(), head.seq) != (told.log.id, told.log.seq):
            raise Malformed("telemetry: the signed head is another than the one told")
        return head

    def _let_discover(self, seen: Seen, publish: Callable[[Message], object]) -> None:
        made = fleet_discovery.message(seen, self._offered) if self._discover else None
        if made is not None and self._discovered.get(seen.name) != made.payload:
            self._discovered[seen.name] = made.payload
            publish(made)


def _facts(connection: Connection, at_ms: int) -> dict[DeviceName, Facts]:
    forks: dict[DeviceName, int] = {}
    holes: dict[DeviceName, int] = {}
    for alert in views.alerts(connection):
        if alert.resolved_ms is None:
            counted = forks if alert.kind is AlertKind.FORK else holes
            counted[alert.name] = counted.get(alert.name, 0) + 1
    reached: dict[DeviceName, dict[bytes, tuple[int, bytes]]] = {}
    for (name, log), spans in views.spans(connection).items():
        last = max(spans, key=lambda span: span.last)
        reached.setdefault(name, {})[log] = last.last, last.last_hash
        holes[name] = holes.get(name, 0) + sum(to - first + 1 for first, to in gaps(spans))
    return {name: Facts(at_ms, forks.get(name, 0), holes.get(name, 0), reached.get(name, {})) for name in {*forks, *holes, *reached}}
