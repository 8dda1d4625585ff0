"""Power cuts at writes of every store: a short run of `make crash`, and proof that it would see a promise broken."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import crash_trials as trials
import pytest
from aftermath import GOOD, Outcome
from crash_scenarios import SCENARIOS
from system_calls import can_trace

from edge_agent.store import outbox

pytestmark = pytest.mark.skipif(not can_trace(), reason="strace cannot trace a process here")
_BOUNDARIES = 6  # of each scenario, in all ways


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(outbox, "_LOOK_AGAIN_S", 0.0)
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_promised_is_lost_in_a_power_cut(tmp_path: Path, scenario: str) -> None:
    trace = trials.record(scenario, tmp_path)
    every = trials.boundaries(trace) // _BOUNDARIES
    findings = list(trials.try_cuts(trace, seed=every, part=(every // 2, every)))
    assert len(findings) >= _BOUNDARIES
    assert [finding for finding in findings if finding.outcome not in GOOD] == []


def test_nothing_is_lost_in_a_second_power_cut_while_the_device_starts_after_the_first(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    [cut] = trials.cuts_to_start_from([trials.record("send", tmp_path / "first")], seed=5, count=1)
    trace = trials.record_again(cut, tmp_path / "second")
    every = trials.boundaries(trace) // _BOUNDARIES
    assert [finding for finding in trials.try_cuts(trace, seed=1, part=(1, every)) if finding.outcome not in GOOD] == []


@pytest.mark.parametrize(
    "spoilt,broken",
    [
        ("no fsync", {Outcome.LOST, Outcome.REUSED}),
        ("green too soon", {Outcome.LOST}),
        ("plain TinyDB", {Outcome.LOST, Outcome.SHUT}),
        ("notes not synced", {Outcome.LOST, Outcome.SHUT}),
        ("keys only unlinked", {Outcome.LOST}),
        ("exchanged in place", {Outcome.SHUT}),
    ],
)
def test_what_is_not_secured_is_seen_to_be_lost(tmp_path: Path, spoilt: str, broken: set[Outcome]) -> None:
    trace = trials.record(spoilt, tmp_path)
    outcomes = set()
    for finding in trials.try_cuts(trace, seed=1):
        outcomes.add(finding.outcome)
        if broken <= outcomes:
            break
    assert broken <= outcomes
