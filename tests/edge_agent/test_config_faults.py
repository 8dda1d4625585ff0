"""A fault of ours in one configuration from afar ends that one alone: it is refused or taken back, and the next one is taken."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealed_examples import NAME
from test_config_keeper import GOOD, Device

from edge_agent.commands import config_keeper
from edge_agent.commands.config_keeper import ConfigKeeper, NotGood
from edge_agent.device import overlay
from edge_agent.device.settings_file import load
from edge_agent.wire.desired_config import Desired

SECRET = "001099012345"
FAULTY, NEXT = Desired(NAME, 5, "[gate]\nheld_s = 3.0\n"), Desired(NAME, 6, "[gate]\nheld_s = 2.0\n")


class Faulty(ConfigKeeper):
    """A keeper with a mistake in one of its parts, which is met once."""

    part = ""

    def _mistake(self, part: str) -> None:
        if self.part == part:
            self.part = ""
            raise KeyError(SECRET)

    def _check(self, tables: overlay.Tables) -> None:
        self._mistake("check")
        super()._check(tables)

    def _missing(self, trial: Any) -> list[str]:
        self._mistake("judge")
        return super()._missing(trial)

    def _take(self, desired: Desired) -> None:
        self._mistake("take")
        super()._take(desired)


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    monkeypatch.setattr(config_keeper, "_LOOK_S", 0.001)
    device = Device(tmp_path)
    yield device
    device.close()


def keeper_of(device: Device, said: queue.SimpleQueue[dict[str, Any]], part: str) -> Faulty:
    keeper = Faulty(device.toml, device.state, device.runtime, lambda: True, lambda told: said.put(json.loads(told)))
    keeper.part = part
    return keeper


def end(said: queue.SimpleQueue[dict[str, Any]]) -> tuple[str, int, list[str]]:
    while (told := said.get(timeout=20))["state"] == "trying":
        pass
    return told["state"], told["counter"], told["errors"]


@pytest.mark.parametrize("part, state", [("take", "refused"), ("check", "refused"), ("judge", "rolled-back")])
def test_the_next_one_is_taken(device: Device, part: str, state: str, caplog: pytest.LogCaptureFixture) -> None:
    said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    keeper = keeper_of(device, said, part)
    keeper.start()
    try:
        keeper.wanted(FAULTY)
        assert end(said) == (state, 5, ["internal-error"])
        keeper.wanted(FAULTY)  # it is retained: it comes again, and nobody tries it again
        keeper.wanted(NEXT)
        assert end(said) == ("applied", 6, [])
    finally:
        keeper.stop()
    assert load(device.toml).gate.held_s == 2.0
    assert "KeyError (test_config_faults.py:" in caplog.text
    assert SECRET not in caplog.text


def test_a_trial_that_is_gone_on_with_is_taken_back(device: Device) -> None:
    said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    keeper = keeper_of(device, said, "judge")
    keeper._store(seen=5, trial={"counter": 5, "tables": GOOD, "starts": 0, "sources": [], "connected": True})
    keeper.start()
    try:
        assert end(said) == ("rolled-back", 5, ["internal-error"])
        keeper.wanted(NEXT)
        assert end(said) == ("applied", 6, [])
    finally:
        keeper.stop()


def test_what_a_command_tries_does_not_stay_on_trial(device: Device) -> None:
    keeper = keeper_of(device, queue.SimpleQueue(), "judge")
    with pytest.raises(NotGood) as caught:
        keeper.apply(GOOD)
    assert (caught.value.state, caught.value.errors) == ("rolled-back", ["internal-error"])
    assert not keeper.on_trial()
    assert load(device.toml).overlay == ""


def test_a_date_kills_nothing(device: Device) -> None:
    said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    keeper = keeper_of(device, said, "")
    keeper.start()
    try:
        keeper.wanted(Desired(NAME, 5, "[gate]\nopening_hours = 1979-05-27\n"))
        state, counter, errors = end(said)
        assert (state, counter, "gate.opening_hours" in errors[0]) == ("refused", 5, True)
        keeper.wanted(NEXT)
        assert end(said) == ("applied", 6, [])
    finally:
        keeper.stop()
