"""A short run of `make chaos`, and proof that its audit would see each promise broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from chaos import table
from chaos_audit import Row, chain_flaws, compare, telling_lines
from chaos_chart import draw
from chaos_run import run
from crowd import Shown

from edge_agent.wire.entry import LogHead
from edge_agent.wire.topics import DeviceName
from province.demo.synthetic import synthetic_people
from province.joining.enrolling import Place
from province.records.views import LogState

LOG = bytes(16)
GATES = [(DeviceName("org-1", "gate-1"), Place("Chợ 1", "Cổng 1")), (DeviceName("org-2", "gate-2"), Place("Chợ 2", "Cổng 2"))]
PEOPLE = synthetic_people(3, seed=5)
SHOWN = [
    Shown(0, PEOPLE[0], 0.1, "accepted", (LOG, 2)),
    Shown(0, PEOPLE[1], 0.2, None, None),  # the gate died: recorded or not
    Shown(1, PEOPLE[2], 0.3, "refused", None),
]


def row(person: int, seq: int, gate: int = 0) -> Row:
    name, place = GATES[gate]
    return Row(name, LOG, seq, place.site, place.gate, "registered", (PEOPLE[person].id_number, PEOPLE[person].name), 1)


GOOD = [Row(GATES[0][0], LOG, 1, "Chợ 1", "Cổng 1", "registered", None, 0), row(0, 2)]


@pytest.mark.timeout(400)
def test_a_short_run_keeps_every_promise(tmp_path: Path) -> None:
    outcome = run(tmp_path, seed=1, seconds=15)
    assert outcome.good, table(outcome)
    assert outcome.audit.greens >= 30
    assert len(outcome.faults) >= 10
    assert {lane for lane in outcome.lanes if f">{lane}<" not in draw(outcome)} == set()


@pytest.mark.parametrize("rows", [GOOD, [*GOOD, row(1, 3)]])
def test_what_is_right_is_found_right(rows: list[Row]) -> None:
    assert not any(compare(SHOWN, rows, GATES).findings().values())


@pytest.mark.parametrize(
    "finding, rows",
    [
        ("lost", GOOD[:1]),
        ("duplicated", [*GOOD, row(0, 3)]),
        ("duplicated", [*GOOD, GOOD[0]]),
        ("misattributed", [GOOD[0], row(0, 3)]),
        ("misattributed", [GOOD[0], row(0, 2, gate=1)]),
        ("misattributed", [GOOD[0], replace(row(0, 2), gate="Cổng 2")]),
        ("misattributed", [GOOD[0], replace(row(0, 2), found=0)]),
        ("misattributed", [GOOD[0], replace(row(0, 2), status="held")]),
        ("misattributed", [GOOD[0], replace(row(0, 2), person=(PEOPLE[0].id_number, "Somebody Else"))]),
        ("made up", [*GOOD, replace(row(0, 9), person=("001099012345", "Nobody Came"))]),
        ("made up", [*GOOD, row(2, 9, gate=1)]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_out(finding: str, rows: list[Row]) -> None:
    assert compare(SHOWN, rows, GATES).findings()[finding]


@pytest.mark.parametrize("spoil", [lambda s: replace(s, gaps=((2, 2),)), lambda s: replace(s, forks=1)])
def test_a_gap_and_a_fork_are_found_out(spoil: Callable[[LogState], LogState]) -> None:
    name, head = GATES[0][0], LogHead(LOG, 3, bytes(32))
    whole = LogState(name, LOG, 3, 1, 3, (), 0, 0, ())
    assert chain_flaws([whole], {name: head}, {name: head}) == []
    assert chain_flaws([spoil(whole)], {name: head}, {name: head})


@pytest.mark.parametrize("end", [None, LogHead(LOG, 2, bytes(32)), LogHead(LOG, 3, b"\1" * 32)])
def test_a_ledger_that_ends_elsewhere_than_the_scanner_is_found_out(end: LogHead | None) -> None:
    name, head = GATES[0][0], LogHead(LOG, 3, bytes(32))
    assert chain_flaws([], {name: head}, {} if end is None else {name: end})


def test_a_log_that_names_somebody_is_found_out() -> None:
    person = PEOPLE[0]
    text = f"nothing\nlane in: {person.name.upper()} passed\nbody {{'id': '{person.id_number}'}}\nlane in: working"
    assert list(telling_lines(text, PEOPLE)) == [2, 3]
