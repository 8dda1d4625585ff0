"""A simulated scanner that speaks the real protocol: the agent's own link, back-off, reporter, send window and encoders, without a gate.

Its birth, last will, telemetry with signed heads, sealed entries and words on commands are those of a real one; what it tells of its
board is invented by `sim_conditions`.
"""

from __future__ import annotations

import base64
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from province_world import Log, Scanner
from sim_conditions import CONDITIONS, WELL, telemetry

from edge_agent.carry.send_window import SendWindow
from edge_agent.health.own_health import OwnHealth
from edge_agent.health.reporting import Reporter
from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Event, Message
from edge_agent.wire import command, log_head, receipt, results, topics
from edge_agent.wire.entry import Kind, LogHead
from edge_agent.wire.results import Result, State
from edge_agent.wire.telemetry import VERSION, Outbox, Status, Telemetry, decode, encode
from edge_agent.wire.telemetry import Log as ToldLog
from edge_agent.wire.topics import Leaf
from province.base.clock import now_ms

_WINDOW, _RECEIPT_TIMEOUT_S = 400, 20.0  # as settings.AgentSettings has them
_DESTROYED, _TAIL = 1, 5
Note = Callable[..., None]


def _status(scanner: Scanner, state: Any, reason: Any = None) -> Message:
    said = Status(v=VERSION, state=state, reason=reason, since_ms=now_ms() if state == "online" else None, software="0.1.0")
    return Message(scanner.name.topic(Leaf.STATUS), encode(said), retain=True)


