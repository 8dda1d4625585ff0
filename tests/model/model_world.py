"""The world of the model: a province and two devices, copied for each run, the wire and clocks between, and everybody's honest ways."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from hostile_broker import HostileBroker, Parcel
from hypothesis.stateful import RuleBasedStateMachine
from model_device import Device
from model_province import Killed, Province
from old_province import founded_ago
from promises import Promises, marked_person, shows_somebody

from edge_agent.carry import uplink
from edge_agent.carry.send_window import LONGEST_TIMEOUT_S
from edge_agent.enrolment import enrol
from edge_agent.link.broker_link import Message
from edge_agent.wire import keyring, receipt, topics
from edge_agent.wire.entry import LogHead
from edge_agent.wire.receipt import Receipt
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.layout import Layout
from province.joining.enrolling import Place, add_device

NAMES = (DeviceName("bus-co", "door-1"), DeviceName("market", "gate-1"))
_FOUNDED_DAYS_AGO, _DAYS_AHEAD = 2, 4
MEMORY = Path("/dev/shm")  # noqa: S108 - a file system that need not wait for a disk: no power is cut here


happened: Counter[str] = Counter()  # what all runs together have tried


@dataclass(frozen=True)
class Founded:
    """A founded province and two enrolled devices, to copy for each run."""

    folder: Path
    layout: Layout


@lru_cache(1)
def founded() -> Founded:
    holder = tempfile.TemporaryDirectory(prefix="gate-model-", dir=MEMORY if MEMORY.is_dir() else None)
    folder = Path(holder.name)
    layout = founded_ago(folder / "province", _FOUNDED_DAYS_AGO, _DAYS_AHEAD)
    for name in NAMES:
        bundle = folder / name.device / "bundle.json"
        bundle.parent.mkdir()
        add_device(layout, name, Place("Chợ", "Cổng"), ("127.0.0.1", 8883), bundle, now_ms())
        enrol.install(enrol.read_bundle(bundle), bundle.parent / "state")
    made = Founded(folder, layout)
    _holders.append(holder)
    return made


_holders: list[tempfile.TemporaryDirectory[str]] = []  # they go when the process ends


class _Heard(logging.Handler):
    """Every line that is logged, to look for people in."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class ModelWorld(RuleBasedStateMachine):
    """What a run has, what goes between its parts, and how each of them behaves when nobody means harm."""

    def __init__(self) -> None:
        super().__init__()
        source = founded()
        self._now_s = 1000.0
        self._timed = mock.patch.object(uplink, "time", SimpleNamespace(monotonic=lambda: self._now_s))
        self._timed.start()
        self._heard = _Heard()
        self._quiet = logging.getLogger()
        self._quiet.addHandler(self._heard)
        self._folder = Path(tempfile.mkdtemp(dir=source.folder))
        self._broker, self._promises = HostileBroker(), Promises()
        self._people = 0
        self._dies_in: int | None = None
        self._receipts: dict[bytes, Receipt] = {}
        self._counters: dict[bytes, int] = {}
        shutil.copytree(source.layout.root, self._folder / "province")
        self._province = Province(Layout(self._folder / "province"), source.layout, self._from_collector)
        self._devices: dict[DeviceName, Device] = {}
        for name in NAMES:
            home = self._folder / name.device
            shutil.copytree(source.folder / name.device, home)
            self._devices[name] = Device(home, home / "bundle.json", self._from_device)
            self._devices[name].connect()

    def _at(self, number: int) -> Device:
        return self._devices[NAMES[number]]

    # ── the wire ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _from_device(self, message: Message) -> None:
        assert not shows_somebody(message.payload), "somebody is on the wire in clear"
        if message.topic.endswith(f"/{Leaf.ENTRIES}"):
            self._broker.from_device(Parcel(message.topic, message.payload))

    def _from_collector(self, message: Message) -> None:
        """A receipt leaves: what it names must be committed by now, for whoever looks."""
        if self._dies_in is not None:
            if self._dies_in == 0:
                raise Killed
            self._dies_in -= 1
        parcel = Parcel(message.topic, message.payload)
        for name, device in self._devices.items():
            if message.topic == name.topic(Leaf.RECEIPTS):
                self._broker.to_device(name, parcel)
                self._check_committed(name, self._given(name, parcel))
            elif message.topic == topics.KEYRING and device.connected:
                self._broker.to_device(name, parcel)

    def _given(self, name: DeviceName, parcel: Parcel) -> Receipt:
        if parcel.payload not in self._receipts:
            self._receipts[parcel.payload] = receipt.verify(parcel.payload, self._province.root, name)
        return self._receipts[parcel.payload]

    def _is_older(self, signed: bytes, counter: int) -> bool:
        if signed not in self._counters:
            self._counters[signed] = keyring.verify(signed, self._province.root).counter
        return self._counters[signed] < counter

    def _check_committed(self, name: DeviceName, given: Receipt) -> None:
        assert self._province.layout.register.exists(), "a receipt goes out while the register is away"
        rows, counted = {row.hash for row in self._province.rows()}, self._province.counted(name).get(given.log, set())
        for part in given.ranges:
            expired = part.status is receipt.Status.EXPIRED and part.last in counted
            assert part.last_hash in rows or expired, "a receipt goes out before its entry is committed"

    # ── honest ways ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _pass(self, device: Device, days_ago: int | None) -> None:
        self._people += 1
        person = marked_person(self._people)
        made = device.record(person, days_ago)
        self._promises.recorded(made, person, device.memory.head, device.memory.told)
        device.memory.head = LogHead(made.header.log, made.header.seq, made.hash)
        happened["entries"] += 1

    def _connect(self, device: Device) -> None:
        self._broker.to_device(device.name, Parcel(topics.KEYRING, self._province.office.signed))
        device.connect()

    def _collect(self, batch: list[Parcel], dies_in: int | None = None, obstacle: str | None = None) -> list[Parcel]:
        """The collector handles a batch; returns what it has not acknowledged."""
        refused, self._dies_in = self._province.refused(), dies_in
        committed, acknowledged = True, set[int]()
        try:
            acknowledged = self._province.take([(one.topic, one.payload) for one in batch], self._obstacle(obstacle))
        except Killed:
            committed = obstacle != "lock and killed"
            self._province.stop()
            self._province.start()
            happened["collectors killed"] += 1
        finally:
            self._dies_in = None
        forged = sum(one.forged for one in batch) if committed else 0
        assert self._province.refused() - refused == forged, "not each bad message is refused and counted, and no other"
        happened["refused by the province"] += forged
        return [one for number, one in enumerate(batch) if number not in acknowledged]

    def _obstacle(self, obstacle: str | None) -> Callable[[], None] | None:
        match obstacle:
            case "lock":
                return self._province.hold_lock()
            case "lock and killed":
                let_go = self._province.hold_lock()

                def killed() -> None:
                    let_go()
                    raise Killed

                return killed
            case "keystore":
                return self._province.take_away(self._province.layout.keystore)
            case "register":
                return self._province.take_away(self._province.layout.register)
        return None

    def _hear(self, device: Device, parcel: Parcel) -> None:
        if not device.connected:
            return
        bad = parcel.forged
        if not bad and parcel.topic == topics.KEYRING:
            bad = self._is_older(parcel.payload, device.keyring_counter())
        if not bad and parcel.topic == device.name.topic(Leaf.RECEIPTS):
            given = self._given(device.name, parcel)
            self._promises.receipted(given)
            waiting = device.waiting()
            device.memory.told |= {given.log for part in given.ranges if part.forked and part.last_hash in waiting}
            happened["forks told"] += sum(part.forked and part.last_hash in waiting for part in given.ranges)
        assert device.hear(parcel.topic, parcel.payload) == bad, "not each bad message is refused and counted, and no other"
        happened["refused by a device"] += bad

    def _all_goes_well(self) -> None:
        for device in self._devices.values():
            if not device.connected:
                self._connect(device)
        self._round()

    def _round(self) -> None:
        """Time-outs come, and everything under way arrives."""
        self._now_s += 2 * LONGEST_TIMEOUT_S
        for device in self._devices.values():
            device.look()
        batch, self._broker.up = self._broker.up, []
        assert not batch or not self._collect(batch), "the collector keeps a message back"
        for device in self._devices.values():
            heard, self._broker.down[device.name] = self._broker.down[device.name], []
            for parcel in heard:
                self._hear(device, parcel)

    def _end(self) -> None:
        self._timed.stop()
        self._quiet.removeHandler(self._heard)
        for device in self._devices.values():
            device.stop()
        self._province.close()
        shutil.rmtree(self._folder)
