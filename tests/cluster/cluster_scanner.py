"""A scanner with a card full of entries: sends them as the agent does, and keeps each until a receipt names it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from province_world import Log, Scanner

from edge_agent.carry.send_window import SendWindow
from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Event, Message
from edge_agent.wire import envelope, receipt
from edge_agent.wire.topics import Leaf
from province.base.clock import now_ms

_WINDOW, _RECEIPT_TIMEOUT_S = 25, 20.0  # few under way, so that many still wait when something is killed


class ClusterScanner:
    """One scanner.

    Args:
        scanner: its keys and name.
        entries: how many it has sealed before.
        told: called after each receipt, in any thread.
    """

    def __init__(self, scanner: Scanner, entries: int, told: Callable[[], None]) -> None:
        self.name = scanner.name
        self._scanner, self._told = scanner, told
        log = Log.new(scanner)
        self.log = log.log
        self.made = dict(enumerate((log.append() for _ in range(entries)), 1))
        self.hashes = {seq: envelope.envelope_hash(made) for seq, made in self.made.items()}
        self._waiting = dict(self.made)
        self._lock = threading.RLock()
        self._window = SendWindow(_WINDOW, _RECEIPT_TIMEOUT_S)
        self._link: BrokerLink | None = None
        self._is_up = False
        self.receipted: Counter[int] = Counter()  # how many receipts name an entry
        self.sent = self.connections = 0
        self.wrong: list[str] = []  # receipts that cannot be

    def start(self) -> None:
        self._link = BrokerLink(self._scanner.endpoint, str(self.name), [self.name.topic(Leaf.RECEIPTS)], self._on_event)
        self._link.start()

    def stop(self) -> None:
        if self._link is not None:
            self._link.stop()

    def send_what_waits(self) -> None:
        """As the agent's uplink does: oldest first, so many at once, again after a time-out."""
        with self._lock:
            link, now_s = self._link, time.monotonic()
            if link is None or not self._is_up:
                return
            self._window.tick(now_s)
            for seq in [seq for seq in self._waiting if seq > self._window.after][: self._window.room()]:
                self._window.sent(seq, now_s, link.publish(Message(self.name.topic(Leaf.ENTRIES), self._waiting[seq])))
                self.sent += 1
            if self._waiting and self._window.room():
                self._window.reached_end(now_s)

    def _on_event(self, event: Event) -> None:
        match event:
            case Connected():
                with self._lock:
                    self._is_up = True
                    self.connections += 1
                    self._window.restart()
            case Arrived():
                self._receipted(event.payload)
            case _:
                with self._lock:
                    self._is_up = False
        self.send_what_waits()

    def _receipted(self, payload: bytes) -> None:
        given = receipt.verify(payload, self._scanner.root, self.name, now_ms())
        with self._lock:
            for part in given.ranges:
                if given.log != self.log or self.hashes.get(part.last) != part.last_hash or part.status is not receipt.Status.REGISTERED:
                    self.wrong.append(f"{self.name}: {part}")
                    continue
                for seq in range(part.first, part.last + 1):
                    self.receipted[seq] += 1
                    self._waiting.pop(seq, None)
                self._window.settled(part.first, part.last)
        self._told()
