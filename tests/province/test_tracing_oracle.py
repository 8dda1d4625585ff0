"""Tracing answers as a brute-force oracle does that goes through every minute of every person: same places, same contacts, same minutes.

The oracle knows who everyone is. It never sees a token or a stay: whether somebody is there in a minute follows from the last passage
before it and the first after it.
"""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tracing_world import MINUTE_MS, for_once, minutes, passed, trip_told

from edge_agent.wire.entry import RecordedPerson
from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records.views import day_bounds_ms
from province.store import database
from province.store.opened import Connection
from province.tracing.contacts import Contact
from province.tracing.finding import Place
from province.tracing.rules import Rules
from province.tracing.stays import Rule
from province.tracing.trace import Trace

DAYS = 3
MOST = int(os.environ.get("TRACING_EXAMPLES", "30"))
ASSUMED_MIN = {"market": 60, "office": 120, "vehicle": 60}
LONGEST_MIN = {"market": 840, "office": 840, "vehicle": 1440}
RULES = Rules(least_ms=0, kinds={kind: Rule(ASSUMED_MIN[kind] * MINUTE_MS, LONGEST_MIN[kind] * MINUTE_MS) for kind in ASSUMED_MIN})
SITES = {"cho": "market", "cong-ty": "office", "xe": "vehicle"}
TRIPS = {None: (None, None), "sang": (300, 420), "dem": (1400, 1500), "mat": (None, None)}  # what was told of their beginning and end
PEOPLE = 8
FAMILY = {  # of these people nothing is known but what they type at a poster: a name by any keyboard, and their family's phone
    5: ("Trần Thị Hoa", "TRẦN THỊ HOA", unicodedata.normalize("NFD", "Trần  Thị Hoa")),
    6: ("Trần Thị Hòa", "trần thị hòa", "Trần Thị Hoà"),
    7: ("tran thi hoa", "Tran Thi Hoa", "TRAN  THI HOA"),
}
PHONES = ("0912345678", "+84 912 345 678", "0912.345.678")
WHO = {name: person for person, names in FAMILY.items() for name in names}


@dataclass(frozen=True)
class Pass:
    """Somebody passes at a minute of three days, with one of their three codes; `kept`: so many days later are its keys."""

    minute: int
    person: int
    code: int
    site: str
    way: str
    trip: str | None = None
    kept: int = 0


def code(person: int, which: int) -> RecordedPerson:
    """All codes of one person have the id number; one phone is a family's, and some type it with their name and no more.

    The case's own code with that phone tells a name without marks, as the national one does: it could be anybody's of them.
    """
    if person in FAMILY:
        return RecordedPerson("self", "*", FAMILY[person][which], phone=PHONES[which])
    number, name = f"00109900000{person}", "TRAN THI HOA" if (person, which) == (0, 1) else f"Trần Thị {person}"
    more = (
        {"old_id": f"01234567{person}", "phone": "0912345678"}
        if which == 1
        else {"card_number": f"010000000{person}"}
        if which == 2
        else {}
    )
    return RecordedPerson("cccd", number, name, **more)


moments = st.one_of(st.integers(0, DAYS * 1440 - 1), st.integers(1380, 1500), st.sampled_from([1439, 1440, 2879, 2880]))
kept = st.sampled_from([0, 0, 0, 1, 2])
standing = st.builds(
    Pass, moments, st.integers(0, PEOPLE - 1), st.integers(0, 2), st.sampled_from(["cho", "cong-ty"]), st.sampled_from(["in", "out"]),
    kept=kept,
)  # fmt: skip
riding = st.builds(
    Pass, moments, st.integers(0, PEOPLE - 1), st.integers(0, 2), st.just("xe"), st.sampled_from(["in", "out"]), st.sampled_from([*TRIPS]),
    kept,
)  # fmt: skip
provinces = st.lists(st.one_of(standing, standing, riding), max_size=40)


def present(passes: list[Pass], site: str, trip: str | None) -> set[int]:
    """The minutes in which somebody with these passages, in order, is there."""
    assumed, longest = ASSUMED_MIN[SITES[site]], LONGEST_MIN[SITES[site]]
    begins, ends = TRIPS[trip] if site == "xe" else (None, None)
    found, coming, before = set(), list(passes), None
    for minute in range(-2 * 1440, (DAYS + 2) * 1440):
        while coming and coming[0].minute <= minute:
            before = coming.pop(0)
        after = coming[0] if coming else None
        entered = before if before is not None and before.way == "in" else None
        leaves = after if after is not None and after.way == "out" else None
        if entered and leaves and leaves.minute - entered.minute <= longest:
            found.add(minute)
        if entered:
            told = ends is not None and entered.minute <= ends <= entered.minute + longest
            found |= {minute} if minute < (ends if told and ends is not None else entered.minute + assumed) else set()
        if leaves:
            told = begins is not None and leaves.minute - longest <= begins <= leaves.minute
            found |= {minute} if minute >= (begins if told and begins is not None else leaves.minute - assumed) else set()
    return found


Presence = dict[tuple[str, str | None], set[int]]


def everybody(passes: list[Pass]) -> dict[int, Presence]:
    """Who was where in which minutes."""
    sorted_out: dict[tuple[int, str, str | None], list[Pass]] = defaultdict(list)
    for one in sorted(passes, key=lambda one: one.minute):
        sorted_out[one.person, one.site, one.trip].append(one)
    found: dict[int, Presence] = defaultdict(dict)
    for (person, site, trip), of_one in sorted_out.items():
        found[person][site, trip] = present(of_one, site, trip)
    return found


def where_together(found: Contact, base_ms: int) -> Presence:
    """The minutes that a contact is told to have shared, by place and trip."""
    told: Presence = defaultdict(set)
    for one in found.encounters:
        told[one.place.site, one.mine.trip] |= minutes([(one.begin_ms, one.end_ms)], base_ms)
    return told


