"""Fills a province with an invented district that lives: places, scanners, and days of passages, always the same of one seed.

Everything goes through the province's own code: the registry's, the keystore's, and the register's `store`, which closes bodies, makes
tokens and keeps the ledger. Only the scanners' half is left out: a passage enters in the form in which the collector hands it over once it
is opened, so that no envelope is sealed and signed to be opened again a moment later. The days' keys are random: what lies on the disk is
other bytes each time.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from edge_agent.wire.entry import (
    NO_PREVIOUS,
    Body,
    Clock,
    Header,
    Kind,
    Known,
    Method,
    Note,
    Passage,
    Position,
    RecordedPerson,
    encode_header,
)
from edge_agent.wire.keyring import day_of
from edge_agent.wire.receipt import Status
from edge_agent.wire.topics import DeviceName
from firmware.person_codes import Person
from province.base.layout import Layout
from province.collecting.fate import Fate, Opened
from province.collecting.intake import Taken
from province.collecting.register import Register
from province.demo import living_fleet
from province.demo.living_days import DAY_MS, POSTER, Step, checkins, f0_of, steps
from province.demo.living_fleet import Scanner
from province.demo.living_places import BODIES, COMMUNES, DISTRICT, DISTRICT_NAME, PROVINCE_NAME, PROVINCE_UNIT, SPOTS, Spot, where
from province.demo.synthetic import synthetic_people
from province.joining.enrolling import Place, add_device
from province.keys.day_keys import DayKeys
from province.keys.keystore import Keystore
from province.records.views import day_bounds_ms
from province.registry import organisations, sites, units
from province.registry.site import new_site
from province.registry.texts import CHECKIN
from province.registry.units import Level
from province.store import database

_BATCH = 200
_REGISTERED_DAYS = 40  # before the days that are shown
_ARRIVES_MS = 1500  # after it was recorded
_SINCE_BOOT_MS = 3_600_000
Gate = tuple[str, str]  # a site's id, and one of its gates
CHECKIN_PAGE = DeviceName(CHECKIN, "page-1")
_OWN_PLACE = ("check-in", POSTER)  # of the check-in page's notes about itself
_UNSAID = "*"  # a visitor need tell no number
_BLIND: Gate = ("cho-coc-leu", "Cổng 2")  # its scanner's clock was not set on the last day


@dataclass(frozen=True, slots=True)
class Living:
    """What was made.

    Attributes:
        people: invented; in the order of `Step.who`.
        f0: the one of them to trace.
        days: those with passages, oldest first; the last is that of `now_ms`.
        devices: the scanners, by site and gate; the check-in page stands at none.
        scanners: the same and the check-in page, as the fleet has them.
        entries: how many passages were registered.
    """

    people: list[Person] = field(repr=False)
    f0: Person = field(repr=False)
    days: list[date]
    devices: Mapping[Gate, DeviceName]
    scanners: list[Scanner]
    entries: int


@dataclass
class Chain:
    """A scanner's chain, as it writes it.

    Attributes:
        place: the site's and the gate's names, as its entries say them, where they are not told otherwise.
    """

    name: DeviceName
    place: tuple[str, str]
    log: bytes
    seq: int = 0
    hash: bytes = NO_PREVIOUS

    def take(
        self, body: Body, kind: Kind, at_ms: int, boot: bytes, clock: Clock, keys: DayKeys, place: tuple[str, str] | None = None
    ) -> Taken:
        """The next entry, opened as the collector has it."""
        header = Header(
            self.name, *(place or self.place), self.log, self.seq + 1, self.hash, kind, boot, at_ms, at_ms % DAY_MS + _SINCE_BOOT_MS, clock,
            keys.public.key_id,
        )  # fmt: skip
        digest = hashlib.sha256(encode_header(header)).digest()
        taken = Taken(self.name, self.log, header.seq, header.prev, digest, header, b"", _fate(body, keys))
        self.seq, self.hash = header.seq, digest
        return taken


def _fate(body: Body, keys: DayKeys) -> Fate:
    return Fate(Status.REGISTERED, keys.epoch, None, Opened(body, keys))


def populate(layout: Layout, now_ms: int, *, days: int = 10, people: int = 300, seed: int = 1, fleet: bool = True) -> Living:
    """Fills a newly founded province.

    Args:
        layout: the province; nothing else uses it yet.
        now_ms: the time, milliseconds since 1970 UTC; of its day only what is over has happened.
        days: how many days have passages, at least 1.
        people: how many live there, at least 1.
        seed: another seed, another province.
        fleet: whether the fleet's store is filled, too.

    Raises:
        ProvinceError: it cannot be written.
    """
    crowd = synthetic_people(people, seed)
    today = day_of(now_ms)
    shown = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    _register_places(layout, day_bounds_ms(shown[0])[0] - _REGISTERED_DAYS * DAY_MS)
    devices = _add_devices(layout, now_ms)
    keystore = Keystore(layout.keystore)
    suite = layout.read_settings().suite
    logs = {at: Chain(name, (_spot(at[0]).name, at[1]), _sixteen(f"{seed} log {name}")) for at, name in devices.items()}
    logs[_OWN_PLACE] = Chain(CHECKIN_PAGE, _OWN_PLACE, _sixteen(f"{seed} log {CHECKIN_PAGE}"))
    made_ms: dict[DeviceName, list[int]] = defaultdict(list)
    count = 0
    with Register(layout.register) as register:
        for day in shown:
            keys = keystore.ensure(day, suite)
            assert isinstance(keys, DayKeys)  # noqa: S101 - no day of a new province was destroyed
            for batch in _batches(_day(day, crowd, seed, now_ms, logs, keys, is_last=day == today)):
                at_ms = min(now_ms, max(one.header.wall_ms for one in batch if one.header is not None) + _ARRIVES_MS)
                register.store(batch, lambda at_ms=at_ms: at_ms)  # type: ignore[misc]  # of no argument, all the same
                for one in batch:
                    if one.header is not None:
                        made_ms[one.name].append(one.header.wall_ms)
                count += sum(one.header is not None and one.header.kind is Kind.PASSAGE for one in batch)
    scanners = living_fleet.scanners(devices, {spot.id: spot for spot in SPOTS}, CHECKIN_PAGE, made_ms)
    if fleet:
        living_fleet.fill(layout, scanners, now_ms)
    return Living(crowd, crowd[f0_of(people)], shown, devices, scanners, count)


def _day(
    day: date, crowd: list[Person], seed: int, now_ms: int, logs: Mapping[Gate, Chain], keys: DayKeys, *, is_last: bool
) -> Iterator[Taken]:
    """A day's entries in the order in which they were made; each scanner begins it with a start of its own."""
    first_ms, _after_ms = day_bounds_ms(day)
    boots = {at: _sixteen(f"{seed} boot {log.name} {day}") for at, log in logs.items()}
    for at, log in logs.items():
        if (at == _OWN_PLACE or not _spot(at[0]).is_silent) and first_ms < now_ms:
            yield log.take(Note({"version": "0.1.0"}), Kind.BOOT, first_ms, boots[at], Clock.SYNCHRONISED, keys)
    scanned = steps(day.isoformat(), len(crowd), seed)
    declared = checkins(day.isoformat(), len(crowd), seed, {step.who for step in scanned})
    for step in sorted((*scanned, *declared), key=lambda step: step.at_ms):
        at_ms = first_ms + step.at_ms
        if at_ms > now_ms - _ARRIVES_MS:
            return
        at = (step.spot.id, step.gate)
        clock = Clock.UNKNOWN if is_last and at == _BLIND else Clock.SYNCHRONISED
        if step.method is Method.SELF:  # one page for every site: its entries name the site by id
            yield logs[_OWN_PLACE].take(_declared(step, crowd[step.who]), Kind.PASSAGE, at_ms, boots[_OWN_PLACE], clock, keys, at)
        else:
            yield logs[at].take(_passage(step, crowd[step.who]), Kind.PASSAGE, at_ms, boots[at], clock, keys)


