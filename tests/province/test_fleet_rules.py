"""What is a trouble and what is none, and what is kept of it, for whom."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fleet_world import HEAD, NAME, NOW_MS, OFFLINE, ONLINE, OTHER, seen, well

from edge_agent.wire.entry import LogHead
from edge_agent.wire.telemetry import Cpu, Disk, Outbox, Power, Presence, Source
from edge_agent.wire.topics import DeviceName
from province.base.errors import ProvinceError
from province.watch.fleet_rules import Facts, Listening, Seen, Trouble, missing, troubles
from province.watch.fleet_sample import SLOT_MS
from province.watch.fleet_store import FleetStore

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
_TOLD: list[tuple[dict[str, Any], set[Trouble]]] = [
    ({}, set()),
    ({"gate": "down", "sources": {}}, {Trouble.FIRMWARE}),
    ({"sources": {"in": Source("fault")}}, {Trouble.SOURCE}),
    ({"sources": {"in": Source("working", 0.0)}}, {Trouble.SOURCE}),
    ({"sources": {"in": Source("working"), "out": Source("opening")}}, set()),
    ({"outbox": Outbox(3, 900, 901, 1.0)}, {Trouble.BACKLOG}),
    ({"outbox": Outbox(3, 900, 899, 1.0)}, set()),
    ({"outbox": Outbox(0, 0, 0, 80.0)}, {Trouble.BACKLOG}),
    ({"clock": "unknown", "at_ms": 0}, {Trouble.CLOCK}),
    ({"at_ms": NOW_MS - 121_000}, {Trouble.CLOCK}),
    ({"at_ms": NOW_MS + 119_000}, set()),
    ({"cpu": Cpu(5.0, 80.0)}, {Trouble.HEAT}),
    ({"cpu": Cpu(100.0, 79.0)}, set()),
    ({"power": Power(["too little voltage"])}, {Trouble.POWER}),
    ({"power": Power(["at the temperature limit"])}, {Trouble.HEAT}),
    ({"power": Power([], ["too little voltage"])}, set()),
    ({"disk": Disk(1000, 49)}, {Trouble.DISK}),
    ({"disk": Disk(1000, 51)}, set()),
    ({"disk": Disk(1000, 900, errors=1)}, {Trouble.DISK}),
    ({"disk": Disk(1000, 900, life_used_percent=90)}, {Trouble.DISK}),
    ({"certificate_days": 14}, {Trouble.CERTIFICATE}),
    ({"certificate_days": -1}, {Trouble.CERTIFICATE}),
    ({"certificate_days": 15}, set()),
    ({"faults": 1}, {Trouble.PART}),
    ({"reader_tested_s": 241}, {Trouble.TESTED}),
    ({"reader_tested_s": 240}, set()),
]


@pytest.mark.parametrize("told, expected", _TOLD)
def test_what_a_device_tells(told: dict[str, Any], expected: set[Trouble]) -> None:
    assert set(troubles(seen(telemetry=well(**told)), Facts(), NOW_MS)) == expected


def test_a_check_in_page_has_no_firmware_that_could_be_down() -> None:
    page = seen(name=DeviceName("checkin", "page-1"), telemetry=well(gate="down", sources={}))
    assert troubles(page, Facts(), NOW_MS) == {}


def test_one_that_is_away_has_only_that_trouble() -> None:
    wrong = well(sources={"in": Source("fault")}, certificate_days=1)
    assert set(troubles(seen(status=OFFLINE, telemetry=wrong), Facts(), NOW_MS + 4000)) == {Trouble.OFFLINE}
    assert set(troubles(seen(telemetry=wrong), Facts(), NOW_MS + 121_000)) == {Trouble.OFFLINE}, "online and silent"
    assert Trouble.OFFLINE not in troubles(seen(telemetry=wrong), Facts(), NOW_MS + 119_000)


def test_one_that_speaks_after_its_will_is_there() -> None:
    assert set(troubles(seen(status=OFFLINE, status_ms=NOW_MS - 1), Facts(), NOW_MS)) == set()
    assert set(troubles(seen(status=OFFLINE, told_ms=NOW_MS - 1), Facts(), NOW_MS + 4000)) == {Trouble.OFFLINE}


def test_one_that_is_back_at_once_was_not_away() -> None:
    assert set(troubles(seen(status=OFFLINE), Facts(), NOW_MS + 3999)) == set()


def test_a_broker_that_was_away_makes_nobody_offline() -> None:
    away, back = seen(status=OFFLINE), Listening(NOW_MS + 20_000, lost_ms=NOW_MS + 100)  # the will came as the broker ended
    settled_ms = NOW_MS + 20_000 + 75_000
    assert set(troubles(away, Facts(), settled_ms - 1, listening=back)) == set(), "it still has a minute to come back"
    assert set(troubles(away, Facts(), settled_ms, listening=back)) == {Trouble.OFFLINE}
    before = Listening(NOW_MS + 20_000, lost_ms=NOW_MS + 4001)
    assert set(troubles(away, Facts(), NOW_MS + 20_000, listening=before)) == {Trouble.OFFLINE}, "it was away before"
    while_away = Listening(NOW_MS - 1000, lost_ms=NOW_MS - 20_000)
    unheard = seen(status=OFFLINE, told_ms=NOW_MS - 30_000)
    assert set(troubles(unheard, Facts(), NOW_MS + 73_999, listening=while_away)) == set(), "we learn it as we come back"
    assert set(troubles(away, Facts(), NOW_MS + 4000, listening=while_away)) == {Trouble.OFFLINE}, "it was back, and went again"


def test_nobody_is_silent_while_nobody_listens() -> None:
    later_ms = NOW_MS + HOUR_MS
    assert set(troubles(seen(), Facts(), later_ms)) == {Trouble.OFFLINE}
    found = troubles(seen(), Facts(), later_ms, listening=Listening(later_ms - 60_000))
    assert Trouble.OFFLINE not in found, "we have listened again for a minute only"
    known = Listening(later_ms - 60_000, lost_ms=later_ms - 70_000)
    assert set(troubles(seen(), Facts(), later_ms, listening=known)) == {Trouble.OFFLINE}, "it was silent before"


def test_a_gate_where_nobody_scans() -> None:
    later = {"telemetry": well(at_ms=NOW_MS + DAY_MS + 1000), "told_ms": NOW_MS + DAY_MS + 1000}
    assert set(troubles(seen(**later), Facts(), NOW_MS + DAY_MS + 1000)) == {Trouble.SILENT}
    shut = later | {"telemetry": well(at_ms=NOW_MS + DAY_MS + 1000, gate="closed")}
    assert set(troubles(seen(**shut), Facts(), NOW_MS + DAY_MS + 1000)) == set()


def test_the_signed_head_shows_gaps_and_copies() -> None:
    def found(facts: Facts, **changes: Any) -> set[Trouble]:
        known = seen(head=HEAD, furthest=HEAD, **changes)
        return set(troubles(known, replace(facts, gap=missing(known, facts) or ""), NOW_MS))

    came = Facts(NOW_MS, reached={HEAD.log: (12, HEAD.hash)})
    assert found(came) == set()
    assert found(Facts(NOW_MS, reached={HEAD.log: (11, b"")})) == {Trouble.GAP}, "a cut tail"
    assert found(Facts(NOW_MS)) == {Trouble.GAP}, "nothing has come"
    assert found(Facts(NOW_MS, reached={HEAD.log: (12, b"x" * 32)})) == {Trouble.FORK}
    assert found(Facts(NOW_MS, forks=1, reached=came.reached)) == {Trouble.FORK}
    assert found(Facts(NOW_MS, holes=3, reached=came.reached)) == {Trouble.GAP}
    back = seen(head=HEAD, furthest=LogHead(HEAD.log, 20, b"f" * 32))
    assert set(troubles(back, Facts(NOW_MS, reached={HEAD.log: (20, b"f" * 32)}), NOW_MS)) == {Trouble.FORK}, "a restored card"


def test_what_is_missing_stands_until_somebody_can_say_otherwise() -> None:
    known = seen(head=HEAD, furthest=HEAD)
    reached = {HEAD.log: (11, b"")}
    assert missing(known, Facts(NOW_MS - 1, reached=reached)) is None, "looked up before it said so"
    assert missing(seen(head=HEAD, telemetry=well(outbox=Outbox(1, 500, 2, 1.0))), Facts(NOW_MS, reached=reached)) is None, (
        "still on its way"
    )
    assert missing(seen(telemetry=None), Facts(NOW_MS)) is None, "it has told nothing"
    gap = missing(known, Facts(NOW_MS, reached=reached))
    assert gap
    later = seen(head=HEAD, furthest=HEAD, told_ms=NOW_MS + 30_000, telemetry=well(at_ms=NOW_MS + 30_000))
    assert set(troubles(later, Facts(NOW_MS, reached=reached, gap=gap), NOW_MS + 30_000)) == {Trouble.GAP}, "it has spoken since"


@pytest.fixture
def store(tmp_path: Path) -> FleetStore:
    store = FleetStore(tmp_path / "fleet.sqlite")
    store.registered([Seen(NAME, "Bến xe", "Cửa trước", NOW_MS), Seen(OTHER, "Chợ", "Cổng", NOW_MS)])
    return store


def test_an_operator_sees_only_its_org(store: FleetStore) -> None:
    with store:
        for name in (NAME, OTHER):
            store.told(name, well(), HEAD, NOW_MS)
            store.judged(name, {Trouble.HEAT: "hot"}, NOW_MS)
            store.refuse(name, "telemetry", "why", NOW_MS)
        assert [each.name for each in store.devices("bus-co")] == [NAME]
        assert [each.name for each in store.devices(None)] == [NAME, OTHER]
        assert [each.name for each in store.alerts("bus-co")] == [NAME]
        assert [each.name for each in store.refused("bus-co")] == [NAME]
        assert (len(store.history("bus-co", NAME)), len(store.history("bus-co", OTHER))) == (1, 0)
        theirs = store.alerts("market-co")[0].number
        assert not store.acknowledge("bus-co", theirs, "Ông Ba", NOW_MS)
        assert store.acknowledge("market-co", theirs, "Bà Tư", NOW_MS)
        assert not store.acknowledge(None, theirs, "again", NOW_MS), "the first stays"
        assert store.alerts("market-co")[0].acknowledged_by == "Bà Tư"
        assert (store.devices("nobody"), store.alerts("nobody")) == ([], [])


def test_an_alert_begins_ends_and_begins_anew(store: FleetStore) -> None:
    with store:
        assert store.judged(NAME, {Trouble.HEAT: "81 °C"}, 1) == ([Trouble.HEAT], [])
        assert store.judged(NAME, {Trouble.HEAT: "84 °C"}, 2) == ([], [])
        assert [(alert.words, alert.raised_ms) for alert in store.alerts(None)] == [("84 °C", 1)]
        assert store.judged(NAME, {}, 3) == ([], [Trouble.HEAT])
        assert store.judged(NAME, {Trouble.HEAT: "again"}, 4) == ([Trouble.HEAT], [])
        ended = [(alert.raised_ms, alert.ended_ms) for alert in store.alerts("bus-co", also_ended=True)]
        assert ended == [(4, None), (1, 3)]


def test_a_device_that_flaps_does_not_fill_the_store(store: FleetStore) -> None:
    with store:
        for at_ms in range(600):
            store.judged(NAME, {Trouble.OFFLINE: "away"} if at_ms % 2 else {}, at_ms)
        store.judged(OTHER, {Trouble.HEAT: "hot"}, 1)
        store.trim(600)
        assert len(store.alerts("bus-co", also_ended=True)) == 201, "200 that ended, and the one that is open"
        assert store.alerts("bus-co", also_ended=True)[0].raised_ms == 599
        assert len(store.alerts("market-co")) == 1


def test_a_day_is_kept_in_five_minutes_and_no_more(store: FleetStore) -> None:
    with store:
        for at_ms in range(NOW_MS, NOW_MS + 2 * DAY_MS, 150_000):
            store.told(NAME, well(presence=Presence(inside=at_ms % 97)), None, at_ms)
            if at_ms % HOUR_MS < 150_000:
                store.trim(at_ms)
        kept = store.history(None, NAME)
        assert 288 <= len(kept) <= 301
        assert all(later.at_ms - each.at_ms == SLOT_MS for each, later in pairwise(kept))
        assert (kept[-1].answers, kept[-1].decode_p95_ms) == (5, 30.0)


def test_who_is_not_registered_any_more_is_forgotten(store: FleetStore) -> None:
    with store:
        store.told(OTHER, well(), None, NOW_MS)
        store.judged(OTHER, {Trouble.HEAT: "hot"}, NOW_MS)
        assert store.registered([Seen(NAME, "Bến xe mới", "Cửa sau", NOW_MS)]) == [OTHER]
        assert [each.site for each in store.devices(None)] == ["Bến xe mới"]
        assert store.alerts(None) == []
        assert not store.told(OTHER, well(), None, NOW_MS)
        assert not store.status(DeviceName("no", "body"), ONLINE, NOW_MS)
        store.refuse(DeviceName("no", "body"), "telemetry", "why", NOW_MS)
        assert store.refused(None) == []


def test_scans_count_when_answers_change_and_not_otherwise(store: FleetStore) -> None:
    with store:
        for at_ms, answers in ((1, {}), (2, {"accepted": 1}), (3, {"accepted": 1}), (4, {"accepted": 1, "already": 1}), (5, {})):
            store.told(NAME, well(answers=answers), None, at_ms)
        found = store.device(NAME)
        assert found is not None
        assert found.scanned_ms == 4, "firmware that started anew has answered nobody yet"


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other.sqlite").write_text("not a database, and long enough to be read as one " * 50)
    with pytest.raises(ProvinceError, match="remove it"):
        FleetStore(tmp_path / "other.sqlite")