class SimulatedScanner:
    """One scanner; every method may be called from any thread.

    Args:
        scanner: its keys and name.
        period_s: of its telemetry.
        keepalive_s: of its connection.
        note: told what it does: a word, and facts about it.
        condition: of `sim_conditions`, from the start on.
    """

    def __init__(self, scanner: Scanner, period_s: float, keepalive_s: int, note: Note, condition: str = WELL) -> None:
        self.name = scanner.name
        self._scanner, self._period_s, self._keepalive_s, self._note = scanner, period_s, keepalive_s, note
        self._lock = threading.RLock()
        self._log = Log.new(scanner)
        self._told_head: LogHead | None = None  # another than the log's
        self._window = SendWindow(_WINDOW, _RECEIPT_TIMEOUT_S)
        self._waiting: dict[int, bytes] = {}
        self._recorded_s: dict[int, float] = {}
        self._answers = 1
        self._passing, self._away = True, False
        self._done: set[int] = set()  # counters of commands
        self._condition = CONDITIONS[condition]
        self._said: object = condition
        self._today = 0
        self._told = threading.Event()
        self.last = b""  # telemetry
        self._link: BrokerLink | None = None
        self._reporter = Reporter(self.name, cast("OwnHealth", self), self._publish_health, period_s)
        if self._condition.deed == "silent":
            self._passing, self._answers = False, 0

    # What it is told to do

    def start(self) -> None:
        """The power comes."""
        if self._condition.deed == "absent":
            return
        self.append(Kind.BOOT)
        self._connect()
        if self._condition.deed != "mute":
            self._reporter.start()

    def _connect(self) -> None:
        wanted = [topics.KEYRING, *(self.name.topic(leaf) for leaf in topics.DEVICE_READS)]
        self._link = BrokerLink(
            self._scanner.endpoint, str(self.name), wanted, self._on_event, will=_status(self._scanner, "offline", "lost"),
            keepalive_s=self._keepalive_s,
        )  # fmt: skip
        self._link.start()

    def become(self, condition: str) -> None:
        """Gets into another condition, and tells so."""
        self._condition = CONDITIONS[condition]
        match self._condition.deed:
            case "fork":
                twin = self._log.copy()
                self.append()
                self._publish(Leaf.ENTRIES, twin.append())
            case "put back":
                threading.Thread(target=self._be_put_back, daemon=True).start()
                return
            case "cut tail":
                self._passing = False
                self._told_head = LogHead(self._log.log, self._log.seq + _TAIL, b"t" * 32)
            case "destroy":
                with self._lock:
                    for _ in range(_DESTROYED):
                        self._log.append()
                self.append()
            case "nonsense":
                self._publish(Leaf.TELEMETRY, b'{"v": 1, "mood": "fine"}')
                return
            case "forge":
                self._publish(Leaf.TELEMETRY, encode(self._look(Ed25519PrivateKey.generate())))
                return
            case "stop":
                self._passing = False
                self._leave(_status(self._scanner, "offline", "stopped"))
                return
        self._tell(condition)

    def _tell(self, said: object) -> None:
        self._said = said
        self._reporter.look_now()

    def _be_put_back(self) -> None:
        """Its card is copied, goes on, and is put back."""
        copied = self._log.copy()
        self._passing = False
        self.append()
        while self._told_seq() < self._log.seq:
            self._told.clear()
            self._tell("went on")
            self._told.wait(self._period_s)
        self._told_head = copied.head
        self._tell("put back")

    def _told_seq(self) -> int:
        told = decode(self.last).log if self.last else None
        return 0 if told is None else told.seq

    def cut(self, *, silently: bool) -> None:
        """The network goes: the connection is reset, or nothing comes any more and nobody says so."""
        link = self._link
        if link is None:
            return
        self._away = True
        link._stopping.set()  # it does not come back by itself
        self._reporter.connection(up=False)
        client = link._client
        if silently:
            client._keepalive = 0  # paho asks no more
        else:
            below: Any = client.socket()
            with socket.socket(fileno=os.dup(below.fileno())) as raw:
                raw.shutdown(socket.SHUT_RDWR)
        self._note("cut", self.name)

    def come_back(self) -> None:
        """After a cut or a stop."""
        if self._link is not None:
            self._link.stop()
        self._away = False
        self._connect()

    def _leave(self, farewell: Message) -> None:
        link = self._link
        if link is not None:
            self._reporter.connection(up=False)
            link.publish_and_wait(farewell, 10.0)
            self._note("cut", self.name)
            link.stop()

    def hush(self) -> None:
        """Tells nothing any more, and stays connected."""
        self._passing = False
        self._reporter.stop()

    def stop(self) -> None:
        """Ends it without a word."""
        self._reporter.stop()
        if self._link is not None:
            self._link.stop()

    # Entries

    def passage(self) -> None:
        """Somebody passes."""
        if self._passing and self._link is not None and self._condition.told.get("gate", "open") == "open":
            self.append()
            self._answers += 1

    def append(self, kind: Kind = Kind.PASSAGE, count: int = 1) -> None:
        """Records entries, and sends what has room."""
        with self._lock:
            for _ in range(count):
                made = self._log.append(kind=kind)
                self._waiting[self._log.seq] = made
                self._recorded_s[self._log.seq] = time.monotonic()
        self.send_what_waits()

    def send_what_waits(self) -> None:
        """As the uplink does: oldest first, so many at once, again after a time-out."""
        link = self._link
        if link is None or self._away or not link_is_up(link):
            return
        now_s = time.monotonic()
        with self._lock:
            self._window.tick(now_s)
            for seq in [seq for seq in self._waiting if seq > self._window.after][: self._window.room()]:
                self._window.sent(seq, now_s, self._publish(Leaf.ENTRIES, self._waiting[seq]))
            if self._waiting and self._window.room():
                self._window.reached_end(now_s)

    def waiting(self) -> int:
        """How many entries have no receipt."""
        return len(self._waiting)

    def _receipted(self, payload: bytes) -> None:
        given = receipt.verify(payload, self._scanner.root, self.name, now_ms())
        with self._lock:
            recorded_s: list[float] = []
            for part in given.ranges:
                for seq in range(part.first, part.last + 1):
                    self._waiting.pop(seq, None)
                    recorded_s += [self._recorded_s.pop(seq)] if seq in self._recorded_s else []
                self._window.settled(part.first, part.last)
            left = len(self._waiting)
        if recorded_s:
            self._note("receipted", self.name, count=len(recorded_s), left=left, delay_s=time.monotonic() - min(recorded_s))
        self.send_what_waits()

    # The broker

    def _publish(self, leaf: Leaf, payload: bytes, *, qos: int = 1) -> Callable[[], bool] | None:
        return None if self._link is None else self._link.publish(Message(self.name.topic(leaf), payload, qos))

    def _on_event(self, event: Event) -> None:
        match event:
            case Connected():
                self._note("connected", self.name)
                with self._lock:
                    self._window.restart()
                if self._link is not None:
                    self._link.publish(_status(self._scanner, "online"))
                self._reporter.connection(up=True)
                self.send_what_waits()
            case Arrived():
                self._arrived(event)
            case _:
                self._note("lost", self.name)
                self._reporter.connection(up=False)

    def _arrived(self, arrived: Arrived) -> None:
        found = topics.parse(arrived.topic)
        leaf = None if found is None else found[1]
        if leaf is Leaf.RECEIPTS:
            self._receipted(arrived.payload)
            self._reporter.connection(up=True)  # as the uplink does after each arrival
        elif leaf is Leaf.COMMANDS and not arrived.retained:
            signed = command.verify(arrived.payload, self._scanner.root, now_ms())
            ordered = signed.command
            for state in (State.ACCEPTED, State.RUNNING, State.SUCCESSFUL):
                if ordered.counter not in self._done or state is State.SUCCESSFUL:
                    said = Result(signed.issuer, ordered.counter, str(ordered.action), state)
                    self._publish(Leaf.RESULTS, results.encode(results.prove(said, self.name, self._scanner.signing_key)))
            if ordered.counter not in self._done and ordered.target == self.name and ordered.log == self._log.log:
                self._done.add(ordered.counter)
                self._note("obeyed", self.name)

    # Health, as the reporter asks for it

    def states(self) -> object:
        """What is told at once when it changes."""
        return self._said

    def look(self) -> Telemetry:
        """How it is."""
        return self._look(self._scanner.signing_key)

    def _look(self, key: Ed25519PrivateKey) -> Telemetry:
        with self._lock:
            head, waiting = self._told_head or self._log.head, len(self._waiting)
            self._today = head.seq
        return telemetry(
            self._condition,
            at_ms=now_ms() + self._condition.clock_off_ms,
            period_s=max(1, round(self._period_s)),
            log=ToldLog(head.log.hex(), head.seq, base64.b64encode(log_head.sign(self.name, head, key)).decode(), head.seq),
            outbox=Outbox(waiting, waiting * 900, 0, 0.1),
            answers={"accepted": self._answers, "already": self._answers // 9} if self._answers else {},
        )

    def _publish_health(self, message: Message) -> Callable[[], bool] | None:
        self._note("told", self.name, today=self._today)
        self.last = message.payload
        in_hand = None if self._link is None else self._link.publish(message)
        self._told.set()
        return in_hand


def link_is_up(link: BrokerLink) -> bool:
    """Whether it is connected now."""
    return bool(link._client.is_connected())