@pytest.fixture
def register(old_layout: Layout) -> Iterator[tuple[Connection, Keystore]]:
    with closing(database.connect(old_layout.register)) as connection:
        yield connection, Keystore(old_layout.keystore)


@given(passes=provinces)
@example(
    passes=[Pass(1430, 0, 0, "cho", "in"), Pass(1450, 0, 1, "cho", "out"), Pass(1435, 1, 2, "cho", "in"), Pass(1445, 1, 0, "cho", "out")]
)
@example(passes=[Pass(1406, 1, 0, "cho", "in"), Pass(1440, 1, 0, "cho", "out"), Pass(1465, 0, 0, "cho", "in")])  # gone before the case came
@example(  # two trips at one time, as nobody got off the first: a minute together is one minute
    passes=[
        Pass(1380, 2, 1, "xe", "in", "dem"), Pass(1436, 2, 0, "xe", "in", "mat"), Pass(1439, 0, 0, "xe", "in", "mat"),
        Pass(2028, 0, 0, "xe", "out", "dem"),
    ]
)  # fmt: skip
@example(  # out and in again in one minute: in is the last of the day
    passes=[Pass(1430, 1, 0, "cho", "out"), Pass(1430, 1, 0, "cho", "in"), Pass(1500, 0, 0, "cho", "in"), Pass(1600, 1, 0, "cho", "out")]
)
@example(  # the way out is kept under a day too far from the way in, beside another passage of the same code
    passes=[
        Pass(1430, 1, 0, "cho", "in"), Pass(1500, 0, 0, "cho", "in"), Pass(1600, 1, 0, "cho", "out", kept=1),
        Pass(2300, 0, 0, "cho", "in"), Pass(3000, 1, 0, "cho", "in"),
    ]
)  # fmt: skip
@example(  # between two passages without a trip, one to the trip's end
    passes=[
        Pass(100, 1, 0, "xe", "in"), Pass(150, 1, 0, "xe", "in", "sang"), Pass(200, 1, 0, "xe", "out"), Pass(350, 0, 0, "xe", "in", "sang"),
    ]
)  # fmt: skip
@example(  # in and out by name and phone, a longer stay than is assumed; another of the family comes and goes between
    passes=[
        Pass(540, 5, 0, "cho", "in"),
        Pass(545, 6, 0, "cho", "in"),
        Pass(615, 0, 0, "cho", "in"),
        Pass(645, 0, 0, "cho", "out"),
        Pass(650, 6, 1, "cho", "out"),
        Pass(720, 5, 1, "cho", "out"),
    ]
)
@example(  # they come together with the case, whose code is written as their names without marks; and each leaves at another time
    passes=[
        Pass(540, 0, 1, "cho", "in"),
        *(Pass(541, person, 0, "cho", "in") for person in FAMILY),
        *(Pass(550 + person, person, 1, "cho", "out") for person in FAMILY),
        Pass(590, 0, 0, "cho", "out"),
        Pass(640, 5, 2, "cong-ty", "in"),
    ]
)
@example(passes=[Pass(1300, 5, 0, "cho", "in"), Pass(1400, 0, 0, "cho", "in"), Pass(1500, 5, 2, "cho", "out")])  # past midnight
@settings(max_examples=MOST, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_same_places_contacts_and_minutes(register: tuple[Connection, Keystore], passes: list[Pass]) -> None:
    connection, keystore = register
    at_ms = now_ms()
    base_ms = day_bounds_ms(day_of(at_ms) - timedelta(days=10))[0]
    with for_once(connection, keystore) as write:
        for site, category in SITES.items():
            write.site(site, category)
        for one in sorted(passes, key=lambda one: one.minute):
            epoch = day_of(base_ms + one.minute * MINUTE_MS) + timedelta(days=one.kept)
            write.put(
                one.site, base_ms + one.minute * MINUTE_MS, passed(code(one.person, one.code), one.way, one.trip), epoch=epoch.isoformat()
            )
        for trip, (begins, ends) in TRIPS.items():
            for what, minute in (("begin", begins), ("end", ends)):
                if trip is not None and minute is not None:
                    write.put("xe", base_ms + minute * MINUTE_MS, trip_told(what, trip))
        write.put("cho", base_ms + 700 * MINUTE_MS, passed(code(1, 0), "in"), org="huyen-b")  # another's market of the same name
        write.put("cho", base_ms + 700 * MINUTE_MS, passed(code(1, 0), "in"), erased=True)
        trace = Trace(connection, keystore, RULES, at_ms)
        moved = trace.movements(code(0, 0).id_number)
        met = trace.contacts(moved)
    truth = everybody(passes)
    mine = truth.pop(0, {})
    told: dict[tuple[str, str | None], set[int]] = defaultdict(set)
    for visit in moved.visits:
        told[visit.place.site, visit.stay.trip] |= minutes([(visit.stay.begin_ms, visit.stay.end_ms)], base_ms)
    assert {where: there for where, there in told.items() if there} == {where: there for where, there in mine.items() if there}
    shared = {
        person: {where: both for where, there in of_one.items() if (both := there & mine.get(where, set()))}
        for person, of_one in truth.items()
    }
    found = {WHO[name] if (name := each.person.name) in WHO else int(name[-1]): each for each in met.found}
    assert len(found) == len(met.found)
    assert {who: where_together(each, base_ms) for who, each in found.items()} == {who: of for who, of in shared.items() if of}
    assert all(each.minutes == len(set().union(*shared[who].values())) for who, each in found.items())
    assert {place for each in met.found for place in each.places} <= {Place("huyen-a", site) for site in SITES}
    assert not met.unnamed
