"""The pure parts of the fleet's desk: which devices are shown, charts, words, accounts; and the command line for scripts."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec
import pytest
from fleet_world import NOW_MS, OFFLINE, seen, well
from hypothesis import given
from hypothesis import strategies as st
from page_world import fill
from province_world import founded

from edge_agent.wire.command import Action
from edge_agent.wire.entry import LogHead
from edge_agent.wire.telemetry import Cpu, Disk, Outbox, Power, Source
from edge_agent.wire.topics import DeviceName
from province.__main__ import main
from province.base.clock import now_ms
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError
from province.fleet import charts
from province.fleet.accounts import AccountsFile
from province.fleet.orders import OFFERED
from province.fleet.picking import ORDERS, Wanted, pick
from province.fleet.sight import Row, State, picture_of
from province.fleet.words import WORDS
from province.watch.fleet_rules import Facts, Trouble, missing, troubles
from province.watch.fleet_sample import SLOT_MS, Sample
from province.watch.fleet_store import FleetStore

TROUBLED = (
    seen(status=None, telemetry=None), seen(status=OFFLINE), seen(status=msgspec.structs.replace(OFFLINE, reason="stopped")),
    seen(telemetry=well(gate="down", faults=2)), seen(telemetry=well(sources={"vào: trái": Source("fault")})),
    seen(telemetry=well(sources={"vào": Source("working", 0.0)})), seen(telemetry=well(outbox=Outbox(9, 9, 9000, 10.0))),
    seen(telemetry=well(outbox=Outbox(9, 9, 9, 90.0))), seen(telemetry=well(disk=Disk(1000, 9))),
    seen(telemetry=well(disk=Disk(9, 9, errors=3))),
    seen(telemetry=well(disk=Disk(9, 9, spare_used="urgent"))), seen(telemetry=well(power=Power(["too little voltage", "slowed down"]))),
    seen(telemetry=well(cpu=Cpu(9.0, 84.0))), seen(telemetry=well(clock="unknown")), seen(telemetry=well(at_ms=NOW_MS - 900_000)),
    seen(telemetry=well(certificate_days=-1)), seen(telemetry=well(certificate_days=3)), seen(scanned_ms=0, added_ms=0),
    seen(told_ms=NOW_MS - 900_000, status_ms=NOW_MS - 900_000),
    seen(head=LogHead(b"l" * 16, 3, b"h"), furthest=LogHead(b"l" * 16, 9, b"h")),
)  # fmt: skip
FACTS = (Facts(NOW_MS, forks=1), Facts(NOW_MS, 0, 0, {b"l" * 16: (3, b"x")}))


def test_every_trouble_is_said_in_vietnamese() -> None:
    said = {words for each in TROUBLED for words in troubles(each, Facts(), NOW_MS).values()}
    said |= {words for facts in FACTS for words in troubles(TROUBLED[-1], facts, NOW_MS).values()}
    said |= {missing(seen(head=LogHead(b"l" * 16, 9, b"h")), facts) or "" for facts in (Facts(NOW_MS), Facts(NOW_MS, holes=4))}
    assert len(said) > 20
    left = {words for words in said if WORDS["vi"].of_trouble(words) == words} - {"84 °C"}
    assert left == set()
    assert all(WORDS["en"].of_trouble(words) == words for words in said)


def test_every_word_that_is_made_of_a_value_is_there() -> None:
    for words in WORDS.values():
        for key in (*(f"trouble.{each}" for each in Trouble), *(f"state.{each}" for each in State), *(f"order.{each}" for each in ORDERS)):
            assert words.say(key)
        for action in OFFERED:
            assert words.say(f"do.{action}")
            assert words.say(f"what.{action}")
    assert set(Action) - set(OFFERED) == {Action.SET_DIRECTION, Action.UPDATE}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    with FleetStore(tmp_path_factory.mktemp("rows") / "fleet.sqlite") as store:
        fill(store, 120, NOW_MS)
        return picture_of(store).of(None)


@given(
    query=st.fixed_dictionaries({}, optional={
        "state": st.sampled_from([*State, "x"]), "trouble": st.sampled_from([*Trouble, ""]), "order": st.sampled_from([*ORDERS, "; DROP"]),
        "page": st.sampled_from(["", "0", "1", "3", "9", "-1", "²", "1e3", "99999999"]),
            "q": st.sampled_from(["", "dong ba", "MÁY-01", "xe-buyt", "¹ & ="]),
        "site": st.sampled_from(["", "Chợ Đông Ba", "nowhere"]),
    }),
)  # fmt: skip
def test_pages_hold_each_device_once_and_counts_add_up(rows: list[Row], query: dict[str, str]) -> None:
    wanted = Wanted.of(query)
    whole = pick(rows, wanted, None)
    pages = [pick(rows, Wanted.of({**query, "page": str(page)}), 7) for page in range(1, pick(rows, wanted, 7).pages + 1)]
    assert [row for page in pages for row in page.rows] == list(whole.rows)
    assert whole.found == len(whole.rows) <= sum(whole.counts.values())
    if wanted.state and not wanted.trouble:
        assert whole.found == whole.counts.get(wanted.state, 0)
    assert Wanted.of(dict(parse_qsl(wanted.query().lstrip("?")))) == wanted


def test_accents_and_case_do_not_matter_for_finding(rows: list[Row]) -> None:
    found = pick(rows, Wanted(text="cho dong ba"), None)
    assert {row.seen.site for row in found.rows} == {"Chợ Đông Ba"}
    assert found.found > 10


@given(st.lists(st.floats(-1e4, 1e7), min_size=1, max_size=40), st.integers(0, 288))
def test_a_chart_is_well_formed_and_holds_every_value(values: list[float], gap: int) -> None:
    points = [(NOW_MS - (len(values) - at) * SLOT_MS - (gap * SLOT_MS if at < 3 else 0), value) for at, value in enumerate(values)]
    points = [point for point in points if point[0] >= NOW_MS - charts.DAY_MS]
    drawn = charts.chart(charts.LINES[0], points, NOW_MS, 'a "title" <b>')
    if not points:
        assert drawn == ""
        return
    root = ET.fromstring(drawn)  # noqa: S314 - ours
    heights = [float(pair.split(",")[1]) for line in root.iter("polyline") for pair in line.attrib["points"].split()]
    heights += [float(dot.attrib["cy"]) for dot in root.iter("circle")]
    assert all(9.9 <= height <= 78.1 for height in heights)
    assert root.attrib["aria-label"] == 'a "title" <b>'


def test_entries_per_slot_go_on_over_midnight() -> None:
    def at(slot: int, entries: int) -> Sample:
        return Sample(slot * SLOT_MS, None, None, None, None, None, None, None, entries, 0, None, None, None)

    line = next(line for line in charts.LINES if line.word == "entries")
    made = charts.series(line, [at(1, 90), at(2, 100), at(3, 4), at(5, 10)])
    assert [value for _at_ms, value in made] == [10, 4, 3]
    assert all(after > before for (before, _), (after, _) in pairwise(made))


def test_operators_are_kept_as_hashes_that_only_their_owner_reads(tmp_path: Path) -> None:
    layout = founded(tmp_path / "province")
    accounts = AccountsFile(layout)
    password = accounts.add("lan", "bus-co", commands=True)
    file = layout.fleet_page / "operators.json"
    assert password not in file.read_text()
    assert "$argon2id$" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    again = AccountsFile(layout)
    entered = again.enter("lan", f" {password} ")
    assert entered is not None
    assert (entered.org, entered.commands) == ("bus-co", True)
    assert [again.enter(name, typed) for name, typed in (("lan", password[:-1]), ("lan", ""), ("hung", password))] == [None] * 3
    with pytest.raises(AlreadyThere):
        accounts.add("lan", None, commands=False)
    for name, org in (("Lan", None), ("a b", None), ("", None), ("ok", "province"), ("ok", "a/b")):
        with pytest.raises(NotAProvince):
            accounts.add(name, org, commands=False)
    file.write_text("{")
    with pytest.raises(ProvinceError, match="damaged"):
        AccountsFile(layout).all()


def test_the_command_line_tells_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = founded(tmp_path / "province")

    def said(*words: str, code: int = 0) -> str:
        assert main(words) == code, words
        return capsys.readouterr().out

    at = str(layout.root)
    said("fleet", at, "--once", code=2)  # nobody has watched yet
    with FleetStore(layout.fleet_store) as store:
        names = fill(store, 24, now_ms())
    said("fleet", at, code=2)  # no terminal
    assert {DeviceName(each["org"], each["device"]) for each in json.loads(said("fleet", at, "--json"))} == set(names)
    of_one = json.loads(said("fleet", at, "--json", "--org", "xe-buyt", "--state", "trouble", code=1))
    assert {each["org"] for each in of_one} == {"xe-buyt"}
    table = said("fleet", at, "--once", "--find", "may-012")
    assert ("its connection was lost" in table, "may-013" in table) == (True, False)
    password = said("login", "add", at, "lan", "--org", "cho-hue").split("password")[1].split()[0]
    assert AccountsFile(layout).enter("lan", password) is not None
    assert json.loads(said("login", "list", at, "--json")) == [{"name": "lan", "org": "cho-hue", "commands": False}]
    said("login", "add", at, "hung", code=2)
    said("login", "remove", at, "lan")
    assert AccountsFile(layout).all() == {}
    for wrong in (("--behind", "http://x.vn"), ("--behind", "https://x.vn", "--listen", "0.0.0.0:8080")):
        said("fleet-page", at, *wrong, code=2)
    said("web", at, "--fleet-page", "http://x.vn", code=2)
