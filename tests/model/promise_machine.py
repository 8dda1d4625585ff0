"""Two devices, a province and a broker that is nobody's friend: anything may happen in any order, and every promise is checked each time.

The outbox, the agent's uplink, the collector, its intake and its register are the real ones; the network and the clocks are the
model's. Power cuts in the middle of a write are not here but in tests/crash.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hostile_broker import Parcel, bit_flipped, cut_short, pick, shuffled
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from model_device import Device, read
from model_world import NAMES, ModelWorld, happened
from promises import shows_somebody
from sealed_examples import RECEIPTS_OFFICER  # of another province

from edge_agent.device import identity
from edge_agent.link.broker_link import Message
from edge_agent.wire import envelope, receipt, topics
from edge_agent.wire.authority import Officer
from edge_agent.wire.entry import Note
from edge_agent.wire.receipt import Range, Receipt
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms

STRANGER = DeviceName("nobody", "knows")
_THIEF = Ed25519PrivateKey.generate()
_STEPS = 40
_ROUNDS_TO_SETTLE = 12
_REPLAYED_AT_MOST = 12
places = st.integers(0, 2**16)
who = st.integers(0, len(NAMES) - 1)
ways = st.sampled_from([None, *NAMES])


class PromiseMachine(ModelWorld):
    """See the file's first lines."""

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

    @rule(who=who)
    def the_line_breaks_or_comes_back(self, who: int) -> None:
        device = self._at(who)
        if device.connected:
            device.disconnect()
        else:
            self._connect(device)

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

    @rule()
    def all_goes_well_for_a_while(self) -> None:
        self._all_goes_well()

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
            self._end()

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
