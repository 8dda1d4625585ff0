"""A province, a broker and a scanner's agent, all real processes, with a network between agent and broker that a test commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from chain_world import _GATE_TOML, Process
from province_world import Broker, Collecting, founded, free_port, recorded, scanner, wait_for_keyring
from tcp_proxy import TcpProxy

from edge_agent.device import identity
from edge_agent.device.stored_keyring import WatchedKeyring
from edge_agent.enrolment import enrol
from edge_agent.health.status_file import FILE_NAME as STATUS_FILE
from edge_agent.store.outbox import FILE_NAME, Spot
from edge_agent.store.recorder import Recorder
from edge_agent.wire import envelope
from edge_agent.wire.entry import Clock, Direction, Header, Kind, Known, Method, Passage
from edge_agent.wire.keyring import day_of
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.layout import Layout
from province.demo.synthetic import synthetic_people
from province.joining.enrolling import Place, add_device
from province.store import database

NAME = DeviceName("bus-co", "far-away")
PEOPLE = synthetic_people(8, seed=61)
_QUICK = "receipt_timeout_s = 0.5\nkeepalive_s = 5"


class Scanner:
    """An enrolled scanner's state: records as firmware does, without its process."""

    def __init__(self, folder: Path) -> None:
        self.state, self.runtime, self.config = folder / "state", folder / "run", folder / "gate.toml"
        self.who = identity.load(self.state)
        self._key = WatchedKeyring(self.state, self.who.root, self.who.name).current().key_for(day_of(now_ms())).sealing_key()
        self.recorder = Recorder(self.state / FILE_NAME, 10**10)

    @classmethod
    def enrolled(cls, folder: Path, layout: Layout, port: int, name: DeviceName = NAME, agent: str = _QUICK) -> Self:
        """Makes a folder a scanner's; `agent` is that part of its configuration."""
        bundle, state, runtime = folder / "bundle.json", folder / "state", folder / "run"
        runtime.mkdir(parents=True)
        add_device(layout, name, Place("Chợ", "Cổng"), ("127.0.0.1", port), bundle, now_ms())
        enrol.install(enrol.read_bundle(bundle), state)
        text = _GATE_TOML.format(state=state, runtime=runtime, port="/dev/ttyS9")
        (folder / "gate.toml").write_text(text.replace("receipt_timeout_s = 1.0", agent))
        return cls(folder)

    def record(self, count: int = 1) -> list[tuple[bytes, int]]:
        """Records so many passages; the log and number of each, all green."""
        return [(one.log, one.seq) for one in (self.recorder.append(self._build) for _ in range(count))]

    def fill(self, count: int) -> list[tuple[bytes, int]]:
        """Records so many the same way, but does not wait for the disk: a month's worth in minutes."""
        self.recorder.connection.execute("PRAGMA synchronous=OFF")
        try:
            return self.record(count)
        finally:
            self.recorder.checkpoint_if_large()
            self.recorder.connection.execute("PRAGMA synchronous=FULL")

    def _build(self, spot: Spot) -> bytes:
        header = Header(
            self.who.name, "Chợ", "Cổng", spot.log, spot.seq, spot.prev, Kind.PASSAGE, bytes(16), now_ms(), spot.seq, Clock.SYNCHRONISED,
            self._key.key_id, spot.predecessor,
        )  # fmt: skip
        passage = Passage(recorded(PEOPLE[spot.seq % len(PEOPLE)]), Direction.IN, Known.LANE, Method.CAMERA)
        return envelope.make(header, passage, self._key, self.who.signer)


@dataclass
class NetworkWorld:
    """Everything, running; `network` lies between agent and broker."""

    layout: Layout
    broker: Broker
    collecting: Collecting
    network: TcpProxy
    scanner: Scanner
    agent: Process
    greens: list[tuple[bytes, int]] = field(default_factory=list)

    def record(self, count: int = 1) -> None:
        self.greens += self.scanner.record(count)

    def until(self, happened: Callable[[], object], what: str) -> None:
        """Waits for what offers no event: looks again each time the agent has lived a moment longer."""
        self.agent.until(happened, what)

    def connections(self) -> int:
        """How often the agent has been connected."""
        return self.counters().get("connections", 0)  # not its log, which tells a flapping network ten times a minute at most

    def until_connected_again(self, before: int) -> None:
        self.until(lambda: self.connections() > before, "another connection")

    def counters(self) -> dict[str, int]:
        """What the agent says it has done."""
        try:
            status: dict[str, Any] = json.loads((self.scanner.runtime / STATUS_FILE).read_text())
        except FileNotFoundError:  # it has only just begun
            return {}
        return dict(status["counters"])

    def settle(self) -> None:
        """Waits until the outbox is empty; then every green entry is registered, once, and nothing else."""
        self.until(lambda: self.scanner.recorder.backlog().entries == 0, "an empty outbox")
        with closing(database.connect(self.layout.register)) as connection:
            rows = [tuple(row) for row in connection.execute("SELECT log, seq, status FROM entry ORDER BY log, seq")]
        assert rows == sorted((log, seq, "registered") for log, seq in self.greens)


@contextmanager
def network_world(folder: Path) -> Iterator[NetworkWorld]:
    """All of it, the agent connected and the collector ready."""
    layout = founded(folder / "province", free_port())
    with ExitStack() as stack:
        broker = stack.enter_context(Broker(layout))
        network = stack.enter_context(TcpProxy(broker.port))
        here = Scanner.enrolled(folder / "gate", layout, network.port)
        stack.callback(here.recorder.close)
        collecting = stack.enter_context(Collecting(layout))
        agent = Process(folder / "agent.log", "edge_agent", "run", "--config", str(here.config))
        agent.start()
        stack.callback(agent.end)
        wait_for_keyring(scanner(layout, folder, "witness"))
        world = NetworkWorld(layout, broker, collecting, network, here, agent)
        world.until_connected_again(0)
        yield world
