"""Two devices, a province and a broker that is nobody's friend: anything may happen in any order, and every promise is checked each time.

The outbox, the agent's uplink, the collector, its intake and its register are the real ones; the network and the clocks are the
model's. Power cuts in the middle of a write are not here but in tests/crash.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hostile_broker import HostileBroker, Parcel, bit_flipped, cut_short, pick, shuffled
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from model_device import Device, read
from model_province import Killed, Province
from old_province import founded_ago
from promises import Promises, marked_person, shows_somebody
from sealed_examples import RECEIPTS_OFFICER  # of another province

from edge_agent import enrol, envelope, identity, keyring, receipt, topics, uplink
from edge_agent.authority import Officer
from edge_agent.broker_link import Message
from edge_agent.entry import LogHead, Note
from edge_agent.receipt import Range, Receipt
from edge_agent.send_window import LONGEST_TIMEOUT_S
from edge_agent.topics import DeviceName, Leaf
from province.clock import now_ms
from province.enrolling import Place, add_device
from province.layout import Layout

NAMES = (DeviceName("bus-co", "door-1"), DeviceName("market", "gate-1"))
STRANGER = DeviceName("nobody", "knows")
_THIEF = Ed25519PrivateKey.generate()
_FOUNDED_DAYS_AGO, _DAYS_AHEAD = 2, 4
_STEPS = 40
_ROUNDS_TO_SETTLE = 12
_REPLAYED_AT_MOST = 12
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


places = st.integers(0, 2**16)
who = st.integers(0, len(NAMES) - 1)
ways = st.sampled_from([None, *NAMES])


class PromiseMachine(RuleBasedStateMachine):
    """See the file's first lines."""

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

    # ── the gates ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(
        who=who,
        count=st.integers(1, 4),
        days_ago=st.sampled_from([0, 0, 0, 1, 2, None]),
        then=st.sampled_from(["silence", "sent", "sent", "delivered"]),
    )
    def people_pass(self, who: int, count: int, days_ago: int | None, then: str) -> None:
        self._people_pass(self._at(who), count, days_ago, then)

    def _people_pass(self, device: Device, count: int, days_ago: int | None, then: str) -> None:
        for _ in range(count):
            self._pass(device, days_ago)
            if then == "sent":
                device.look()
        if then == "delivered":
            self._all_goes_well()

    def _pass(self, device: Device, days_ago: int | None) -> None:
        self._people += 1
        person = marked_person(self._people)
        made = device.record(person, days_ago)
        self._promises.recorded(made, person, device.memory.head, device.memory.told)
        device.memory.head = LogHead(made.header.log, made.header.seq, made.hash)
        happened["entries"] += 1

    @rule(who=who)
    def the_line_breaks_or_comes_back(self, who: int) -> None:
        device = self._at(who)
        if device.connected:
            device.disconnect()
        else:
            self._connect(device)

    def _connect(self, device: Device) -> None:
        self._broker.to_device(device.name, Parcel(topics.KEYRING, self._province.office.signed))
        device.connect()

    @rule(seconds=st.sampled_from([1.0, 25.0, 1300.0]))
    def time_passes(self, seconds: float) -> None:
        self._now_s += seconds
        for device in self._devices.values():
            device.look()

    # ── cards ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(who=who, what=st.sampled_from(["restart", "salvage", "salvage", "reset"]))
    def a_device_is_opened(self, who: int, what: str) -> None:
        device = self._at(who)
        match what:
            case "restart":
                device.stop()
                device.start()
            case "salvage":
                device.salvage()
            case "reset":
                self._reset(device)
        self._connect(device)
        happened[f"devices: {what}"] += 1

    def _reset(self, device: Device) -> None:
        before = device.waiting().keys()
        device.factory_reset()
        registered = {row.hash for row in self._province.rows()}
        if before:
            self._promises.card_lost(device.name, before, registered)

    @rule(who=who, count=st.integers(0, 3), then=st.sampled_from(["sent", "delivered"]))
    def a_card_is_copied_and_people_pass(self, who: int, count: int, then: str) -> None:
        device = self._at(who)
        device.take_image()
        self._connect(device)
        self._people_pass(device, count, 0, then)

    @precondition(lambda self: any(device.has_image() for device in self._devices.values()))
    @rule(who=who, count=st.integers(0, 3), then=st.sampled_from(["silence", "sent", "delivered"]), replayed=st.booleans())
    def an_old_copy_takes_the_cards_place_and_people_pass(self, who: int, count: int, then: str, replayed: bool) -> None:
        device = self._at(who)
        if not device.has_image():
            device = next(other for other in self._devices.values() if other.has_image())
        before = device.waiting().keys()
        device.restore_image()
        registered = {row.hash for row in self._province.rows()}
        self._promises.card_lost(device.name, before - device.waiting().keys(), registered)
        self._promises.card_restored(device.name, device.image_head())
        self._connect(device)
        self._people_pass(device, count, 0, then)
        if replayed:
            self._replay_to(device, 0, _REPLAYED_AT_MOST)
        happened["devices: an old copy restored"] += 1

    # ── the province ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(
        count=st.integers(1, 30),
        dies_in=st.sampled_from([None, None, None, 0, 1, 2]),
        obstacle=st.sampled_from([None, None, "lock", "lock and killed", "keystore", "register"]),
        redelivers=st.booleans(),
    )
    def the_collector_takes_a_batch(self, count: int, dies_in: int | None, obstacle: str | None, redelivers: bool) -> None:
        batch, self._broker.up = self._broker.up[:count], self._broker.up[count:]
        if batch:
            unacknowledged = self._collect(batch, dies_in, obstacle)
            self._broker.up = (unacknowledged if redelivers else []) + self._broker.up

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

    @rule(what=st.sampled_from(["restart", "keyring", "retention"]))
    def the_province_changes(self, what: str) -> None:
        match what:
            case "restart":
                self._province.stop()
                self._province.start()
            case "keyring":
                self._province.renew_keyring()
                self._from_collector(Message(topics.KEYRING, self._province.office.signed, retain=True))
            case "retention":
                self._promises.closed |= self._province.close_old_days()
        happened[f"province: {what}"] += 1

    # ── the broker, as it should be ──────────────────────────────────────────────────────────────────────────────────────────────

    @rule(who=who, count=st.integers(1, 6))
    def a_device_hears(self, who: int, count: int) -> None:
        device = self._at(who)
        way = self._broker.down[device.name]
        heard, way[:count] = way[:count], []
        for parcel in heard:
            self._hear(device, parcel)

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

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        self._all_goes_well()

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

    # ── the broker, as it is here ────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(way=ways, how=st.sampled_from(["lost", "doubled", "reordered"]), place=places, count=st.integers(1, 10))
    def the_broker_errs(self, way: DeviceName | None, how: str, place: int, count: int) -> None:
        parcels = self._broker.way(way)
        if not parcels:
            return
        start = place % len(parcels)
        match how:
            case "lost":
                del parcels[start : start + count]
            case "doubled":
                parcels.extend(parcels[start : start + count])
            case "reordered":
                shuffled(parcels, place)
        happened[f"broker: {how}"] += 1

    @rule(place=places, count=st.integers(1, 8))
    def old_entries_come_again(self, place: int, count: int) -> None:
        for number in range(count):
            parcel = pick(self._broker.seen_up, place + number)
            if parcel is not None:
                self._broker.up.append(parcel)
                happened["broker: replayed to the province"] += 1

    @rule(who=who, place=places, count=st.integers(1, _REPLAYED_AT_MOST))
    def old_receipts_and_keyrings_come_again(self, who: int, place: int, count: int) -> None:
        self._replay_to(self._at(who), place, count)

    def _replay_to(self, device: Device, place: int, count: int) -> None:
        own = [one for one in self._broker.seen_down if self._is_for(device.name, one)]
        for number in range(min(count, len(own))):
            parcel = pick(own, place + number)
            assert parcel is not None
            self._hear(device, parcel)
            happened["broker: replayed to a device"] += 1

    @precondition(lambda self: self._broker.seen_up)
    @rule(how=st.sampled_from(["bit", "cut", "other topic", "no device's topic", "other key", "no topic", "garbage"]), place=places)
    def an_entry_is_forged(self, how: str, place: int) -> None:
        genuine = pick(self._broker.seen_up, place)
        assert genuine is not None
        name = read(genuine.payload).header.name
        [other] = set(NAMES) - {name}
        match how:
            case "bit":
                made = bit_flipped(genuine, place)
            case "cut":
                made = cut_short(genuine, place)
            case "other topic":
                made = replace(genuine, topic=other.topic(Leaf.ENTRIES), forged=True)
            case "no device's topic":
                made = replace(genuine, topic=STRANGER.topic(Leaf.ENTRIES), forged=True)
            case "no topic":
                made = replace(genuine, topic=f"gate/v1/{name}/telemetry", forged=True)
            case "other key":
                topic = (name if place % 2 else other).topic(Leaf.ENTRIES)
                made = Parcel(topic, self._signed_by_another(genuine, self._devices[other]), forged=True)
            case _:
                made = Parcel(genuine.topic, place.to_bytes(4, "big") * (place % 5000), forged=True)
        self._broker.up.append(made)

    def _signed_by_another(self, genuine: Parcel, thief: Device) -> bytes:
        """The same header over a body of the thief's own choice."""
        header = read(genuine.payload).header
        key = self._province.office.current.key_for(None).sealing_key()
        signer = identity.load(thief.state).signer
        return envelope.make(replace(header, key_id=key.key_id), Note({"forged": 1}), key, signer)

    @rule(
        who=who,
        how=st.sampled_from(
            ["bit", "cut", "other device", "other power", "own root", "borrowed certificate", "made-up signature", "garbage"]
        ),
        place=places,
    )
    def a_receipt_or_keyring_is_forged(self, who: int, how: str, place: int) -> None:
        device = self._at(who)
        genuine = pick([one for one in self._broker.seen_down if self._is_for(device.name, one)], place)
        foreign = pick([one for one in self._broker.seen_down if not self._is_for(device.name, one)], place)
        own = device.name.topic(Leaf.RECEIPTS)
        made: Parcel | None = None
        match how:
            case "bit" if genuine is not None:
                made = bit_flipped(genuine, place)
            case "cut" if genuine is not None:
                made = cut_short(genuine, place)
            case "other device" if foreign is not None:
                made = replace(foreign, topic=own, forged=True)
            case "other power":
                made = self._receipt_for_all(device, self._province.keyring_officer)
            case "own root":
                made = self._receipt_for_all(device, RECEIPTS_OFFICER)
            case "borrowed certificate":
                made = self._receipt_for_all(device, replace(self._province.receipts_officer, key=_THIEF))
            case "made-up signature" if (whole := self._receipt_for_all(device, self._province.receipts_officer)) is not None:
                made = replace(whole, payload=whole.payload[:-1] + bytes([whole.payload[-1] ^ 1]))
            case "garbage":
                made = Parcel(own, place.to_bytes(4, "big") * (place % 5000), forged=True)
        if made is not None:
            self._broker.down[device.name].insert(place % (len(self._broker.down[device.name]) + 1), made)

    def _is_for(self, name: DeviceName, parcel: Parcel) -> bool:
        return parcel.topic in (topics.KEYRING, name.topic(Leaf.RECEIPTS))

    def _receipt_for_all(self, device: Device, officer: Officer) -> Parcel | None:
        """A receipt for all that waits, by somebody who may not give any."""
        waiting = list(device.waiting().values())
        if not waiting:
            return None
        log = waiting[-1].header.log
        parts = tuple(
            Range(entry.header.seq, entry.header.seq, entry.hash, receipt.Status.REGISTERED) for entry in waiting if entry.header.log == log
        )
        return Parcel(device.name.topic(Leaf.RECEIPTS), receipt.issue(Receipt(device.name, log, parts, now_ms()), officer), forged=True)

    # ── what must hold ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def the_promises_hold(self) -> None:
        happened["steps"] += 1
        self._promises.check(self._province, {name: device.waiting() for name, device in self._devices.items()})

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # else a step has failed already, and that is what to tell
                self._settle()
                happened["runs"] += 1
        finally:
            self._timed.stop()
            self._quiet.removeHandler(self._heard)
            for device in self._devices.values():
                device.stop()
            self._province.close()
            shutil.rmtree(self._folder)

    def _settle(self) -> None:
        """Everybody behaves: all is delivered, receipted and forgotten; then one more passes at each gate."""
        for last in (False, True):
            for device in self._devices.values():
                if not device.connected:
                    self._connect(device)
                if last:
                    self._pass(device, 0)
            for _ in range(_ROUNDS_TO_SETTLE):
                if not any(device.waiting() for device in self._devices.values()):
                    break
                self._round()
            assert [device.counted_waiting() for device in self._devices.values()] == [0, 0], "what waits is not delivered or not receipted"
        self.the_promises_hold()
        self._promises.check_settled(self._province)
        self._look_for_people()

    def _look_for_people(self) -> None:
        files = [file for device in self._devices.values() for file in device.files()]
        files += [self._province.layout.register, self._province.layout.register.with_name(f"{self._province.layout.register.name}-wal")]
        assert not any(shows_somebody(file.read_bytes()) for file in files), "somebody is on a disk in clear"
        assert not shows_somebody("\n".join(self._heard.lines).encode()), "somebody is in a log"


HOSTILE = (
    "broker: lost", "broker: doubled", "broker: reordered", "broker: replayed to the province", "broker: replayed to a device",
    "refused by the province", "refused by a device", "collectors killed", "devices: restart", "devices: reset", "devices: salvage",
    "devices: an old copy restored", "forks told", "province: restart", "province: keyring", "province: retention",
)  # fmt: skip


def run(*, runs: int, by_chance: bool) -> None:
    """Plays so many runs.

    Args:
        runs: how many.
        by_chance: other ones each time, and a run that fails is made as short as it gets, which takes minutes.
    """
    phases = (Phase.generate, Phase.shrink) if by_chance else (Phase.generate,)
    chosen = settings(
        max_examples=runs, stateful_step_count=_STEPS, derandomize=not by_chance, database=None, deadline=None, phases=phases,
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
    )  # fmt: skip
    run_state_machine_as_test(PromiseMachine, settings=chosen)