def _declared(step: Step, person: Person) -> Passage:
    """As the check-in page reads what somebody typed; every third tells no number."""
    phone = person.phone or f"010{step.who:07}"
    id_number = _UNSAID if step.who % 3 == 0 else person.id_number
    return Passage(RecordedPerson("self", id_number, person.name, phone=phone), step.direction, Known.BUTTON, Method.SELF)


def _passage(step: Step, person: Person) -> Passage:
    who = RecordedPerson(
        str(person.scheme), person.id_number, person.name, person.old_id, person.birth_date, person.sex, person.phone, person.card_number
    )
    position = Position(*(round(degrees * 10**7) for degrees in where(step.spot)))
    return Passage(who, step.direction, Known.LANE, step.method, step.trip, position, health=step.health)


def _batches(entries: Iterator[Taken]) -> Iterator[list[Taken]]:
    batch: list[Taken] = []
    for one in entries:
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _spot(id_: str) -> Spot:
    return next(spot for spot in SPOTS if spot.id == id_)


def _sixteen(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def _register_places(layout: Layout, registered_ms: int) -> None:
    """Units, organisations and sites, by the registry's own code."""
    path = layout.register
    with closing(database.connect(path)) as connection:
        units.add(connection, path, units.unit(PROVINCE_UNIT, Level.PROVINCE, PROVINCE_NAME))
        units.add(connection, path, units.unit(DISTRICT, Level.DISTRICT, DISTRICT_NAME, PROVINCE_UNIT))
        for id_, name in COMMUNES.items():
            units.add(connection, path, units.unit(id_, Level.COMMUNE, name, DISTRICT))
        for body in BODIES:
            one = organisations.organisation(body.id, body.name, body.unit, body.parent, body.sector)
            organisations.add(connection, path, one)
        for spot in SPOTS:
            sites.add(
                connection, path,
                new_site(
                    spot.id, spot.org, spot.name, spot.category, spot.address, spot.gates, unit=spot.commune, plate=spot.plate,
                    route=spot.route, monitored_by=spot.watched, registered_ms=registered_ms,
                ),
            )  # fmt: skip


def _add_devices(layout: Layout, now_ms: int) -> dict[Gate, DeviceName]:
    """A scanner at every gate, and the check-in page, registered with certificates of their own; their keys go with their bundles."""
    made: dict[Gate, DeviceName] = {}
    port = layout.read_settings().port
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory(dir=layout.root) as folder:
        for spot in SPOTS:
            for gate in spot.gates:
                counts[spot.org] = counts.get(spot.org, 0) + 1
                name = DeviceName(spot.org, f"may-{counts[spot.org]}")
                add_device(layout, name, Place(spot.name, gate), ("127.0.0.1", port), Path(folder) / f"{name.org}.{name.device}", now_ms)
                made[spot.id, gate] = name
        page = Path(folder) / str(CHECKIN_PAGE).replace("/", ".")
        add_device(layout, CHECKIN_PAGE, Place(*_OWN_PLACE), ("127.0.0.1", port), page, now_ms)
    return made
