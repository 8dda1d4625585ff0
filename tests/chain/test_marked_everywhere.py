"""Marked people go every way through the device, also where it breaks; then nothing that it has written tells of them, in any encoding."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from crashing import PRINTS, STAGES
from marked import FAMILY, GIVEN, PAPER, Marked, marked, torn, traces_in
from marked_gate import ROOT, MarkedGate, Running
from real_broker import Broker, Listener
from sealed_examples import NAME
from small_disk import small_disk

from edge_agent.device.control import ControlClient
from edge_agent.link.broker_link import Arrived
from edge_agent.wire.telemetry import decode_status
from edge_agent.wire.topics import KEYRING, Leaf

FAILED = "ValueError (crashing.py:"
ALONE = ("opening", "telling", "feedback", "uplink", "receipts")  # whose failing ends the process, by itself or after another's
CRASHING = str(Path(__file__).with_name("crashing.py"))


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> Marked:
    return marked(monkeypatch)


@pytest.fixture
def gate(tmp_path: Path, people: Marked) -> Iterator[MarkedGate]:
    with closing(MarkedGate(tmp_path / "device", people)) as gate:
        gate.broker.start()
        gate.enrol()
        yield gate


class Tapped(Listener):
    """Hears all that the broker carries, and keeps it, at last in a file.

    Attributes:
        heard: all of it so far, also what came before something that was waited for.
    """

    def __init__(self, broker: Broker, file: Path) -> None:
        self.heard: list[Arrived] = []
        self._file = file
        super().__init__(broker, ("gate/v1/#",))

    def next(self, topic: str) -> Arrived:
        self.heard.append(self.events.next(Arrived))
        while self.heard[-1].topic != topic:
            self.heard.append(self.events.next(Arrived))
        return self.heard[-1]

    def payloads(self, leaf: Leaf) -> list[bytes]:
        return [event.payload for event in self.heard if event.topic == NAME.topic(leaf)]

    def states(self) -> list[str]:
        return [decode_status(payload).state for payload in self.payloads(Leaf.STATUS)]

    def keep(self) -> None:
        """Hears the rest, to the word that the device is away: in its own words, or in its last will."""
        self.catch_up()
        while self.states()[-1] != "offline":
            self.next(NAME.topic(Leaf.STATUS))
        self._file.write_bytes(b"\n".join(event.topic.encode() + b" " + event.payload for event in self.heard))


def ask_everything(gate: MarkedGate, people: Marked) -> None:
    """Requests by the control socket: a person declared on paper, and what is no request at all."""
    requests: list[dict[str, Any]] = [
        {"type": "declare", "ref": "ref-00001", "lane": "in", "direction": "in", "person": PAPER},
        {"type": "declare", "ref": f"{FAMILY}-{GIVEN}", "lane": GIVEN, "direction": FAMILY, "person": {GIVEN: FAMILY}, FAMILY: GIVEN},
        {"type": "declare", "person": people.codes[0]},
        {"type": people.codes[0][:200]},
    ]
    with closing(ControlClient(gate.settings.runtime, 20.0)) as client:
        for request in requests:
            client.send(request)
        answers = (message for message in client.messages() if message["type"] in {"declared", "refused"})
        assert len(list(islice(answers, len(requests)))) == len(requests)


def attack(tap: Listener, people: Marked, agent: Running) -> None:
    """A broker that sends what it likes where the agent listens."""
    name = NAME.topic(Leaf.RECEIPTS), KEYRING, NAME.topic(Leaf.CERTIFICATE_ISSUED)
    for number, code in enumerate(people.codes):
        tap.publish(name[number % 3], code.encode())
    tap.publish(name[0], json.dumps({"who": people.all_at_hand}).encode())
    agent.err.wait_for("refused a message")


def test_nothing_the_device_writes_tells_of_anybody(gate: MarkedGate, people: Marked, tmp_path: Path) -> None:
    with closing(Tapped(gate.broker, tmp_path / "heard")) as tap, gate.running("firmware") as firmware:
        firmware.out.wait_for("ready")
        with gate.running("edge_agent", form="json") as agent:
            agent.err.wait_for("connected to the broker")
            for code in people.codes:
                gate.show(firmware, code.encode())
            for data in (data for code in people.codes[::19] for data in torn(code)):
                gate.show(firmware, data)
            for code in people.codes[1::6]:
                gate.hold_up(firmware, code)
            ask_everything(gate, people)
            while len(set(tap.payloads(Leaf.ENTRIES))) < len({code for code in people.codes if "|" in code}) // 2:
                tap.next(NAME.topic(Leaf.ENTRIES))  # they were recorded, and are carried, sealed
            attack(tap, people, agent)
            for command in (
                ("status",),
                ("status", "--json"),
                ("diagnose", "--out", str(gate.folder / "bundle.tar.gz")),
                ("gate", "close"),
            ):
                gate.run("edge_agent", *command)
            outside = firmware.seen_from_outside() + agent.seen_from_outside()
        tap.keep()
    assert tap.states()[0] == "online"
    assert firmware.answers() > len(people.codes)
    sent_by_us = [
        event for event in tap.heard if not event.topic.endswith((Leaf.RECEIPTS, Leaf.CERTIFICATE_ISSUED)) and event.topic != KEYRING
    ]
    assert people.traces(b"\n".join(event.payload + event.topic.encode() for event in sent_by_us)) == []
    assert people.traces(outside) == []
    assert traces_in(gate.folder, people) == []
    gate.run("edge_agent", "reset", "--yes")
    assert traces_in(gate.folder, people) == []


def test_nor_when_the_disk_is_full_and_the_outbox_damaged(people: Marked, tmp_path: Path) -> None:
    first, more = people.codes[::2], people.codes[1::2]
    with small_disk(tmp_path / "device" / "state", "400k"), closing(MarkedGate(tmp_path / "device", people, camera=False)) as gate:
        gate.enrol()
        with gate.running("firmware") as firmware:
            firmware.out.wait_for("ready")
            for code in first:
                gate.show(firmware, code.encode())
            with pytest.raises(OSError, match="No space"):
                (gate.settings.state / "filler").write_bytes(bytes(1_000_000))
            for code in more:
                gate.show(firmware, code.encode())
            firmware.out.wait_for("refused")
        (gate.settings.state / "filler").unlink()
        spoil(gate.settings.state / "outbox.sqlite")
        with gate.running("firmware") as firmware:
            firmware.err.wait_for("salvage")
            gate.port.send(people.codes[0].encode() + b"\r\n")
            gate.run("edge_agent", "diagnose", "--out", str(gate.folder / "bundle.tar.gz"))
        assert traces_in(gate.folder, people) == []


def spoil(outbox: Path) -> None:
    """Leaves garbage in the middle of an outbox's files."""
    for file in (outbox, outbox.with_name(f"{outbox.name}-wal")):
        if file.exists() and (size := file.stat().st_size) >= 4096:
            with file.open("r+b") as data:
                data.seek(size // 3)
                data.write(b"damaged " * (size // 24))


@pytest.fixture
def held(people: Marked, tmp_path: Path) -> Path:
    """What a fault has at hand, in a file outside the device."""
    file = tmp_path / "held.txt"
    file.write_text(people.all_at_hand, "utf-8")
    return file


def test_nor_when_each_stage_of_the_gate_fails_with_all_of_it_at_hand(gate: MarkedGate, people: Marked, held: Path) -> None:
    stages = [stage for stage in STAGES if stage not in ALONE]
    with gate.running("firmware", CRASHING, ",".join(stages), str(held)) as firmware:
        firmware.err.wait_until(lambda: held.with_suffix(".reader").exists() and "working" in lane_in(firmware))
        for code in people.codes:
            gate.port.send(f"{code}\r\n".encode())
        firmware.err.wait_until(lambda: all(held.with_suffix(f".{stage}").exists() for stage in stages))
        firmware.err.wait_for("unexpected ValueError (crashing.py:")
    assert traces_in(gate.folder, people) == []


def lane_in(firmware: Running) -> str:
    return next((line for line in reversed(firmware.err.lines) if "lane in: " in line), "")


@pytest.mark.parametrize("stage", ["opening", "telling", "feedback"])
def test_nor_when_the_gate_ends_by_a_fault(stage: str, gate: MarkedGate, people: Marked, held: Path) -> None:
    with gate.running("firmware", CRASHING, stage, str(held)) as firmware:
        firmware.err.wait_until(lambda: "working" in lane_in(firmware) or any(FAILED in line for line in firmware.err.lines))
        gate.port.send(people.codes[0].encode() + b"\r\n")
        firmware.err.wait_for("unexpected ValueError (crashing.py:")
        assert stage == "feedback" or firmware.process.wait(20) == 1
    assert traces_in(gate.folder, people) == []


def test_nor_when_the_agent_ends_by_a_fault(gate: MarkedGate, people: Marked, held: Path) -> None:
    with gate.running("firmware") as firmware, closing(Listener(gate.broker)) as listener:
        firmware.out.wait_for("ready")
        gate.show(firmware, people.codes[0].encode())
        with gate.running("edge_agent", CRASHING, "uplink", str(held), form="json") as agent:
            agent.err.wait_for(FAILED)
        with gate.running("edge_agent", CRASHING, "receipts", str(held), form="json") as agent:
            listener.next(NAME.topic(Leaf.ENTRIES))  # it follows the subscriptions: they are in force
            listener.publish(NAME.topic(Leaf.RECEIPTS), people.codes[0].encode())
            agent.err.wait_for(FAILED)
    assert traces_in(gate.folder, people) == []


def test_the_search_finds_who_is_printed(gate: MarkedGate, people: Marked, held: Path) -> None:
    with gate.running("firmware", CRASHING, PRINTS, str(held)) as firmware:
        firmware.out.wait_for("ready")
        gate.show(firmware, people.codes[0].encode())
    told = traces_in(gate.folder, people)
    assert f"firmware-journal.said tells {FAMILY}" in told
    assert len(told) > 20


@pytest.mark.parametrize(
    "written",
    [
        FAMILY.encode(), FAMILY.upper().encode("utf-16-le"), b"xuongquynh", b"XUONGQUYNH", repr(FAMILY.encode()).encode(),
        json.dumps(GIVEN).encode(), GIVEN.encode().hex().upper().encode(),
    ],
    ids=["plain", "utf-16", "bare", "bare capitals", "repr of bytes", "json", "hex"],
)  # fmt: skip
def test_the_search_finds_a_name_in_every_encoding(written: bytes, people: Marked, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"...." + written + b"....")
    assert len(traces_in(tmp_path, people)) == 1


def test_no_service_leaves_a_core_file() -> None:
    units = sorted((ROOT / "systemd").glob("*.service"))
    assert len(units) >= 2
    assert [unit.name for unit in units if "LimitCORE=0" not in unit.read_text()] == []
