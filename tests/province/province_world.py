"""A province to test against: founded for real, a real Mosquitto on loopback, a real collector, and devices that seal real entries."""

from __future__ import annotations

import json
import os
import queue
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Event, Message
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import envelope, keyring, receipt, topics
from edge_agent.wire.entry import NO_PREVIOUS, Body, Clock, Direction, Header, Kind, Known, LogHead, Method, Note, Passage, RecordedPerson
from edge_agent.wire.keyring import EpochKey, Keyring, day_of
from edge_agent.wire.sealing import Suite
from edge_agent.wire.topics import DeviceName, Leaf
from firmware.person_codes import Person
from province.base.clock import now_ms
from province.base.layout import Layout, Settings
from province.joining.enrolling import Place, add_device
from province.trust import broker_config, founding

WAIT_S = 20.0
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port nobody listens on now, below those that the kernel gives to outgoing connections: none takes it before it is listened on."""
    for port in random.sample(range(10_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def settings(port: int = 8883, days: int = 2, suite: Suite = Suite.X25519) -> Settings:
    return Settings("Tỉnh thử nghiệm", ("127.0.0.1", "localhost"), port, "127.0.0.1", suite, days, free_port())


def founded(folder: Path, port: int = 8883) -> Layout:
    """A province of three days' keys."""
    return founding.found(folder, settings(port), now_ms())


def recorded(person: Person) -> RecordedPerson:
    """A person as firmware records them."""
    return RecordedPerson(
        str(person.scheme), person.id_number, person.name, person.old_id, person.birth_date, person.sex, person.phone, person.card_number
    )


ANYONE = RecordedPerson("cccd", "001099012345", "Nguyễn Văn Ẩn Danh", old_id="012345678", phone="0101234567")


def passage(person: RecordedPerson = ANYONE) -> Passage:
    return Passage(person, Direction.IN, Known.LANE, Method.CAMERA)


@dataclass
class Scanner:
    """A registered device in the hands of a test."""

    name: DeviceName
    signing_key: Ed25519PrivateKey
    root: Ed25519PublicKey
    keyring: Keyring
    endpoint: Endpoint

    def link(self, on_event: Callable[[Event], None], subscriptions: Sequence[str] | None = None) -> BrokerLink:
        wanted = [self.name.topic(Leaf.RECEIPTS)] if subscriptions is None else subscriptions
        return BrokerLink(self.endpoint, str(self.name), wanted, on_event)


@dataclass
class Log:
    """A log as a device writes it: numbered and chained."""

    scanner: Scanner
    log: bytes
    seq: int = 0
    hash: bytes = NO_PREVIOUS

    @classmethod
    def new(cls, scanner: Scanner) -> Log:
        return cls(scanner, secrets.token_bytes(16))

    def copy(self) -> Log:
        """What a card cloned now would go on with."""
        return replace(self)

    @property
    def head(self) -> LogHead:
        return LogHead(self.log, self.seq, self.hash)

    def header(self, key: EpochKey, kind: Kind, predecessor: LogHead | None) -> Header:
        return Header(
            self.scanner.name, "Chợ", "Cổng", self.log, self.seq + 1, self.hash, kind, bytes(16), now_ms(), 1000, Clock.SYNCHRONISED,
            key.key_id, predecessor,
        )  # fmt: skip

    def append(
        self,
        body: Body | None = None,
        key: EpochKey | None = None,
        kind: Kind = Kind.PASSAGE,
        predecessor: LogHead | None = None,
        change: Callable[[Header], Header] = lambda header: header,
    ) -> bytes:
        """The next envelope."""
        key = key or self.scanner.keyring.key_for(day_of(now_ms()))
        content = body or (passage() if kind is Kind.PASSAGE else Note({"count": 1}))
        made = envelope.make(change(self.header(key, kind, predecessor)), content, key.sealing_key(), self.scanner.signing_key)
        self.seq, self.hash = self.seq + 1, envelope.envelope_hash(made)
        return made


def scanner(layout: Layout, folder: Path, device: str = "scanner-1", org: str = "bus-co") -> Scanner:
    """Registers a device and unpacks its bundle, as the agent would."""
    file = folder / f"{org}-{device}.json"
    place = layout.read_settings()
    add_device(layout, DeviceName(org, device), Place("Chợ", "Cổng"), ("127.0.0.1", place.port), file, now_ms())
    return unpack(file, folder)


