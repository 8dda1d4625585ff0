"""A configuration from afar: kept when the device is well with it, taken back when it is not, whole whenever the power goes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from command_world import Cut
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import FROM_MS, NAME, ROOT, ROOT_PUBLIC, TO_MS, officer, signing_key, thorough

from edge_agent.commands import config_keeper, executors
from edge_agent.commands.config_keeper import ConfigKeeper, NotGood
from edge_agent.commands.executors import Failed, Job
from edge_agent.device import overlay, settings_file, taken
from edge_agent.device import settings as settings_of
from edge_agent.device.documents import FILE_NAME as DOCUMENTS
from edge_agent.device.overlay import MAY
from edge_agent.device.settings import ConfigError
from edge_agent.wire import desired_config
from edge_agent.wire.authority import Certificate, Officer, Power, certify
from edge_agent.wire.cbor import Malformed, encode
from edge_agent.wire.cose import Forged
from edge_agent.wire.desired_config import Desired
from edge_agent.wire.topics import DeviceName
from firmware.control_server import Asker, ControlServer

GOOD = {"gate": {"held_s": 2.0}, "lane": [{"name": "in", "direction": "out"}]}
BETTER = {"gate": {"held_s": 3.0}}
TOML = """
[device]
state = "{state}"
[[lane]]
name = "in"
direction = "in"
reader = "fifo:/nowhere"
"""


class Device:
    """A device whose firmware opens the gate anew with what is wanted, unless told to stumble over it."""

    def __init__(self, folder: Path) -> None:
        self.state, self.runtime, self.toml = folder / "state", folder / "run", folder / "gate.toml"
        self.state.mkdir()
        self.runtime.mkdir()
        self.toml.write_text(TOML.format(state=self.state))
        self.stumbles = self.blind = False
        self.connected = True
        self.said: list[dict[str, Any]] = []
        self._server = ControlServer(self.runtime, self._answer)
        self._server.start()

    def _answer(self, request: dict[str, Any], _asker: Asker) -> Mapping[str, Any]:
        if request["type"] == "check-config":
            return {"type": "config-checked", "problems": []}
        mark = "" if self.stumbles else settings_file.load(self.toml).overlay
        blind = self.blind and mark == overlay.mark(BETTER)
        return {"type": "counters", "overlay": mark, "sources": {"in": "fault" if blind else "working"}}

    def keeper(self) -> ConfigKeeper:
        return ConfigKeeper(self.toml, self.state, self.runtime, lambda: self.connected, lambda said: self.said.append(json.loads(said)))

    def close(self) -> None:
        self._server.stop()


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    monkeypatch.setattr(config_keeper, "PATIENCE_S", 0.05)
    monkeypatch.setattr(config_keeper, "_LOOK_S", 0.001)
    device = Device(tmp_path)
    yield device
    device.close()


def held_s(device: Device) -> float:
    return settings_file.load(device.toml).gate.held_s


def test_what_is_good_is_kept_and_said(device: Device) -> None:
    device.keeper().apply(GOOD, 5)
    settings = settings_file.load(device.toml)
    assert (settings.gate.held_s, settings.lanes[0].direction, settings.lanes[0].reader) == (2.0, "out", "fifo:/nowhere")
    assert [said["state"] for said in device.said] == ["trying", "applied"]
    assert device.said[-1]["settings"] == GOOD
    device.keeper().apply({}, 6)
    assert settings_file.load(device.toml) == settings_file._read(device.toml, settings_file._parse(device.toml), lambda _read: [])


@pytest.mark.parametrize("fault", ["stumbles", "blind", "lost"])
def test_what_the_device_is_not_well_with_is_taken_back(device: Device, fault: str) -> None:
    keeper = device.keeper()
    keeper.apply(GOOD, 5)
    if fault == "lost":
        answers = chain([True], repeat(False))
        keeper._connected = lambda: next(answers)
    else:
        setattr(device, fault, True)
    with pytest.raises(NotGood) as caught:
        keeper.apply(BETTER, 6)
    assert caught.value.state == "rolled-back"
    assert device.said[-1]["state"] == "rolled-back"
    assert device.said[-1]["errors"]
    assert held_s(device) == 2.0


class Cutting(ConfigKeeper):
    """A keeper whose device loses its power at one of its writes, before or after it."""

    left, after = 0, False

    def _store(self, **changes: Any) -> None:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Cut
        super()._store(**changes)
        if self.left == 0:
            raise Cut


@pytest.mark.parametrize("well", [True, False])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", [1, 2])
def test_the_power_goes_at_a_write(device: Device, write: int, after: bool, well: bool) -> None:
    device.keeper().apply(GOOD, 5)
    device.blind = not well
    cutting = Cutting(device.toml, device.state, device.runtime, lambda: True, lambda _said: None)
    cutting.left, cutting.after = write, after
    with pytest.raises(Cut):
        cutting.apply(BETTER, 6)
    assert held_s(device) in {2.0, 3.0}
    keeper = device.keeper()
    keeper._go_on()
    keeper._take(Desired(NAME, 6, "[gate]\nheld_s = 3.0\n"))  # it is retained: it comes again
    assert held_s(device) == (3.0 if well else 2.0)
    keeper.tell()
    assert device.said[-1]["state"] == ("applied" if well else "rolled-back")
    assert device.said[-1]["counter"] == 6


def test_one_that_ends_the_agent_again_and_again_is_taken_back(device: Device) -> None:
    cutting = Cutting(device.toml, device.state, device.runtime, lambda: True, lambda _said: None)
    cutting.left, cutting.after = 1, True
    with pytest.raises(Cut):
        cutting.apply(BETTER, 6)
    for _ in range(config_keeper._MOST_STARTS):
        cutting = Cutting(device.toml, device.state, device.runtime, lambda: True, lambda _said: None)
        cutting.left, cutting.after = 1, True
        with pytest.raises(Cut):
            cutting._go_on()
    device.keeper()._go_on()
    assert device.said[-1]["state"] == "rolled-back"
    assert settings_file.load(device.toml).overlay == ""


def test_an_older_one_changes_nothing(device: Device) -> None:
    keeper = device.keeper()
    keeper._take(Desired(NAME, 6, "[gate]\nheld_s = 2.0\n"))
    keeper._take(Desired(NAME, 5, "[gate]\nheld_s = 3.0\n"))
    keeper._take(Desired(NAME, 7, "not TOML"))
    assert held_s(device) == 2.0
    assert (device.said[-1]["state"], device.said[-1]["counter"]) == ("refused", 7)


@pytest.mark.parametrize("how", ["gone", "torn"])
def test_without_its_file_the_last_one_is_taken_again_and_none_before_it(device: Device, how: str) -> None:
    keeper, last = device.keeper(), Desired(NAME, 6, "[gate]\nheld_s = 2.0\n")
    keeper._take(Desired(NAME, 5, "[gate]\nheld_s = 3.0\n"))
    keeper._take(last)
    for file in device.state.glob(f"{overlay.FILE_NAME}*"):
        file.write_bytes(b"torn") if how == "torn" else file.unlink()
    keeper = device.keeper()
    keeper._go_on()
    keeper._take(Desired(NAME, 5, "[gate]\nheld_s = 3.0\n"))
    assert held_s(device) == 1.5
    keeper._take(last)
    assert held_s(device) == 2.0
    keeper._take(Desired(NAME, 5, "[gate]\nheld_s = 3.0\n"))
    keeper._take(last)
    assert (held_s(device), len([said for said in device.said if said["state"] == "applied"])) == (2.0, 3)


def test_what_a_release_before_has_taken_is_noted_at_the_start(device: Device) -> None:
    keeper = device.keeper()
    keeper._take(Desired(NAME, 6, "[gate]\nheld_s = 2.0\n"))
    (device.state / DOCUMENTS).unlink()
    device.keeper()._go_on()
    assert taken.config_counter(device.state) == 6


def test_without_firmware_nothing_is_decided_and_it_is_looked_at_again(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_keeper, "_RETRY_S", 0.0)
    device.close()
    keeper, wanted = device.keeper(), Desired(NAME, 6, "[gate]\nheld_s = 2.0\n")
    keeper._take(wanted)
    assert keeper._wanted.get_nowait() == wanted
    assert not (device.state / overlay.FILE_NAME).exists()


def test_what_does_not_suit_gate_toml_any_more_is_left_out(device: Device, caplog: pytest.LogCaptureFixture) -> None:
    device.keeper().apply(GOOD, 5)
    device.toml.write_text(device.toml.read_text().replace('"in"', '"left"', 1))
    settings = settings_file.load(device.toml)
    assert (settings.gate.held_s, settings.overlay, settings.overlay_seen) == (1.5, "", overlay.mark(GOOD))
    assert "left out" in caplog.text
    for file in device.state.glob(f"{overlay.FILE_NAME}*"):
        file.write_bytes(b"torn")
    assert settings_file.load(device.toml).overlay_seen == ""


def test_everything_that_may_be_set_is_a_setting() -> None:
    for section, keys in MAY.items():
        assert keys <= set(settings_of.SECTIONS[section].__dataclass_fields__)
    assert "device" not in MAY
    assert "input" not in MAY
    for keys in MAY.values():
        assert not keys & {"camera", "reader", "indicator", "barrier", "display", "position", "trust_list", "switch"}


@given(st.dictionaries(st.sampled_from(["device", "gate", "lane", "input", "agent", "x"]), st.recursive(
    st.integers() | st.text(max_size=4), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)))  # fmt: skip
@thorough
def test_anything_is_set_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, tables: dict[str, Any]) -> None:
    toml = tmp_path_factory.getbasetemp() / "any.toml"
    toml.write_text(TOML.format(state="/nowhere"))
    with suppress(ConfigError):
        settings_file.try_overlay(toml, tables)


def test_it_is_signed_for_one_device_by_who_may() -> None:
    desired = Desired(NAME, 9, "[gate]\n")
    assert desired_config.verify(desired_config.issue(desired, officer(Power.CONFIGURE)), ROOT_PUBLIC, NAME) == desired
    for power in set(Power) - {Power.CONFIGURE}:
        with pytest.raises(Forged):
            desired_config.verify(desired_config.issue(desired, officer(power)), ROOT_PUBLIC, NAME)
    with pytest.raises(Forged, match="another device"):
        desired_config.verify(desired_config.issue(desired, officer(Power.CONFIGURE)), ROOT_PUBLIC, DeviceName(NAME.org, "other"))
    key = signing_key("operator")
    other = Officer(key, certify(Certificate(Power.CONFIGURE, key.public_key(), FROM_MS, TO_MS, "another-org"), ROOT))
    with pytest.raises(Forged, match="organisation"):
        desired_config.verify(desired_config.issue(desired, other), ROOT_PUBLIC, NAME)
    with pytest.raises(Malformed):
        desired_config.verify(officer(Power.CONFIGURE).sign(encode({1: 1}), desired_config.CONFIG), ROOT_PUBLIC, NAME)


def job(*arguments: str) -> Job:
    return Job(arguments, {}, lambda _seconds: False, 1, lambda _data: None)


def test_a_direction_that_was_being_set_is_told_by_what_is_in_force(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_LOOK_S", 0.001)
    setting = executors.SetDirection(device.keeper())
    with pytest.raises(Failed) as caught:
        setting.found_running(job("in", "out"))  # the power went before it was tried
    assert caught.value.reason == "not-in-force"
    setting.carry_out(job("in", "out"))
    setting.found_running(job("in", "out"))
    assert settings_file.load(device.toml).lanes[0].direction == "out"
    device.keeper().apply({**GOOD, "lane": [{"name": "in", "direction": "in"}]}, 9)
    with pytest.raises(Failed):
        setting.found_running(job("in", "out"))
    with pytest.raises(Failed, match="no lane of this gate"):
        setting.carry_out(job("left", "out"))
    with pytest.raises(Failed, match="allowed are"):
        setting.before(("in", "up"))
