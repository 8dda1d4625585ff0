"""Thirty days offline: 200 000 entries leave the outbox, through a real broker to a real collector, beside what each could do alone.

The outbox is filled by the real recorder, which only does not wait for the disk meanwhile. Beside it stand a plain paho client that
publishes the same bytes with QoS 1, and the collector emptying what waits at the broker. How long people wait for green meanwhile is
measured with another backlog on a disk in memory, whose fsync takes what was injected and no other process's time.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from arrivals import HERE
from measures import Measure, at_least, at_most, none_of, told
from network_world import Scanner
from paho.mqtt.enums import CallbackAPIVersion
from province_world import ROOT, Broker, Collecting, free_port, scanner, settings, wait_for_keyring
from slow_fsync import slow_fsync

from edge_agent.link.broker_tls import tls_context
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME
from edge_agent.wire.sealing import Suite
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.layout import Layout
from province.trust import founding

_ENTRIES = 200_000
_REFERENCE = 5000  # entries of a round
_ROUNDS = 3  # before the drain, and again after it
_FILL = 5000
_BESIDE_PEOPLE = 200_000  # entries: more than leave while all people come
_PEOPLE, _APART_S = 400, 0.15
_FSYNC_MS = 50
_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - where Linux has it; folders of our own in it
_AGENT = ""  # as it comes


class _Agent:
    """`gate-agent run` of a scanner, and the most memory it ever held."""

    def __init__(self, gate: Scanner, environment: dict[str, str] | None = None) -> None:
        log = gate.config.with_name("agent.log").open("a")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent", "run", "--config", str(gate.config)], cwd=ROOT, stderr=log, env=environment
            )

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024 / 1e6

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(30)


def _filled(gate: Scanner, count: int) -> None:
    for start in range(0, count, _FILL):
        gate.fill(min(_FILL, count - start))


def _envelopes(gate: Scanner, count: int) -> list[bytes]:
    with closing(Forwarder(gate.state / FILE_NAME)) as outbox:
        return [waiting.envelope for waiting in outbox.page(0, count)]


def _publish(gate: Scanner, port: int, envelopes: Sequence[bytes]) -> float:
    """What a plain paho client does in a second."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=str(gate.who.name))
    client.tls_set_context(tls_context(gate.who.endpoint))
    client.max_inflight_messages_set(100)
    connected, acknowledged, left = threading.Event(), threading.Event(), iter(range(len(envelopes) - 1, -1, -1))

    def on_publish(*_details: Any) -> None:
        if next(left) == 0:
            acknowledged.set()

    client.on_connect = lambda *_details: connected.set()
    client.on_publish = on_publish
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert connected.wait(30)
    began_s = time.perf_counter()
    for one in envelopes:
        client.publish(gate.who.name.topic(Leaf.ENTRIES), one, qos=1)
    assert acknowledged.wait(300)
    taken_s = time.perf_counter() - began_s
    client.disconnect()
    client.loop_stop()
    return len(envelopes) / taken_s


@dataclass
class _Register:
    """What a collector has registered: log and number in order, and when."""

    order: list[tuple[str, int]] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)

    def take(self, collecting: Collecting, count: int) -> None:
        """Waits until so many are registered in all."""
        while len(self.order) < count:
            event = collecting.events.get(timeout=120)
            if event["event"] == "registered":
                self.order.append((event["log"], event["seq"]))
                self.at_s.append(time.perf_counter())

    def rates(self, start: int = 0) -> list[float]:
        """Entries in a second, for each round's worth from the start on."""
        marks = self.at_s[start::_REFERENCE]
        return [_REFERENCE / (after - before) for before, after in pairwise(marks)]


def _waits_ms(gate: Scanner, environment: dict[str, str]) -> list[float]:
    asked = [sys.executable, str(HERE / "arrivals.py"), str(gate.config.parent), str(_PEOPLE), str(_APART_S)]
    return list(json.loads(subprocess.run(asked, check=True, capture_output=True, text=True, env=environment).stdout))


def _p99(waits_ms: Sequence[float]) -> float:
    return statistics.quantiles(waits_ms, n=100)[98]


