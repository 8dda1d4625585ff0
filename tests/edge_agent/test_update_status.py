"""`gate-agent update status` says which version runs, and what became of those that did not stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.__main__ import main


@pytest.fixture
def slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GATE_SLOTS", str(tmp_path))
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert main(["update", "status", *more]) == 0
    return capsys.readouterr().out


def test_of_a_device_that_was_never_updated_there_is_little_to_say(slots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(slots.iterdir()) == []
    assert said(capsys).endswith(", the package\n")
    told = json.loads(said(capsys, "--json"))
    assert (told["slot"], told["trial"], told["back"], told["given_up"], told["floor"]) == (None, None, None, None, 0)


def test_it_says_what_is_on_trial_what_came_to_nothing_and_what_was_given_up(slots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in {
        "current": "old",
        "trial": "new a1",
        "back": "a0 late: nobody ended it",
        "given-up": "bad gate-agent",
        "floor": "7",
    }.items():
        (slots / name).write_text(f"{words}\n")
    shown = said(capsys)
    assert all(
        line in shown for line in (", slot old\n", "on trial: new\n", "late: nobody ended it\n", "bad: no start of gate-agent lived\n")
    )
    told = json.loads(said(capsys, "--json"))
    assert (told["slot"], told["trial"], told["floor"]) == ("old", "new", 7)
