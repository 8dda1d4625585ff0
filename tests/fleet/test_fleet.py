"""A small fleet through what `make fleet` does, and proof that its comparison would see what is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from fleet_world import HEAD, NOW_MS, well
from sim_chart import draw
from sim_conditions import CONDITIONS, WELL, telemetry
from sim_desk import flaws
from sim_plan import LEAST_DEVICES, Outcome, Plan
from sim_province import names
from sim_run import run
from sim_table import missed, table

from edge_agent.wire.telemetry import Telemetry, decode, encode
from edge_agent.wire.topics import DeviceName
from province.watch.fleet_rules import Seen, Trouble
from province.watch.fleet_store import FleetStore

QUICK = Plan(
    LEAST_DEVICES, period_s=1.0, keepalive_s=5, entries_s=4.0, steady_s=1.5, register_s=0.5, gone_s=2.0, settle_s=3.0, away_s=0.0,
    drain=300, least_s=1.0, slow=False, page=False,
)  # fmt: skip
OURS, THEIRS = DeviceName("bus-co", "scanner-1"), DeviceName("market-co", "scanner-1")


def test_a_small_fleet_is_shown_as_it_is(tmp_path: Path) -> None:
    outcome = run(tmp_path, QUICK, seed=1)
    assert outcome.flaws == [], f"{outcome.flaws}\n{table(outcome)}"
    assert 0 < outcome.obeyed == outcome.ordered < QUICK.orders  # all that are well
    assert all(escape(storm.name) in draw(outcome) for storm in outcome.storms)


def test_too_small_a_fleet_is_refused_in_words() -> None:
    asked = [sys.executable, str(Path(__file__).with_name("fleet.py")), "--devices", str(LEAST_DEVICES - 1)]
    refused = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 2
    assert f"--devices {LEAST_DEVICES - 1}: allowed: {LEAST_DEVICES} or more" in refused.stderr


def shown(folder: Path, spoil: Callable[[FleetStore], object] = lambda _store: None) -> list[str]:
    """What is found wrong in a store of two scanners, one of them hot."""
    file = folder / "fleet.sqlite"
    with FleetStore(file) as store:
        store.registered([Seen(name, "Bến xe", "Cửa trước", NOW_MS) for name in (OURS, THEIRS)])
        for name in (OURS, THEIRS):
            store.told(name, well(), HEAD, NOW_MS)
        store.judged(OURS, {Trouble.HEAT: "84 °C"}, NOW_MS)
        spoil(store)
    return flaws(file, [OURS, THEIRS], {OURS: frozenset({Trouble.HEAT}), THEIRS: frozenset()}, {OURS: encode(well())})


def test_what_is_right_is_found_right(tmp_path: Path) -> None:
    assert shown(tmp_path) == []


@pytest.mark.parametrize(
    "spoil, found",
    [
        (lambda store: store.judged(OURS, {}, NOW_MS), "heat missing"),
        (lambda store: store.judged(THEIRS, {Trouble.GAP: "2 entries"}, NOW_MS), "gap too much"),
        (lambda store: store.told(OURS, well(faults=1), HEAD, NOW_MS), "other telemetry"),
        (lambda store: store.registered([Seen(OURS, "Bến xe", "Cửa trước", NOW_MS)]), "market-co: shown 0"),
    ],
)
def test_what_is_wrong_is_found_out(tmp_path: Path, spoil: Callable[[FleetStore], object], found: str) -> None:
    assert any(found in flaw for flaw in shown(tmp_path, spoil))


def test_limits_that_are_missed_are_told() -> None:
    on_time = Outcome(Plan(10), delays={"steady": [0.1]}, alerts={"connection reset": [3.0], "vanished without a word": [49.0]})
    assert missed(on_time) == []
    late = Outcome(Plan(10), delays={"steady": [1.1]}, alerts={"connection reset": [51.0]}, page={"first contentful paint": [0.2, 1.2]})
    assert len(missed(late)) == 3


def test_organisations_are_of_different_sizes_and_names_are_names() -> None:
    found = names(200)
    assert len(set(found)) == 200
    assert [sum(name.org == org for name in found) for org in ("bus-co", "market-co", "ferry-co", "school-co")] == [120, 50, 20, 10]


@pytest.mark.parametrize("word", CONDITIONS)
def test_what_a_simulated_scanner_tells_is_telemetry(word: str) -> None:
    told: Telemetry = telemetry(CONDITIONS[word], at_ms=NOW_MS)
    assert decode(encode(told)) == told
    assert (told == telemetry(CONDITIONS[WELL], at_ms=NOW_MS)) == (not CONDITIONS[word].told)
