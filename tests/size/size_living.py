"""Invents how a province lives for three weeks: who is where when, so that the same spec gives the same passages on every machine.

Most people have a place of work and some a bus to it; they go to the same market, now and then to a shop, a temple or a hospital. Arrays of
NumPy, one row a passage, in the order of time: ten million are made in seconds. Times count from the first day's midnight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from province.registry.categories import Category

DAYS = 21
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
NOW_MS = (DAYS - 1) * DAY_MS + 17 * HOUR_MS + HOUR_MS // 2  # on the last day at half past five: shops are full, buses run
IN, OUT = 0, 1
_A_SITE = 400 * DAYS  # 20 million entries a day at 50 000 sites
_LEAST_SITES = 40
_A_PERSON_A_DAY = 3.0
_SLOT_MS = 40 * 60_000  # a bus leaves so often

_SHARES = {
    Category.SHOP: 22, Category.OFFICE: 20, Category.FACTORY: 14, Category.VEHICLE: 14, Category.MARKET: 9, Category.SCHOOL: 7,
    Category.LEISURE: 5, Category.WORSHIP: 4, Category.HOSPITAL: 3, Category.STATION: 2,
}  # fmt: skip
_NAMES = {
    Category.SHOP: "Cửa hàng", Category.OFFICE: "Văn phòng", Category.FACTORY: "Nhà máy", Category.VEHICLE: "Xe buýt",
    Category.MARKET: "Chợ", Category.SCHOOL: "Trường", Category.LEISURE: "Nhà thi đấu", Category.WORSHIP: "Chùa",
    Category.HOSPITAL: "Bệnh viện", Category.STATION: "Bến xe",
}  # fmt: skip
_TWO_GATES = {Category.MARKET, Category.FACTORY, Category.HOSPITAL, Category.STATION}
_WORK = (Category.OFFICE, Category.FACTORY, Category.SHOP, Category.SCHOOL)

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spec:
    """Which province: the same spec, the same people and passages."""

    entries: int
    seed: int = 1

    def __post_init__(self) -> None:
        if self.entries < 1:
            raise ValueError(f"entries must be 1 or more, got {self.entries}")

    @property
    def sites(self) -> int:
        return max(_LEAST_SITES, self.entries // _A_SITE)


@dataclass(frozen=True, slots=True)
class Place:
    """A site: its number is its place in `places`; its gates' numbers go on through all sites."""

    number: int
    category: Category
    name: str
    org: str
    gates: tuple[str, ...]
    first_gate: int


def places(spec: Spec) -> list[Place]:
    """The sites, each kind its share."""
    found: list[Place] = []
    gate = 0
    kinds = [kind for kind, share in _SHARES.items() for _ in range(max(1, round(spec.sites * share / 100)))]
    for number, kind in enumerate(kinds):
        gates = ("Cổng chính", "Cổng sau") if kind in _TWO_GATES else ("Cửa trước",)
        found.append(Place(number, kind, f"{_NAMES[kind]} {number + 1}", f"org-{number % max(1, spec.sites // 8) + 1}", gates, gate))
        gate += len(gates)
    return found


@dataclass(frozen=True, slots=True)
class Passages:
    """Passages in the order of time.

    Attributes:
        at_ms: since the first day's midnight.
        person: number of who passed.
        gate: number of the gate.
        direction: IN or OUT.
        trip: which departure of the day, of vehicles; else -1.
        seq: number in the gate's log, from 1.
    """

    at_ms: Numbers
    person: NDArray[np.int32]
    gate: NDArray[np.int32]
    direction: NDArray[np.int8]
    trip: NDArray[np.int16]
    seq: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.at_ms)

    def of_day(self, day: int) -> slice:
        """Where the passages of a day stand."""
        first, after = np.searchsorted(self.at_ms, [day * DAY_MS, (day + 1) * DAY_MS])
        return slice(int(first), int(after))


class _Population:
    """Who works where and goes how; numbers of sites, -1 for none."""

    def __init__(self, spec: Spec, people: int) -> None:
        self.people = people
        self.places = places(spec)
        self.first_gate = np.array([place.first_gate for place in self.places])
        self.gates = np.array([len(place.gates) for place in self.places])
        rng = np.random.default_rng([spec.seed, people])
        self.work = np.where(rng.random(people) < 0.62, self._pick(rng, *_WORK), -1)
        self.bus = np.where((self.work >= 0) & (rng.random(people) < 0.33), self._pick(rng, Category.VEHICLE), -1)
        self.market = self._pick(rng, Category.MARKET)
        self.starts_ms = (6.5 * HOUR_MS + rng.random(people) * 2.5 * HOUR_MS).astype(np.int64)

    def of(self, *kinds: Category) -> Numbers:
        return np.array([place.number for place in self.places if place.category in kinds])

    def _pick(self, rng: np.random.Generator, *kinds: Category) -> Numbers:
        """One of these sites for each person: a few are large, most are small."""
        sites = self.of(*kinds)
        weight = rng.lognormal(0.0, 1.0, len(sites))
        return rng.choice(sites, self.people, p=weight / weight.sum())


