from __future__ import annotations

import logging
from pathlib import Path

import pytest
from gate_world import WAIT_S, wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.device.settings import InputSettings
from firmware import supervised
from firmware.inbox import Inbox
from firmware.inputs import Input
from firmware.reading import SourceState
from firmware.said_once import SaidOnce
from firmware.whereabouts import Whereabouts

STATES = st.tuples(st.sampled_from("ab"), st.sampled_from([SourceState.WORKING, SourceState.FAULT]), st.sampled_from(["", "gone", "dark"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STATES, max_size=30))
def test_what_a_part_says_is_said_when_it_differs_from_what_was_said_of_it_before(
    caplog: pytest.LogCaptureFixture, told: list[tuple[str, SourceState, str]]
) -> None:
    caplog.set_level(logging.INFO)
    caplog.clear()
    said, expected, before = SaidOnce("lane"), list[tuple[int, str]](), dict[str, tuple[SourceState, str]]()
    for part, state, why in told:
        said.say(part, state, why)
        if before.get(part) != (state, why):
            expected.append((logging.WARNING if why else logging.INFO, f"lane {part}: {state} {why}" if why else f"lane {part}: {state}"))
        before[part] = (state, why)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == expected


def test_a_contact_and_a_receiver_that_stay_away_are_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervised, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(supervised, "LONGEST_WAIT_S", 0.002)
    (tmp_path / "door").write_text("a file, no FIFO", encoding="utf-8")
    parts = Input(InputSettings("door", "door", f"fifo:{tmp_path}/door"), Inbox()), Whereabouts("nmea:/dev/nothing-here", max_age_s=15)
    for part in parts:
        part.kept.start()
    for part in parts:
        wait_until(lambda part=part: part.kept.reopened > 3, "it was tried again and again")  # type: ignore[misc]
    for part in parts:
        part.kept.stop()
        assert part.kept.join(WAIT_S)
    assert [caplog.text.count(said) for said in ("input door: fault", "position nmea:/dev/nothing-here: fault")] == [1, 1]
