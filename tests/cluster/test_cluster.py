"""`make cluster` in small, on one node, and proof that its count would see each promise broken."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from cluster import table
from cluster_run import Event, Outcome, Row, compare, run
from rabbit_world import MISSING, is_installed

LOG, OTHER = bytes(16), bytes([1]) * 16
MADE = [(LOG, {1: b"a", 2: b"b"}), (OTHER, {1: b"c"})]
ROWS = [Row(LOG, 1, b"a", "registered"), Row(LOG, 2, b"b", "registered"), Row(OTHER, 1, b"c", "registered")]
GOOD = Outcome(3, 2, 1, 3, (Event(0.0, "all is up", 0),), 1.0, 3, 3, 4, 1, (2, 1))


@pytest.mark.skipif(not is_installed(), reason=MISSING)
@pytest.mark.timeout(400)
def test_a_collector_killed_and_the_node_restarted_nothing_is_lost_and_every_receipt_comes(tmp_path: Path) -> None:
    outcome = run(tmp_path, entries=400, scanners=4, seed=1, nodes=1, in_postgres=False, within_s=200.0)
    assert outcome.good, table(outcome)
    assert (outcome.registered, outcome.receipted, outcome.left_in_queue) == (400, 400, 0)
    assert sum("killed" in event.what or "stopped" in event.what for event in outcome.events) == 2


def test_what_is_right_is_found_right() -> None:
    assert compare(MADE, ROWS) == ([], [], [])
    assert GOOD.good


@pytest.mark.parametrize(
    "rows, found",
    [
        (ROWS[1:], (1, 0, 0)),
        ([*ROWS, ROWS[0]], (0, 1, 0)),
        ([*ROWS, replace(ROWS[0], hash=b"x")], (0, 1, 1)),
        ([*ROWS, replace(ROWS[0], seq=3)], (0, 0, 1)),
        ([replace(ROWS[0], status="held"), *ROWS[1:]], (1, 0, 1)),
        ([replace(ROWS[0], log=OTHER, seq=9), *ROWS[1:]], (1, 0, 1)),
    ],
)
def test_what_is_wrong_is_found_out(rows: list[Row], found: tuple[int, int, int]) -> None:
    assert tuple(map(len, compare(MADE, rows))) == found


@pytest.mark.parametrize("trouble", ["lost", "duplicated", "without_receipt", "other"])
def test_each_finding_spoils_the_run_and_is_in_the_table(trouble: str) -> None:
    found: dict[str, Any] = {trouble: ("number 7",)}
    spoilt = replace(GOOD, **found)
    assert not spoilt.good
    assert "number 7" in table(spoilt)
    assert json.loads(json.dumps(asdict(spoilt)))[trouble] == ["number 7"]
