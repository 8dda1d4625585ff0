"""A configuration from afar with values that nothing can be set to is refused in words at the desk and on the device."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edge_agent.device import overlay
from edge_agent.device.settings import ConfigError
from edge_agent.device.settings_file import parse_overlay
from province.base.errors import NotAProvince
from province.shell import config_command

UNFIT = {
    "date": ("[gate]\nopening_hours = 1979-05-27", "gate.opening_hours"),
    "time": ("[gate]\nopening_hours = 05:00:00", "gate.opening_hours"),
    "date and time": ("[gate]\nopening_hours = 1979-05-27T05:00:00Z", "gate.opening_hours"),
    "no such date": ("[gate]\nopening_hours = 1979-02-30", "date"),
    "in a lane": ('[[lane]]\nname = "in"\ndirection = 1979-05-27', "lane[0].direction"),
    "nan": ("[gate]\nheld_s = nan", "gate.held_s"),
    "inf": ("[gate]\nheld_s = -inf", "gate.held_s"),
    "huge": ("[gate]\nheld_s = 1" + "0" * 400, "gate.held_s"),
    "huge in hex": ("[gate]\nheld_s = 0x" + "f" * 5000, "gate.held_s"),
    "too many digits": ("[gate]\nheld_s = " + "9" * (sys.get_int_max_str_digits() + 1), "number"),
    "deep": ("[gate]\nheld_s = " + "[" * 50 + "]" * 50, "gate.held_s"),
    "deep for the reader": ("[gate]\nheld_s = " + "[" * 3500 + "]" * 3500, "nested too deep"),
    "deep by dots": ("a" + ".a" * 3000 + " = 1", "nested too deep"),
}


@pytest.mark.parametrize("text, named", UNFIT.values(), ids=UNFIT)
def test_it_is_refused_at_the_desk_and_on_the_device(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError) as on_the_device:
        parse_overlay(text)
    file = tmp_path / "night.toml"
    file.write_text(text)
    with pytest.raises(NotAProvince) as at_the_desk:
        config_command._read(file)
    assert named in str(on_the_device.value)
    assert named in str(at_the_desk.value)
    assert str(at_the_desk.value).startswith(f"{file}: ")


def test_all_of_them_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_overlay("[gate]\nheld_s = nan\nopening_hours = 1979-05-27\nrepeat_s = 2.5\n")
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == ["gate.held_s", "gate.opening_hours"]


def test_what_passes_can_be_stored_and_sent() -> None:
    text = '[gate]\nheld_s = 2.5\nopening_hours = ""\n[outbox]\nnote_percent = 5\n[vehicle]\ntrips = true\n[[lane]]\nname = "in"\n'
    tables = parse_overlay(text)
    assert json.loads(json.dumps(tables, allow_nan=False)) == tables
    assert overlay.mark(tables)
    assert parse_overlay(" - ") == {}