def _alone(layout: Layout, folder: Path, broker: Broker, number: int) -> float:
    """How fast a collector takes what waits for it at the broker."""
    other = Scanner.enrolled(folder / f"other-{number}", layout, broker.port, DeviceName("bus-co", f"other-{number}"), _AGENT)
    _filled(other, _REFERENCE + 1)
    _publish(other, broker.port, _envelopes(other, _REFERENCE + 1))
    other.recorder.close()
    register = _Register()
    with Collecting(layout) as collecting:
        register.take(collecting, _REFERENCE + 1)
    return register.rates()[0]


@contextmanager
def _offline(folder: Path, entries: int) -> Iterator[tuple[Layout, Broker, Scanner]]:
    """A province and a scanner with so many entries waiting."""
    layout = founding.found(folder / "province", settings(free_port(), suite=Suite.XWING), now_ms())
    with Broker(layout) as broker:
        gate = Scanner.enrolled(folder / "gate", layout, broker.port, agent=_AGENT)
        with closing(gate.recorder):
            _filled(gate, entries)
            with Collecting(layout):
                wait_for_keyring(scanner(layout, folder, "witness"))
            yield layout, broker, gate


def people_meanwhile(folder: Path, entries: int) -> list[Measure]:
    """How long people wait for green while so many entries drain, on a disk slow to fsync."""
    environment = slow_fsync(folder, _FSYNC_MS)
    with _offline(folder, entries) as (layout, _broker, gate):
        quiet, register = _p99(_waits_ms(gate, environment)), _Register()
        with Collecting(layout) as collecting:
            agent = _Agent(gate, environment)
            busy = _p99(_waits_ms(gate, environment))
            left = gate.recorder.backlog().entries
            register.take(collecting, entries + 2 * _PEOPLE)
            agent.end()
    behind = [seq > entries + _PEOPLE for _log, seq in reversed(register.order)].index(True)
    return [
        at_most("drain: p99 of recording with 50 ms fsync", busy / quiet, "x without the drain", 2.0),
        told("drain: p99 of recording with 50 ms fsync, without the drain", quiet, "ms"),
        at_least("drain: of the backlog waiting when the last person was recorded", left, "entries", 1),
        at_least("drain: of the backlog waiting when the last of them was registered", behind, "entries", 1),
    ]


def drained(folder: Path, entries: int) -> list[Measure]:
    """The figures for a backlog of so many entries."""
    with _offline(folder, entries) as (layout, broker, gate):
        with Broker(layout, free_port()) as nobody_listens:
            publish = statistics.median(_publish(gate, nobody_listens.port, _envelopes(gate, _REFERENCE)) for _ in range(_ROUNDS))
        alone = [_alone(layout, folder, broker, number) for number in range(_ROUNDS)]
        register = _Register()
        with Collecting(layout) as collecting:
            agent = _Agent(gate)
            register.take(collecting, entries)
            while gate.recorder.backlog().entries:
                time.sleep(0.01)  # forgotten in another process, after all is registered: nothing tells
            memory_mb = agent.memory_mb()
            agent.end()
        alone += [_alone(layout, folder, broker, number) for number in range(_ROUNDS, 2 * _ROUNDS)]
    rate, most = statistics.median(register.rates()), min(publish, statistics.median(alone))
    return [
        at_most(f"drain of {entries}: memory of gate-agent, resident, at most", memory_mb, "MB", 60),
        none_of("drain: entries out of order", sum(one > next_one for one, next_one in pairwise(register.order)), "entries"),
        none_of("drain: entries not registered", entries - len(set(register.order)), "entries"),
        at_least("drain to receipts", rate / most, "x slower of both", 0.8),
        told("drain to receipts", rate, "entries/s"),
        told("drain: paho QoS 1 publish of the same bytes", publish, "entries/s"),
        told("drain: the collector alone", statistics.median(alone), "entries/s"),
    ]


def measure() -> list[Measure]:
    """The figures."""
    with tempfile.TemporaryDirectory(dir=_MEMORY_DISK if _MEMORY_DISK.is_dir() else None) as folder:
        meanwhile = people_meanwhile(Path(folder), _BESIDE_PEOPLE)
    with tempfile.TemporaryDirectory() as folder:
        return [*drained(Path(folder), _ENTRIES), *meanwhile]
