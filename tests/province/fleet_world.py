"""A fleet to test against: telemetry of devices, a watch that works in a thread, and devices that leave a last will."""

from __future__ import annotations

import base64
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from province_world import WAIT_S, Scanner

from edge_agent.link.broker_link import BrokerLink, Connected, Event, Message
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import log_head, telemetry
from edge_agent.wire.entry import LogHead
from edge_agent.wire.telemetry import Log, Outbox, Source, Status, Telemetry, Versions
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.layout import FLEET, Layout
from province.watch.fleet_rules import Seen, Trouble
from province.watch.fleet_store import FleetStore
from province.watch.fleet_watch import FleetWatch

NAME, OTHER = DeviceName("bus-co", "scanner-1"), DeviceName("market-co", "scanner-1")
NOW_MS = 1_760_000_000_000
HEAD = LogHead(b"l" * 16, 12, b"h" * 32)
ONLINE, OFFLINE = Status(v=1, state="online"), Status(v=1, state="offline", reason="lost")


def well(**changes: Any) -> Telemetry:
    """The telemetry of a device that is well, but for the changes."""
    told = Telemetry(
        v=1, at_ms=NOW_MS, clock="synchronised", boot_id="0" * 32, uptime_s=60, versions=Versions("0.1.0"), period_s=30, gate="open",
        outbox=Outbox(0, 0, 0, 1.0), sources={"in": Source("working", 20.0, 8.0, 30.0)}, answers={"accepted": 5}, certificate_days=300,
    )  # fmt: skip
    return msgspec.structs.replace(told, **changes)


def signed(scanner: Scanner, head: LogHead, **changes: Any) -> Telemetry:
    """Telemetry with the head of the device's log."""
    proof = base64.b64encode(log_head.sign(scanner.name, head, scanner.signing_key)).decode()
    return well(at_ms=now_ms(), log=Log(head.log.hex(), head.seq, proof), **changes)


def seen(**changes: Any) -> Seen:
    """A device that is well and was heard a moment ago, but for the changes."""
    known: dict[str, Any] = {
        "name": NAME, "site": "Bến xe", "gate": "Cửa trước", "added_ms": NOW_MS, "status": ONLINE, "status_ms": NOW_MS, "telemetry": well(),
        "told_ms": NOW_MS, "scanned_ms": NOW_MS,
    }  # fmt: skip
    return Seen(**(known | changes))


class NotedStore(FleetStore):
    """A store that says when something was judged and committed."""

    def __init__(self, path: Path) -> None:
        self.changed = threading.Condition()
        self.open: dict[DeviceName, set[Trouble]] = {}
        self._judged: dict[DeviceName, set[Trouble]] = {}
        super().__init__(path)

    def judged(self, name: DeviceName, found: Mapping[Trouble, str], now_ms: int) -> tuple[list[Trouble], list[Trouble]]:
        self._judged[name] = set(found)
        return super().judged(name, found, now_ms)

    @contextmanager
    def together(self) -> Iterator[None]:
        with super().together():
            yield
        if not self._db.in_transaction:
            with self.changed:
                self.open |= self._judged
                self.changed.notify_all()


@dataclass
class Watching:
    """A watch at work; `store` is its own, for its thread, `look` a reader's."""

    watch: FleetWatch
    store: NotedStore
    look: FleetStore
    published: queue.SimpleQueue[Message]

    def until(self, name: DeviceName, wanted: Callable[[set[Trouble]], bool]) -> None:
        with self.store.changed:
            assert self.store.changed.wait_for(lambda: name in self.store.open and wanted(self.store.open[name]), WAIT_S), self.store.open


@contextmanager
def watching(layout: Layout) -> Iterator[Watching]:
    made: queue.SimpleQueue[tuple[FleetWatch, NotedStore, queue.SimpleQueue[Message]]] = queue.SimpleQueue()
    connected = threading.Event()
    links: list[BrokerLink] = []

    def on_event(event: Event) -> None:
        watch.watch.on_event(event)
        if isinstance(event, Connected):
            connected.set()

    def work() -> None:
        with NotedStore(layout.fleet_store) as store:
            watch = FleetWatch(store, layout.register)
            published: queue.SimpleQueue[Message] = queue.SimpleQueue()
            made.put((watch, store, published))

            def publish(message: Message) -> None:
                published.put(message)
                if links:
                    links[0].publish(message)

            watch.work(publish)

    thread = threading.Thread(target=work)
    thread.start()
    worker, store, published = made.get(timeout=WAIT_S)
    watch = Watching(worker, store, FleetStore(layout.fleet_store), published)
    port = layout.read_settings().port
    own = Endpoint("127.0.0.1", port, layout.authority_certificate, layout.fleet / "client.crt", layout.fleet / "client.key")
    link = BrokerLink(own, FLEET, ["gate/v1/+/+/status", "gate/v1/+/+/telemetry"], on_event, clean_session=True)
    links.append(link)
    link.start()
    try:
        assert connected.wait(WAIT_S)
        yield watch
    finally:
        link.stop()
        watch.watch.stop()
        thread.join(WAIT_S)
        watch.look.close()
        assert not thread.is_alive()


@contextmanager
def speaking(scanner: Scanner, keepalive_s: int = 5) -> Iterator[BrokerLink]:
    """A device at the broker, with its birth said and its will left."""
    connected = threading.Event()
    topic = scanner.name.topic(Leaf.STATUS)
    link = BrokerLink(
        scanner.endpoint, str(scanner.name), [], lambda event: connected.set() if isinstance(event, Connected) else None,
        will=Message(topic, telemetry.encode(OFFLINE), retain=True), keepalive_s=keepalive_s,
    )  # fmt: skip
    link.leave = Message(topic, telemetry.encode(msgspec.structs.replace(OFFLINE, returning=True)), retain=True)
    link.start()
    try:
        assert connected.wait(WAIT_S)
        assert link.publish_and_wait(Message(topic, telemetry.encode(ONLINE), retain=True), WAIT_S)
        yield link
    finally:
        link.stop()


def tell(link: BrokerLink, scanner: Scanner, payload: bytes | Telemetry, leaf: Leaf = Leaf.TELEMETRY) -> None:
    data = payload if isinstance(payload, bytes) else telemetry.encode(payload)
    assert link.publish_and_wait(Message(scanner.name.topic(leaf), data), WAIT_S)
