"""The configuration: every problem at once, each with file, key, value and what is allowed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import brief, thorough

from edge_agent.device.settings import SECTIONS, ConfigError, GateSettings, Settings, allowed
from edge_agent.device.settings_file import load

LANE = '[[lane]]\nname = "a"\ndirection = "in"\ncamera = "images:x"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gate.toml"


def loaded(file: Path, text: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load(file)


def problems(file: Path, text: str | bytes) -> list[str]:
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as refused:
        load(file)
    return str(refused.value).splitlines()


def test_one_lane_is_all_it_needs(file: Path) -> None:
    settings = loaded(file, LANE)
    assert settings.source == file
    assert settings.device.state == Path("/var/lib/gate-scanner")
    assert settings.agent.window == 400
    assert [lane.name for lane in settings.lanes] == ["a"]


def test_what_is_written_is_what_is_used(file: Path) -> None:
    text = (
        '[device]\nstate = "/s"\nruntime = "/r"\nclock = "system"\n[gate]\nindicator = "gpio:"\nrepeat_s = 5\nheld_s = 2.5\n'
        "[outbox]\ncapacity_mb = 5\nkeep_free_mb = 0\nnote_percent = 50\n[agent]\nwindow = 7\nreceipt_timeout_s = 3\nkeepalive_s = 60\n"
    )
    settings = loaded(file, text + LANE + '[[lane]]\nname = "b"\ndirection = "out"\nreader = "serial:/dev/x"\nindicator = "console:"\n')
    assert (settings.device.state, settings.device.clock, settings.gate.repeat_s) == (Path("/s"), "system", 5.0)
    assert isinstance(settings.gate.repeat_s, float)
    assert (settings.outbox.keep_free_mb, settings.agent.window, settings.agent.receipt_timeout_s) == (0, 7, 3.0)
    assert [lane.direction for lane in settings.lanes] == ["in", "out"]


def test_all_problems_are_told_at_once_with_file_key_value_and_what_is_allowed(file: Path) -> None:
    told = problems(
        file,
        'colour = 5\n[device]\nstate = 5\nclock = "sundial"\n[gate]\nrepeat_s = 0\nvolume = 11\n[outbox]\ncapacity_mb = 1.5\n'
        "[agent]\nwindow = true\n[vehicle]\nlinger_s = 0\n"
        '[station]\nname = "Chợ"\nlisten = "here"\nport = 443\n[[lane]]\ndirection = "up"\n[[lane]]\nname = "b"\ndirection = "in"\n',
    )
    for expected in (
        "colour: not a section; known are device, gate, outbox, agent, vehicle, station, lane, input",
        "device.state: 5 is not allowed; allowed is text (a path)",
        """device.clock: 'sundial' is not allowed; allowed is "auto" or "system\"""",
        "gate.repeat_s: 0 is not allowed; allowed is a number from 1 to 3600",
        f"gate.volume: not a setting; known are {', '.join(item.name for item in dataclasses.fields(GateSettings))}",
        "outbox.capacity_mb: 1.5 is not allowed; allowed is a whole number from 1 to 1e+06",
        "agent.window: True is not allowed; allowed is a whole number from 1 to 1000",
        "vehicle.linger_s: 0 is not allowed; allowed is a number from 10 to 7200",
        "station.name: 'Chợ' is not allowed; allowed is text, up to 63 of a-z, 0-9 and inner hyphens",
        "station.listen: 'here' is not allowed; allowed is text, an IPv4 address such as 0.0.0.0 or 192.168.1.7",
        "station.port: 443 is not allowed; allowed is a whole number from 1024 to 65535",
        "lane[0].name: missing; allowed is text",
        """lane[0].direction: 'up' is not allowed; allowed is "in" or "out" or "button" or "alternate\"""",
        "lane[1]: name 'b' has neither camera nor reader, or both; give exactly one of them",
    ):
        assert f"{file}: {expected}" in told
    assert len(told) == 14


@pytest.mark.parametrize("section", [name for name in SECTIONS if name not in {"lane", "input"}])
@pytest.mark.parametrize("value", ["5", '"text"', "[1]", "true", "1979-05-27"])
def test_a_section_must_be_one(file: Path, section: str, value: str) -> None:
    assert problems(file, f"{section} = {value}\n{LANE}") == [f"{file}: {section}: must be a section"]


@pytest.mark.parametrize("inputs", ["input = 5", '[input]\nname = "a"'])
def test_inputs_are_a_list_of_sections(file: Path, inputs: str) -> None:
    text = f"{inputs}\n{LANE}"
    assert problems(file, text) == [f"{file}: input: must be sections, each headed [[input]]"]


