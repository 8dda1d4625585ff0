"""Rows as the collector leaves them in the register, made without an envelope: real tokens, real bodies closed under the day's keys.

What is not as from a device: the hash of the envelope, which there is none of, is a hash of log and number.
`tests/province/test_size.py` holds these rows beside those that came the real way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from size_living import DAYS, IN, Passages, Place, Spec, places

from edge_agent.wire.entry import NO_PREVIOUS, Clock, Direction, Kind, Known, Method, Passage, RecordedPerson, encode_body
from edge_agent.wire.topics import DeviceName
from province.demo.synthetic import synthetic_people
from province.keys import wrapping
from province.keys.day_keys import DayKeys
from province.keys.identifiers import tokens
from province.records.views import day_bounds_ms

ARRIVES_MS = 1500  # so long from the gate to the register
_UP_MS = 60_000  # the scanners were started a minute before the first midnight


@dataclass(frozen=True, slots=True)
class Scanner:
    """A gate's scanner: one log, one boot."""

    name: DeviceName
    site: str
    gate: str
    log: bytes
    boot: bytes
    key: Ed25519PrivateKey = field(repr=False)


class EntryRow(NamedTuple):
    """The columns of the table of entries that a passage fills."""

    id: int
    org: str
    device: str
    log: bytes
    seq: int
    hash: bytes
    prev: bytes
    kind: str
    site: str
    gate: str
    direction: str
    trip: str | None
    wall_ms: int
    boot: bytes
    boottime_ms: int
    clock: str
    key_id: str
    epoch: str
    status: str
    forked: int
    registered_ms: int
    body: bytes


class TokenRow(NamedTuple):
    """The columns of the table of tokens."""

    token: bytes
    kind: str
    entry_id: int
    epoch: str


def _secret(spec: Spec, what: str, gate: int) -> bytes:
    return sha256(f"synthetic province {spec.seed}: {what} {gate}".encode()).digest()


def scanners(spec: Spec) -> list[Scanner]:
    """One for each gate, by the gate's number."""
    return [_scanner(spec, place, number, gate) for place in places(spec) for number, gate in enumerate(place.gates, place.first_gate)]


def _scanner(spec: Spec, place: Place, number: int, gate: str) -> Scanner:
    log, boot, key = (_secret(spec, what, number) for what in ("log", "boot", "key"))
    name = DeviceName(place.org, f"gate-{number + 1}")
    return Scanner(name, place.name, gate, log[:16], boot[:16], Ed25519PrivateKey.from_private_bytes(key))


def person_of(people: int, seed: int) -> list[RecordedPerson]:
    """Everybody as firmware records them, by number."""
    return [
        RecordedPerson(str(one.scheme), one.id_number, one.name, one.old_id, one.birth_date, one.sex, one.phone, one.card_number)
        for one in synthetic_people(people, seed)
    ]


def invented_hash(scanner: Scanner, seq: int) -> bytes:
    """What stands for the hash of an envelope that never was."""
    return NO_PREVIOUS if seq == 0 else sha256(b"no envelope" + scanner.log + seq.to_bytes(8)).digest()


class Rows:
    """Makes the rows of one day after the other.

    Args:
        spec: the province.
        passages: all of them.
        first_day: the civil day that they count from.
        people: by number.
    """

    def __init__(self, spec: Spec, passages: Passages, first_day: date, people: list[RecordedPerson]) -> None:
        self.passages = passages
        self.people = people
        self.scanners = scanners(spec)
        self.starts_ms = day_bounds_ms(first_day)[0]
        self.days = [first_day + timedelta(days=day) for day in range(DAYS)]

    def body(self, number: int) -> Passage:
        """What a passage's entry says."""
        of = self.passages
        trip = int(of.trip[number])
        day = self.days[int(of.at_ms[number]) // 86_400_000]
        return Passage(
            self.people[of.person[number]], Direction.IN if of.direction[number] == IN else Direction.OUT, Known.LANE, Method.CAMERA,
            None if trip < 0 else f"{day:%m%d}-{of.gate[number]}-{trip}",
        )  # fmt: skip

    def of_day(self, day: int, keys: DayKeys, first: int, after: int) -> Iterator[tuple[EntryRow, list[TokenRow]]]:
        """The rows of passages `first` up to `after`, which are all of one day."""
        of, key_id, epoch = self.passages, keys.public.key_id, self.days[day].isoformat()
        closed: dict[tuple[int, int], bytes] = {}
        marks: dict[int, list[tuple[bytes, str]]] = {}
        columns = of.at_ms, of.person, of.gate, of.direction, of.trip, of.seq
        chunk = zip(*(column[first:after].tolist() for column in columns), strict=True)
        for row_id, (at_ms, person, gate, direction, trip, seq) in enumerate(chunk, first + 1):
            scanner, wall_ms = self.scanners[gate], self.starts_ms + at_ms
            if trip >= 0 or (text := closed.get((person, direction))) is None:
                made = self.body(row_id - 1)
                text = closed[person, -1 if trip >= 0 else direction] = encode_body(made)
            if person not in marks:
                marks[person] = [(mark, str(kind)) for kind, mark in tokens(self.people[person], keys.token_key)]
            digest = invented_hash(scanner, seq)
            about = wrapping.identity(scanner.name, scanner.log, seq, digest)
            row = EntryRow(
                row_id, scanner.name.org, scanner.name.device, scanner.log, seq, digest, invented_hash(scanner, seq - 1),
                Kind.PASSAGE.value, scanner.site, scanner.gate, "in" if direction == IN else "out",
                None if trip < 0 else f"{self.days[day]:%m%d}-{gate}-{trip}", wall_ms, scanner.boot, at_ms + _UP_MS,
                Clock.SYNCHRONISED.value, key_id, epoch, "registered", 0, wall_ms + ARRIVES_MS, wrapping.wrap(text, about, keys.data_key),
            )  # fmt: skip
            yield row, [TokenRow(mark, kind, row_id, epoch) for mark, kind in marks[person]]

    def boottime_ms(self, at_ms: int) -> int:
        """A scanner's time since boot."""
        return at_ms + _UP_MS
