"""The days of the living province: who goes where and when, drawn at random but always the same of one seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from edge_agent.wire.entry import Direction, Method
from province.demo.living_places import SPOTS, Spot
from province.registry.categories import Category

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
_OPENS_MIN, _CLOSES_MIN = 6 * 60, 21 * 60
_WORK = (Category.FACTORY, Category.SCHOOL, Category.AGENCY, Category.OFFICE, Category.BUILDING_SITE)
_NIGHTLY = (Category.MARKET, Category.HOSPITAL, Category.CHECKPOINT, Category.STATION, Category.VEHICLE)
_BY_NIGHT, _HAS_WORK, _GOES_TO_WORK, _BETWEEN_MIN = 0.15, 0.45, 0.85, 90
_FORGETS = 0.06  # of those who go in, how many are not seen going out
_HEALTH = ("valid",) * 16 + ("not-shown",) * 2 + ("expired", "other-person")
_ASKED = (Category.HOSPITAL, Category.CHECKPOINT, Category.QUARANTINE)
_METHODS = (Method.CAMERA,) * 17 + (Method.SERIAL, Method.HID, Method.PAPER)
_SECOND_TRIP_MIN = 40
_BY_POSTER = 0.6  # of those whom no scanner sees on a day
POSTER = "Mã QR"  # where a scanner's entries say the gate


@dataclass(frozen=True, slots=True)
class Step:
    """One passage.

    Attributes:
        at_ms: milliseconds since the day began.
        who: the person's place in the list of people.
        trip: of a vehicle.
    """

    at_ms: int
    who: int
    spot: Spot
    gate: str
    direction: Direction
    method: Method
    trip: str | None = None
    health: str | None = None


def f0_of(people: int) -> int:
    """Who falls ill: the first, whose days `steps` fills so that there is much to trace; there must be anybody at all."""
    if people < 1:
        raise ValueError("a province without people has nobody to trace")
    return 0


def steps(day: str, people: int, seed: int, spots: Sequence[Spot] = SPOTS) -> list[Step]:
    """A day's passages, in order.

    Args:
        day: YYYY-MM-DD; the same day is the same whatever the others are.
        people: how many there are.
        seed: another seed, other days.
        spots: where they may go.
    """
    found: list[Step] = []
    for who in range(people):
        chance = random.Random(f"{seed} {day} {who}")  # noqa: S311 - repeatable inventions; nothing secret hangs on them
        home = random.Random(f"{seed} {who}")  # noqa: S311 - the same
        found += _day_of(who, chance, home, day, spots)
    return sorted(found, key=lambda step: (step.at_ms, step.who))


def checkins(day: str, people: int, seed: int, seen: Collection[int], spots: Sequence[Spot] = SPOTS) -> list[Step]:
    """Who checks in by a poster that day with a phone of their own, where one hangs; in order.

    Args:
        day: YYYY-MM-DD.
        people: how many there are.
        seed: another seed, other days.
        seen: those whom a scanner sees that day: nobody is at two places. Who falls ill is seen by scanners alone, which say where.
        spots: where they may go.
    """
    found: list[Step] = []
    posters = [spot for spot in spots if spot.poster]
    for who in range(people):
        chance = random.Random(f"{seed} {day} {who} poster")  # noqa: S311 - repeatable inventions; nothing secret hangs on them
        if not posters or who in seen or who == f0_of(people) or chance.random() >= _BY_POSTER:
            continue
        spot = chance.choices(posters, [spot.poster for spot in posters])[0]
        in_ms = int(chance.uniform(_OPENS_MIN, _CLOSES_MIN - 120) * MINUTE_MS)
        found.append(Step(in_ms, who, spot, POSTER, Direction.IN, Method.SELF))
        out_ms = in_ms + int(_stay(chance, spot) * MINUTE_MS)
        if chance.random() >= _FORGETS and out_ms < DAY_MS:
            found.append(Step(out_ms, who, spot, POSTER, Direction.OUT, Method.SELF))
    return sorted(found, key=lambda step: (step.at_ms, step.who))


def _day_of(who: int, chance: random.Random, home: random.Random, day: str, spots: Sequence[Spot]) -> Iterator[Step]:
    """One person's day: work, if they have any, and some errands; the first person's is full. Some live by night, when markets trade."""
    open_ones = [spot for spot in spots if not spot.is_silent]
    by_night = home.random() < _BY_NIGHT
    works = [spot for spot in open_ones if spot.category in _WORK and not by_night]
    others = [spot for spot in open_ones if spot.category in _NIGHTLY or (spot.category not in _WORK and not by_night)]
    at_min = chance.uniform(0, 240) if by_night else chance.uniform(_OPENS_MIN, _OPENS_MIN + 100)
    if works and home.random() < _HAS_WORK and chance.random() < _GOES_TO_WORK:
        work = home.choices(works, [spot.draw for spot in works])[0]
        stay_min = _stay(chance, work)
        yield from _visit(who, chance, work, (at_min, stay_min), day)
        at_min += stay_min + chance.uniform(10, 60)
    errands = 4 if who == f0_of(who + 1) else chance.choices((0, 1, 2, 3), (25, 40, 25, 10))[0]
    for _ in range(errands if others else 0):
        spot = chance.choices(others, [spot.draw for spot in others])[0]
        at_min += chance.expovariate(1 / _BETWEEN_MIN) + 5
        if at_min > _CLOSES_MIN:
            return
        stay_min = _stay(chance, spot)
        yield from _visit(who, chance, spot, (at_min, stay_min), day)
        at_min += stay_min


def _stay(chance: random.Random, spot: Spot) -> float:
    """How long somebody stays, in minutes."""
    return max(1.0, chance.gauss(spot.stay_min, spot.stay_min / 4))


def _visit(who: int, chance: random.Random, spot: Spot, times: tuple[float, float], day: str) -> Iterator[Step]:
    """In, and out again, if nobody forgets; `times`: the minute of the day, and how many minutes they stay."""
    at_min, stay_min = times
    trip = f"{day}-{int(at_min) // _SECOND_TRIP_MIN:02}" if spot.category is Category.VEHICLE else None
    method = chance.choice(_METHODS)
    health = chance.choice(_HEALTH) if spot.category in _ASKED else None
    in_ms = int(at_min * MINUTE_MS)
    yield Step(in_ms, who, spot, chance.choice(spot.gates), Direction.IN, method, trip, health)
    out_ms = in_ms + int(stay_min * MINUTE_MS)
    if chance.random() >= _FORGETS and out_ms < DAY_MS:
        yield Step(out_ms, who, spot, chance.choice(spot.gates), Direction.OUT, method, trip)
