"""What the self-test says of readers, lights and pins."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import gate_fixtures
import gpiozero
import pytest
from checked_world import someone
from gate_world import Enrolled, Reader, SpyIndicator, gate_toml
from gpiozero.pins.mock import MockFactory
from module_port import De2120Port

from drivers.errors import Unavailable, Unplugged
from drivers.indicator import Signal
from drivers.patterns import PATTERNS
from edge_agent.device.settings import ConfigError, LaneSettings, Settings
from firmware import indicator_checks, reader_checks, sample_code
from firmware.configuration import load_settings, pins_in
from firmware.part_checks import check_parts
from firmware.pin_checks import check_boot_levels, check_pins
from firmware.verdict import Verdict

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader

CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"
IN, OUT = {"name": "in", "direction": "in"}, {"name": "out", "direction": "out"}


@pytest.mark.parametrize(
    "code, words", [(CARD, f"a code of {len(CARD.encode())} bytes came"), (sample_code.TEXT, "the test code came whole")]
)
def test_asked_for_a_code_a_reader_is_tested_with_it_and_nothing_of_it_is_shown(reader: Reader, code: str, words: str) -> None:
    asked, prompt = someone(lambda: reader.scan(code))
    finding = reader_checks.check_reader(LaneSettings("in", "in", reader=reader.url), prompt)
    assert (finding.verdict, finding.detail) == (Verdict.OK, f"opens; {words}")
    assert "scan any code now" in asked[0]


def test_a_reader_that_sends_nothing_or_noise_is_a_fault(reader: Reader) -> None:
    lane = LaneSettings("in", "in", reader=reader.url)
    assert "no code came within 0.1 s" in reader_checks.check_reader(lane, lambda _words: None, 0.1).detail
    noise = reader_checks.check_reader(lane, lambda _words: reader.scan(b"\xff\xfe\x01"), 0.3)
    assert "no text" in noise.detail
    assert "baud" in noise.todo


def test_a_reader_that_somebody_holds_is_a_fault(reader: Reader) -> None:
    lane = LaneSettings("in", "in", reader=reader.url)
    held = threading.Event()

    def check_again(_words: str) -> None:
        assert "in use by another program" in reader_checks.check_reader(lane, None).detail
        held.set()

    reader_checks.check_reader(lane, check_again, 0.1)
    assert held.is_set()


def test_what_is_plugged_in_instead_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Port:
        """What pyserial tells of a port."""

        def __init__(self, device: str, product: str | None) -> None:
            self.device, self.product = device, product

    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [Port("/dev/ttyS0", None), Port("/dev/ttyACM1", "Barcode Scanner")])
    finding = reader_checks.check_reader(LaneSettings("in", "in", reader="serial:/dev/nope"), None)
    assert (finding.verdict, "/dev/ttyACM1 (Barcode Scanner), /dev/ttyS0" in finding.todo) == (Verdict.FAULT, True)


def test_for_a_keyboard_reader_input_devices_are_named_and_no_ports(tmp_path: Path) -> None:
    for number, (name, keys) in enumerate([("Scanner X", "1000000000000 fffffffe"), ("HDMI", "0")]):
        device = tmp_path / f"event{number}" / "device"
        for file, text in (("name", name), ("capabilities/key", keys), ("id/vendor", "1a86"), ("id/product", "5512")):
            (device / file).parent.mkdir(parents=True, exist_ok=True)
            (device / file).write_text(f"{text}\n")
    assert reader_checks.plugged_in("hid:/dev/input/nope", tmp_path) == "hid:1a86:5512 (Scanner X, /dev/input/event0)"
    assert reader_checks.plugged_in("hid:/dev/input/nope", tmp_path / "none") == "no input device with keys"
    finding = reader_checks.check_reader(LaneSettings("in", "in", reader="hid:/dev/input/nope"), None)
    assert (finding.verdict, "/dev/tty" in finding.todo) == (Verdict.FAULT, False)


def test_what_opening_a_reader_told_is_said(reader: Reader) -> None:
    assert "nothing was asked of it: --ask" in reader_checks.check_reader(LaneSettings("in", "in", reader=reader.url), None).detail
    module = De2120Port()
    asked = reader_checks.check_reader(LaneSettings("in", "in", reader=f"serial:{module.path}?module=de2120"), None)
    module.unplug()
    assert (asked.verdict, "the module (de2120) answers" in asked.detail) == (Verdict.OK, True), asked


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.reset()


def test_lights_are_played_with_sound_and_without(pins: MockFactory) -> None:
    url = "gpio:?green=17&amber=22&buzzer=18"
    assert indicator_checks.check_indicator("light", url).detail.endswith("did you see and hear it?")
    for number in (17, 18):
        states = [state.state for state in pins.pin(number).states]
        assert True in states
        assert not states[-1]
    pins.reset()
    assert indicator_checks.check_indicator("light", url, silent=True).detail.endswith("did you see it?")
    assert True in [state.state for state in pins.pin(22).states]
    assert True not in [state.state for state in pins.pin(18).states]  # at night nobody is woken


@pytest.mark.parametrize("well, number", [(True, 17), (False, 27)])
def test_the_result_is_shown_and_makes_no_sound(pins: MockFactory, monkeypatch: pytest.MonkeyPatch, well: bool, number: int) -> None:
    monkeypatch.setattr(indicator_checks, "RESULT_S", 0.1)
    assert indicator_checks.show_result("light", "gpio:?green=17&red=27&buzzer=18", well=well).verdict is Verdict.OK
    lit = {pin for pin in (17, 18, 27) if True in [state.state for state in pins.pin(pin).states]}
    assert lit == {number}


@pytest.mark.usefixtures("enrolled")
def test_a_light_in_trouble_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SpyIndicator, "show", lambda *_: (_ for _ in ()).throw(Unplugged("the wire is off")))
    finding = indicator_checks.check_indicator("light", "spy:one")
    assert (finding.verdict, finding.detail) == (Verdict.FAULT, "the wire is off")


def test_a_light_whose_pin_is_taken_is_a_fault(pins: MockFactory) -> None:
    with gpiozero.LED(17, pin_factory=pins):
        finding = indicator_checks.check_indicator("light", "gpio:?green=17")
    assert (finding.verdict, "GPIO17" in finding.detail) == (Verdict.FAULT, True)


def loaded(enrolled: Enrolled, *lanes: Mapping[str, str], gate: str = "gpio:?green=17&red=27") -> Settings:
    return load_settings(gate_toml(enrolled, *lanes, gate=f'indicator = "{gate}"'))


def test_pins_are_gathered_over_all_parts(enrolled: Enrolled) -> None:
    lanes = ({**IN, "reader": "serial:/dev/serial0"}, {**OUT, "reader": "serial:/dev/ttyACM0", "indicator": "gpio:?green=5"})
    assert pins_in(loaded(enrolled, *lanes)) == {17: "green", 27: "red", 14: "serial TXD", 15: "serial RXD", 5: "green"}
    shared = ({**IN, "reader": "serial:/dev/a"}, {**OUT, "reader": "serial:/dev/b", "indicator": "gpio:?green=17&red=27"})
    assert set(pins_in(loaded(enrolled, *shared))) == {17, 27}  # one light for both


@pytest.mark.parametrize(
    "reader, indicator, words",
    [
        ("serial:/dev/b", "gpio:?green=22&amber=27", "pin 27 is already the red of gate.indicator"),
        ("serial:/dev/serial0", "gpio:?green=15", "pin 15 is already the serial RXD of lane[1].reader"),
    ],
)
def test_a_pin_for_two_parts_is_a_configuration_error(enrolled: Enrolled, reader: str, indicator: str, words: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        loaded(enrolled, {**IN, "reader": "serial:/dev/a"}, {**OUT, "reader": reader, "indicator": indicator})
    [problem] = str(wrong.value).splitlines()
    assert words in problem
    assert "gate.toml: lane[1].indicator: " in problem


def test_pins_that_another_program_holds_are_a_fault(enrolled: Enrolled) -> None:
    settings = loaded(enrolled, {**IN, "reader": "serial:/dev/serial0"})
    asked: list[Collection[int]] = []

    def held(pins: Collection[int]) -> Mapping[int, str]:
        asked.append(set(pins))
        return {27: "spi0 CS1"}

    finding = check_pins(settings, held)
    assert finding is not None
    assert (finding.verdict, finding.detail) == (Verdict.FAULT, "GPIO27 (red) is held by spi0 CS1")
    assert asked == [{17, 27}]
    free = check_pins(settings, lambda _pins: {})
    assert free is not None
    assert (free.verdict, free.detail) == (Verdict.OK, "GPIO 14, 15, 17, 27: each given once, free")


def test_without_pins_or_a_header_nothing_is_asked(enrolled: Enrolled) -> None:
    def nobody(_pins: Collection[int]) -> Mapping[int, str]:
        raise Unavailable("no header")

    assert check_pins(loaded(enrolled, {**IN, "reader": "serial:/dev/a"}, gate="console:"), nobody) is None
    finding = check_pins(loaded(enrolled, {**IN, "reader": "serial:/dev/a"}), nobody)
    assert finding is not None
    assert (finding.verdict, finding.detail) == (Verdict.SKIPPED, "no header")


@pytest.mark.parametrize(
    "pin, more, pulled",
    [(5, "", "up"), (8, "", "up"), (9, "", ""), (26, "", ""), (26, "&active_low=1", "down"), (6, "&active_low=1", "")],
)
def test_a_relay_that_pulls_in_while_the_pi_boots_is_noted(enrolled: Enrolled, pin: int, more: str, pulled: str) -> None:
    finding = check_boot_levels(loaded(enrolled, {**IN, "reader": "serial:/dev/a", "barrier": f"relay:?pin={pin}{more}"}))
    told = "" if finding is None else finding.detail
    assert told == (f"lane[0].barrier: the Pi pulls GPIO{pin} {pulled} while it boots, and the relay in" if pulled else "")


def test_further_parts_are_opened_and_a_barrier_moves_for_nobody(enrolled: Enrolled, pins: MockFactory, tmp_path: Path) -> None:
    lane = {**IN, "reader": "serial:/dev/a", "barrier": "relay:?pin=5"}
    config = gate_toml(enrolled, lane, gate='indicator = "gpio:?green=17"')
    contact = f'[[input]]\nname = "door"\nrole = "door"\nswitch = "fifo:{tmp_path / "door"}"\n'
    config.write_text(config.read_text("utf-8") + contact, encoding="utf-8")
    settings = load_settings(config)
    assert set(pins_in(settings)) == {5, 17}
    found = {finding.part: finding.verdict for finding in check_parts(settings)}
    assert found == {"lane[0].barrier": Verdict.OK, "input[0].switch": Verdict.OK}
    assert True not in [state.state for state in pins.pin(5).states]
    with gpiozero.LED(5, pin_factory=pins):
        taken = {finding.part: finding for finding in check_parts(settings)}["lane[0].barrier"]
    assert (taken.verdict, "GPIO5" in taken.detail) == (Verdict.FAULT, True)


@pytest.mark.parametrize("when_closed", ["rest", "open"])
@pytest.mark.parametrize("active_low", [0, 1])
@pytest.mark.parametrize("held", [False, True])
def test_whatever_a_barriers_wires_say_its_test_leaves_it_so(
    enrolled: Enrolled, pins: MockFactory, when_closed: str, active_low: int, held: bool
) -> None:
    pin = pins.pin(5)
    (pin.drive_high if held else pin.drive_low)()  # a resistor on the relay board, or the level that a stopped gate left
    before = [state.state for state in pin.states]
    lane = {**IN, "reader": "serial:/dev/a", "barrier": f"relay:?pin=5&when_closed={when_closed}&active_low={active_low}"}
    (finding,) = check_parts(loaded(enrolled, lane))
    assert [state.state for state in pin.states] == before
    assert pin.function == "input"
    assert (finding.verdict, finding.detail) == (Verdict.OK, "relay: its pin can be had; it was not moved")


def test_signals_of_the_result_are_states_without_sound() -> None:
    for signal in (Signal.STARTING, Signal.READY, Signal.FAULT):
        pattern = PATTERNS[signal]
        assert pattern.is_state
        assert not any(step.sound for step in pattern.steps)
