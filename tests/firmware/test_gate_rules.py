"""The gate's rules from a configuration: what contradicts itself is said with everything else, what does not is one frozen set."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.device.settings import ConfigError
from firmware.configuration import load_settings
from firmware.directions import LaneRule, Mode
from firmware.gate_rules import GateRules, rules_of
from firmware.health import Policy
from firmware.opening_hours import read_hours
from firmware.passback import Passback

LANE = '[[lane]]\nname = "{0}"\ndirection = "{0}"\nreader = "serial:/dev/{0}"\n'
BOTH = LANE.format("in") + LANE.format("out")
TRUST = '{"format": "gate-scanner/trust-list/1", "signers": {}}'


BUTTONS = "".join(
    f'[[input]]\nname = "{name}"\nrole = "{"keeper" if name == "k" else "direction"}"\nswitch = "fifo:/x/{name}"\n'
    for name in ("a", "b", "green", "red", "k")
)


def rules(folder: Path, text: str) -> GateRules:
    file = folder / "gate.toml"
    file.write_text(text + BUTTONS, encoding="utf-8")
    settings = load_settings(file)
    return rules_of(settings.gate, settings.lanes)


def test_what_is_written_is_what_the_gate_goes_by(tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    trust.write_text(TRUST)
    found = rules(
        tmp_path,
        f'[gate]\nopening_hours = "mo-fr 05:00-19:00"\nquiet_hours = "mo-su 21:00-05:00"\n'
        f'presence_reset = "04:00"\nbutton_s = 5\nanti_passback = "hard"\npassback_s = 60\n'
        f'keeper_button = "k"\nhealth_pass = "required"\npass_s = 10\ntrust_list = "{trust}"\n'
        + BOTH
        + '[[lane]]\nname = "door"\ndirection = "button"\nreader = "serial:/dev/x"\nbutton_out = "red"\n',
    )
    lanes = {"in": LaneRule(Mode.IN), "out": LaneRule(Mode.OUT), "door": LaneRule(Mode.BUTTON, button_out="red")}
    hours = read_hours("mo-fr 05:00-19:00")
    assert found == GateRules(
        lanes,
        repeat_s=5.0,
        button_s=5.0,
        hours=hours,
        quiet_hours=read_hours("mo-su 21:00-05:00"),
        reset_minute=240,
        passback=Passback.HARD,
        passback_s=60.0,
        health=Policy.REQUIRED,
        pass_s=10.0,
        keeper_button="k",
    )


def test_a_plain_gate_has_plain_rules(tmp_path: Path) -> None:
    found = rules(tmp_path, BOTH)
    assert found == GateRules({"in": LaneRule(Mode.IN), "out": LaneRule(Mode.OUT)})
    assert found.repeat_s == 30.0


DOOR = '[[lane]]\nname = "door"\ndirection = "button"\nreader = "serial:/dev/x"\n'
BAD = [
    ('[gate]\nopening_hours = "always"\n' + BOTH, "gate.opening_hours: 'always' is not days and times; write them like"),
    ('[gate]\npresence_reset = "midnight"\n' + BOTH, "gate.presence_reset: 'midnight' is not allowed; allowed is a time of day"),
    ('[gate]\nanti_passback = "hard"\n' + LANE.format("in"), "gate.anti_passback: 'hard' is not allowed when no lane can say out"),
    (
        '[gate]\nanti_passback = "timed"\n' + BOTH + '[[lane]]\nname = "a"\ndirection = "alternate"\nreader = "serial:/dev/a"\n',
        "gate.anti_passback: 'timed' is not allowed with lane[2], which guesses the direction; allowed is off, or lanes that know it",
    ),
    (
        '[gate]\nanti_passback = "hard"\n' + DOOR + 'button_in = "a"\nbutton_out = "b"\n',
        "gate.anti_passback: 'hard' is not allowed with lane[0], which guesses the direction; allowed is off, or lanes that know it",
    ),
    ('[gate]\nhealth_pass = "asked"\n' + BOTH, "gate.trust_list: missing; health_pass 'asked' needs"),
    ('[gate]\ntrust_list = "/nowhere/trust.json"\n' + BOTH, "gate.trust_list: /nowhere/trust.json: cannot be read"),
    (DOOR, "lane[0]: direction 'button' needs button_in, button_out or both, or button_turn"),
    (DOOR + 'button_in = "a"\nbutton_turn = "b"\n', "lane[0]: its buttons contradict each other"),
    (DOOR + 'button_in = "a"\nbutton_out = "a"\n', "lane[0]: its buttons contradict each other"),
    (
        '[gate]\nkeeper_button = "a"\n' + DOOR + 'button_in = "a"\n',
        "gate.keeper_button: 'a' is no [[input]] of role keeper; known are k",
    ),
    (DOOR + 'button_in = "nobody"\n', "lane[0].button_in: 'nobody' is no [[input]] of role direction; known are a, b, green, red"),
    (LANE.format("in") + 'button_in = "a"\n', "lane[0]: has a button, and direction 'in' asks for none"),
]


@pytest.mark.parametrize("text, expected", BAD, ids=range(len(BAD)))
def test_what_makes_no_rules_is_said_with_file_and_key(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        rules(tmp_path, text)
    [told] = str(refused.value).splitlines()
    assert told.startswith(f"{tmp_path / 'gate.toml'}: {expected}")


GUESSING = [LaneRule(Mode.ALTERNATE), LaneRule(Mode.BUTTON, button_in="green", button_out="red")]


@pytest.mark.parametrize("lane", GUESSING)
def test_no_rules_have_anti_passback_judge_a_guess(lane: LaneRule) -> None:
    with pytest.raises(ValueError, match="'door' guesses"):
        GateRules({"out": LaneRule(Mode.OUT), "door": lane}, passback=Passback.HARD)


def test_all_of_it_is_said_at_once(tmp_path: Path) -> None:
    text = '[gate]\nopening_hours = "x"\npresence_reset = "x"\nanti_passback = "hard"\nhealth_pass = "asked"\n' + LANE.format("in")
    with pytest.raises(ConfigError) as refused:
        rules(tmp_path, text + DOOR.replace("button", "in"))
    assert len(str(refused.value).splitlines()) == 4