def test_an_input_of_a_vehicle_needs_trips_and_names_are_given_once(file: Path) -> None:
    told = problems(file, LANE + 2 * '[[input]]\nname = "key"\nrole = "ignition"\nswitch = "fifo:/x/y"\n')
    assert any("input[0].role: 'ignition' is not allowed without trips; set vehicle.trips = true" in line for line in told)
    assert any("input[1].name: 'key' is used twice" in line for line in told)


@pytest.mark.parametrize("lanes", ["", "lane = []", "lane = 5", '[lane]\nname = "a"'])
def test_there_is_at_least_one_lane(file: Path, lanes: str) -> None:
    [told] = problems(file, lanes)
    assert "at least one [[lane]]" in told


def test_lanes_are_counted_as_they_stand_in_the_file(file: Path) -> None:
    told = problems(file, "lane = [5, {}, " + '{name = "b", direction = "in"}, {name = "c", direction = "in", camera = "x", reader = "y"}]')
    assert any("lane[0]: must be a section" in line for line in told)
    assert any("lane[1].name: missing" in line for line in told)
    assert any("lane[2]: name 'b' has neither" in line for line in told)
    assert any("lane[3]: name 'c' has neither camera nor reader, or both" in line for line in told)


def test_lane_names_are_different(file: Path) -> None:
    assert problems(file, LANE * 3) == [f"{file}: lane[{place}].name: 'a' is used twice; allowed is a name of its own" for place in (1, 2)]


@pytest.mark.parametrize("text", ["[", "a = ", "= 5", "a = 1\na = 2", b"\xff\xfe", "x = " + "[" * 5000, "x = " + "9" * 5000])
def test_what_is_not_toml_is_said(file: Path, text: str | bytes) -> None:
    [told] = problems(file, text)
    assert told.startswith(f"{file}: not TOML")


def test_a_number_beyond_all_is_refused_with_its_key(file: Path) -> None:
    [told] = problems(file, "[gate]\nheld_s = 1" + "0" * 400 + "\n" + LANE)
    assert told.startswith(f"{file}: gate.held_s: ")


def test_an_absent_or_unreadable_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


NEEDED = {
    "lane": {"name": '"a"', "direction": '"in"', "camera": '"x"'},
    "input": {"name": '"a"', "role": '"door"', "switch": '"x"'},
}
KEYS = [(section, item) for section, kind in SECTIONS.items() for item in dataclasses.fields(kind)]


@pytest.mark.parametrize("section, item", KEYS, ids=lambda value: getattr(value, "name", value))
@pytest.mark.parametrize("value", ["true", "[]", "{}", "nan", "inf", "-1", "1e30", '""', '"\\u0000"', "1979-05-27", "-5.5", str(2**70)])
def test_any_value_is_taken_or_told_with_what_is_allowed(file: Path, section: str, item: dataclasses.Field[Any], value: str) -> None:
    table = f"[[{section}]]" if section in NEEDED else f"[{section}]"
    rest = NEEDED.get(section, {})
    lines = "".join(f"{key} = {text}\n" for key, text in {**rest, item.name: value}.items())
    file.write_text(f"{table}\n{lines}" + ("" if section == "lane" else LANE), encoding="utf-8")
    kind = get_type_hints(SECTIONS[section])[item.name]
    try:
        settings = load(file)
    except ConfigError as error:
        assert allowed(kind, item.metadata) in str(error) or "exactly one of them" in str(error)  # noqa: PT017 - or it is taken
        return
    lists: dict[str, tuple[Any, ...]] = {"lane": settings.lanes, "input": settings.inputs}
    holder = lists[section][0] if section in lists else getattr(settings, section)
    taken = getattr(holder, item.name)
    assert isinstance(taken, kind)
    if item.metadata["least"] is not None:
        assert item.metadata["least"] <= taken <= item.metadata["most"]


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@thorough
def test_any_text_is_taken_or_refused_and_nothing_worse(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("config") / "gate.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load(file)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_says_what_it_is_for(section: str) -> None:
    for item in dataclasses.fields(SECTIONS[section]):
        assert item.metadata["doc"]


@given(value=st.integers(-100, 200))
@brief
def test_bounds_belong_to_what_is_allowed(tmp_path_factory: pytest.TempPathFactory, value: int) -> None:
    file = tmp_path_factory.mktemp("config") / "gate.toml"
    file.write_text(f"[outbox]\nnote_percent = {value}\n{LANE}")
    if 1 <= value <= 99:
        assert load(file).outbox.note_percent == value
    else:
        with pytest.raises(ConfigError):
            load(file)