_Part = tuple[Numbers, Numbers, Numbers, Numbers, Numbers]  # at_ms, person, site, direction, trip


def _day(spec: Spec, them: _Population, day: int) -> Iterator[_Part]:
    rng = np.random.default_rng([spec.seed, 7, day])
    everybody = np.arange(them.people)
    free_day = day % 7 == 6
    works = (them.work >= 0) & (rng.random(them.people) < (0.15 if free_day else 0.92))
    rides = works & (them.bus >= 0)
    leaves_ms = them.starts_ms + (8.5 * HOUR_MS + rng.normal(0, 0.4 * HOUR_MS, them.people)).astype(np.int64)
    for mask, site, begin_ms, lasts_ms in (
        (works, them.work, them.starts_ms, leaves_ms - them.starts_ms),
        (rides, them.bus, them.starts_ms - 55 * 60_000, np.full(them.people, 40 * 60_000)),
        (rides, them.bus, leaves_ms + 10 * 60_000, np.full(them.people, 40 * 60_000)),
        (rng.random(them.people) < 0.38, them.market, *_some_time(rng, them.people, 25)),
        (rng.random(them.people) < 0.24, rng.choice(them.of(Category.SHOP), them.people), *_some_time(rng, them.people, 12)),
        (rng.random(them.people) < (0.2 if free_day else 0.02), rng.choice(them.of(Category.WORSHIP, Category.LEISURE), them.people),
         *_some_time(rng, them.people, 60)),
        (rng.random(them.people) < 0.012, rng.choice(them.of(Category.HOSPITAL), them.people), *_some_time(rng, them.people, 90)),
        (rng.random(them.people) < 0.01, rng.choice(them.of(Category.STATION), them.people), *_some_time(rng, them.people, 20)),
    ):  # fmt: skip
        who = everybody[mask]
        at_ms = begin_ms[who] + rng.integers(-90_000, 90_000, len(who))
        is_bus = np.isin(site[who], them.of(Category.VEHICLE))
        trip = np.where(is_bus, at_ms // _SLOT_MS, -1)
        leaves = rng.random(len(who)) < 0.93  # not everybody shows the code again on the way out
        yield day * DAY_MS + at_ms, who, site[who], np.full(len(who), IN), trip
        yield day * DAY_MS + (at_ms + lasts_ms[who])[leaves], who[leaves], site[who][leaves], np.full(leaves.sum(), OUT), trip[leaves]


def _some_time(rng: np.random.Generator, people: int, lasts_min: int) -> tuple[Numbers, Numbers]:
    begin_ms = (6 * HOUR_MS + rng.random(people) * 12.5 * HOUR_MS).astype(np.int64)
    return begin_ms, (lasts_min * 60_000 * (0.4 + rng.gamma(2.0, 0.4, people))).astype(np.int64)


def live(spec: Spec) -> Passages:
    """The passages of the three weeks, exactly as many as asked for: the last people are left out."""
    people = int(spec.entries / DAYS / _A_PERSON_A_DAY * 1.05) + 30
    while True:
        them = _Population(spec, people)
        parts = list(zip(*(part for day in range(DAYS) for part in _day(spec, them, day)), strict=True))
        at_ms, person, site, direction, trip = (np.concatenate(part) for part in parts)
        past = at_ms < NOW_MS
        if past.sum() >= spec.entries:
            break
        people = int(people * 1.15) + 10
    order = np.flatnonzero(past)[np.lexsort((at_ms[past], person[past]))][: spec.entries]
    order = order[np.argsort(at_ms[order], kind="stable")]
    return _numbered(them, at_ms[order], person[order], site[order], direction[order], trip[order])


def _numbered(them: _Population, at_ms: Numbers, person: Numbers, site: Numbers, direction: Numbers, trip: Numbers) -> Passages:
    """Gives each passage its gate, and its number in the gate's log."""
    gate = (them.first_gate[site] + (person + direction) % them.gates[site]).astype(np.int32)
    by_gate = np.argsort(gate, kind="stable")
    counts = np.bincount(gate)
    begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
    seq = np.empty(len(gate), np.int32)
    seq[by_gate] = np.arange(len(gate)) - begins[gate[by_gate]] + 1
    return Passages(at_ms, person.astype(np.int32), gate, direction.astype(np.int8), trip.astype(np.int16), seq)