def unpack(file: Path, folder: Path) -> Scanner:
    bundle = json.loads(file.read_text("utf-8"))
    home = folder / f"{bundle['org']}-{bundle['device']}"
    home.mkdir()
    for name in ("tls_key_pem", "tls_certificate_pem", "broker_ca_pem"):
        (home / name).write_text(bundle[name])
    root = Ed25519PublicKey.from_public_bytes(b64decode(bundle["root"]))
    key = load_pem_private_key(bundle["signing_key_pem"].encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    address = bundle["broker"]
    return Scanner(
        DeviceName(bundle["org"], bundle["device"]),
        key,
        root,
        keyring.verify(b64decode(bundle["keyring"]), root, now_ms()),
        Endpoint(address["host"], address["port"], home / "broker_ca_pem", home / "tls_certificate_pem", home / "tls_key_pem"),
    )


class Broker:
    """Mosquitto with the generated configuration; at another port another one, with a store of its own."""

    def __init__(self, layout: Layout, port: int | None = None) -> None:
        self.layout = layout
        self.port = layout.read_settings().port if port is None else port
        self._log = layout.root.parent / "mosquitto.log"
        self._config = layout.broker_config if port is None else self._another(layout, port)
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def _another(layout: Layout, port: int) -> Path:
        folder = layout.root.parent / f"broker-{port}"
        folder.mkdir()
        text = broker_config.config(layout, replace(layout.read_settings(), port=port))
        made = folder / "mosquitto.conf"
        made.write_text(text.replace(str(layout.broker_store), str(folder)).replace(str(layout.broker_pid), str(folder / "pid")))
        return made

    def start(self, **environment: str) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        assert program, "mosquitto is not installed: apt-get install mosquitto"
        command = [program, "-c", str(self._config)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | environment)
        while not self._listens():
            with suppress(subprocess.TimeoutExpired):  # so long it runs: wait for it a moment and look again
                code = self._process.wait(0.02)
                raise AssertionError(f"mosquitto ended with {code}: {self.log()}")

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except ConnectionRefusedError:
            return False
        return True

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(WAIT_S)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


class Collecting:
    """`gate-province collect --events` as a process of its own."""

    def __init__(self, layout: Layout, command: Sequence[str] | None = None) -> None:
        self.layout = layout
        self._command = list(command or (sys.executable, "-m", "province", "collect", str(layout.root), "--events", "--verbose"))
        self._log = layout.root.parent / "collector.log"
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_until_logged(self, text: str, times: int = 1) -> None:
        """Waits for a line of the collector's log."""
        while self.log().count(text) < times:
            with suppress(subprocess.TimeoutExpired):
                code = self.process.wait(0.02)
                raise AssertionError(f"the collector ended with {code}: {self.log()}")


@dataclass
class Session:
    """A device connected to the broker: publishes entries, gathers receipts."""

    scanner: Scanner
    link: BrokerLink
    arrived: queue.Queue[Arrived]

    def send(self, *envelopes: bytes, topic: str | None = None) -> None:
        for one in envelopes:
            assert self.link.publish_and_wait(Message(topic or self.scanner.name.topic(Leaf.ENTRIES), one), WAIT_S)

    def next_receipt(self) -> receipt.Receipt:
        """The next receipt, checked from the root down."""
        return receipt.verify(self.arrived.get(timeout=WAIT_S).payload, self.scanner.root, self.scanner.name, now_ms())

    def receipts_until(self, count: int) -> list[receipt.Range]:
        """Ranges until they cover so many entries."""
        ranges: list[receipt.Range] = []
        while sum(part.last - part.first + 1 for part in ranges) < count:
            ranges += self.next_receipt().ranges
        return ranges

    def deliver(self, *envelopes: bytes) -> list[receipt.Range]:
        """Sends entries and waits until each is receipted."""
        self.send(*envelopes)
        return self.receipts_until(len(envelopes))

    def silent_after(self, log: Log) -> None:
        """Asserts that nothing was receipted before a fresh entry of `log` is: messages keep their order."""
        made = log.append()
        self.send(made)
        got = self.next_receipt()
        assert [part.last_hash for part in got.ranges] == [envelope.envelope_hash(made)]


@contextmanager
def session(scanner: Scanner, subscriptions: Sequence[str] | None = None) -> Iterator[Session]:
    """Connects a device."""
    arrived: queue.Queue[Arrived] = queue.Queue()
    connected = threading.Event()

    def on_event(event: Event) -> None:
        if isinstance(event, Connected):
            connected.set()
        elif isinstance(event, Arrived):
            arrived.put(event)

    link = scanner.link(on_event, subscriptions)
    link.start()
    try:
        assert connected.wait(WAIT_S)
        yield Session(scanner, link, arrived)
    finally:
        link.stop()


def wait_for_keyring(scanner: Scanner) -> bytes:
    """Waits until a collector has subscribed for the first time: what it publishes then comes after its subscription."""
    with session(scanner, [topics.KEYRING]) as witness:
        return witness.arrived.get(timeout=WAIT_S).payload


def cli(*words: object) -> subprocess.CompletedProcess[str]:
    """Runs gate-province."""
    return subprocess.run(
        [sys.executable, "-m", "province", *map(str, words)], capture_output=True, text=True, cwd=ROOT, check=False, timeout=60
    )


def json_lines(text: str) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", json.loads(line)) for line in text.splitlines()]
