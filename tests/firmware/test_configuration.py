"""Driver URLs of a configuration: each good by itself, and no pin or port given twice among all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.device.settings import ConfigError
from firmware.configuration import load_settings

LANE = '[[lane]]\nname = "{name}"\ndirection = "in"\nreader = "{reader}"\nindicator = "{light}"\n'


def problems(tmp_path: Path, gate_light: str, *lanes: tuple[str, str]) -> str:
    file = tmp_path / "gate.toml"
    text = f'[gate]\nindicator = "{gate_light}"\n'
    text += "".join(LANE.format(name=f"lane {place}", reader=reader, light=light) for place, (reader, light) in enumerate(lanes))
    file.write_text(text, encoding="utf-8")
    return said_of(file)


def said_of(file: Path) -> str:
    try:
        load_settings(file)
    except ConfigError as error:
        return str(error)
    return ""


def test_lights_may_be_shared_as_a_whole_and_have_pins_of_their_own(tmp_path: Path) -> None:
    shared, own = "gpio:?green=17&red=27", "gpio:?green=5&red=6"
    lanes = [("serial:/dev/ttyACM0", ""), ("serial:/dev/ttyACM1", shared), ("serial:/dev/serial0", own)]
    assert problems(tmp_path, shared, *lanes) == ""


@pytest.mark.parametrize(
    "lanes, told",
    [
        ([("serial:/dev/ttyACM0", "gpio:?green=5&red=27")], "lane[0].indicator: pin 27 is already the red of gate.indicator"),
        ([("serial:/dev/serial0", "gpio:?green=15")], "lane[0].indicator: pin 15 is already the serial RXD of lane[0].reader"),
        ([("hid:1a86:5512", ""), ("hid:1a86:5512", "")], "lane[1].reader: 'hid:1a86:5512' is the device of lane[0].reader already"),
    ],
)
def test_a_pin_or_device_given_twice_is_told_with_both_places(tmp_path: Path, lanes: list[tuple[str, str]], told: str) -> None:
    assert told in problems(tmp_path, "gpio:?green=17&red=27", *lanes)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    told = problems(tmp_path, "gpio:?green=99", ("serial:/dev/ttyACM0?baud=1", "gpio:?green=5"), ("hid:x", "gpio:?red=5"))
    for part in ("green='99'", "baud='1'", "'x' is not allowed", "lane[1].indicator: pin 5 is already the green of lane[0].indicator"):
        assert part in told


HOST = "serial:/dev/ttyS1?module=gm65&trigger=host"


@pytest.mark.parametrize(
    "reader, role, told",
    [
        ("serial:/dev/ttyS1", "scan", "input[0].role: 'scan' is not allowed when no lane has a reader with trigger=host"),
        (HOST, "door", "lane[0].reader: trigger=host never reads without an [[input]] of role scan"),
        (HOST, "scan", ""),
        ("serial:/dev/ttyS1", "door", ""),
    ],
)
def test_a_contact_that_asks_for_readings_and_a_reader_that_waits_belong_together(
    tmp_path: Path, reader: str, role: str, told: str
) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(LANE.format(name="in", reader=reader, light="") + f'[[input]]\nname = "x"\nrole = "{role}"\nswitch = "gpio:?pin=21"\n')
    found = said_of(file)
    assert told in found
    assert bool(told) is bool(found)


def test_a_wrong_value_in_a_section_hides_no_other_problem_there(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(
        "[gate]\nrepeat_s = 0\nopening_hours = 'xx'\nquiet_hours = 'late'\npresence_reset = '25:00'\nindicator = 'lamp:'\n"
        "health_pass = 'asked'\ntrust_list = 5\n[vehicle]\ntrips = 'yes'\nlinger_s = -1\nposition = 'stars:'\n"
        + LANE.format(name="in", reader="serial:/dev/ttyS1", light="")
        + '[[input]]\nname = "x"\nrole = "ignition"\nswitch = "gpio:?pin=21"\n'
    )
    told = said_of(file).replace(f"{file}: ", "").splitlines()
    keys = [problem.partition(":")[0] for problem in told]
    expected = ("repeat_s", "opening_hours", "quiet_hours", "presence_reset", "indicator", "trust_list")
    assert sorted(keys) == sorted([*(f"gate.{key}" for key in expected), "vehicle.trips", "vehicle.linger_s", "vehicle.position"])


def test_two_inputs_on_one_pin_are_told_and_one_door_for_two_lanes_is_not(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    lanes = "".join(
        LANE.format(name=name, reader=f"serial:/dev/ttyS{name}", light="") + 'barrier = "relay:?pin=26"\n' for name in ("1", "2")
    )
    inputs = "".join(f'[[input]]\nname = "{role}"\nrole = "{role}"\nswitch = "gpio:?pin=17"\n' for role in ("door", "tamper"))
    file.write_text(lanes)
    assert said_of(file) == ""
    file.write_text(lanes + inputs)
    assert said_of(file) == f"{file}: input[1].switch: pin 17 is already the pin of input[0].switch: give each part its own pin"
