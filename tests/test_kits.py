"""The kits of hw_docs: their configurations are usable, their pins do not collide, and pages and drawings agree with them."""

from __future__ import annotations

import html
import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import electrical
import kit_pins
import optics
import printable
import pytest
import sketch
from gpiozero.pins.data import PI4_J8, PI5_J8
from gpiozero.pins.mock import MockFactory, MockPWMPin

from drivers.catalogue import check_reader_url
from drivers.gpio_indicator import GpioIndicator
from firmware.configuration import load_settings

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "hw_docs" / "pictures"


def texts(svg: str) -> str:
    return " ".join("".join(each.itertext()).strip() for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))  # noqa: S314 - our own


@pytest.mark.parametrize("kit", kit_pins.KITS)
def test_a_kits_configuration_passes_the_gates_own_loader(kit: str) -> None:
    settings = load_settings(kit_pins.KITS_FOLDER / kit / "gate.toml")
    assert settings.lanes
    assert all(bool(lane.camera) != bool(lane.reader) for lane in settings.lanes)
    assert all((lane.indicator or settings.gate.indicator).startswith("gpio:") for lane in settings.lanes)


def test_each_kit_is_what_its_name_says() -> None:
    lanes = {kit: load_settings(kit_pins.KITS_FOLDER / kit / "gate.toml").lanes for kit in kit_pins.KITS}
    assert [lane.direction for lane in lanes["two-lane"]] == ["in", "out"]
    assert [bool(lane.camera) for lane in lanes["two-lane"]] == [True, False]
    assert lanes["market-gate"][0].camera
    assert lanes["bus-door"][0].reader
    assert set(kit_pins.KITS) == {folder.name for folder in kit_pins.KITS_FOLDER.iterdir()}


def test_the_market_gate_has_the_pins_of_the_default_configuration() -> None:
    default = load_settings(ROOT / "systemd" / "gate.toml").gate.indicator
    lamps = kit_pins.indicator_pins(default)
    assert lamps == {use.part: use.bcm for use in kit_pins.uses("market-gate") if use.part in lamps}


@pytest.mark.parametrize("kit", ["bus-door", "two-lane"])
def test_a_kits_reader_reads_at_once_and_leaves_the_beep_to_the_gate(kit: str) -> None:
    [reader] = [lane.reader for lane in load_settings(kit_pins.KITS_FOLDER / kit / "gate.toml").lanes if lane.reader]
    arguments = check_reader_url(reader).arguments
    assert (arguments["module"], arguments["trigger"]) == ("gm65", "continuous")
    assert "| GM65-S reader |" in "\n".join(electrical.budget())  # the reader that the parts list and the currents are for


@pytest.mark.parametrize("kit", kit_pins.KITS)
def test_no_kit_has_a_pin_problem(kit: str) -> None:
    assert kit_pins.problems(kit) == []


@pytest.mark.parametrize(
    "before, after, complaint",
    [
        ("relay:?pin=26", "relay:?pin=3", "is kept free for I²C"),
        ("relay:?pin=26", "relay:?pin=14", "is kept free for UART"),
        ("relay:?pin=26", "relay:?pin=6", "is pulled up while the Pi boots"),
        ("pin=16&active=high", "pin=16&active=low", "lid is wired so that high = lid open"),
    ],
)
def test_a_wrong_pin_or_level_is_found(before: str, after: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (kit_pins.KITS_FOLDER / "market-gate" / "gate.toml").read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "market-gate").mkdir()
    (tmp_path / "market-gate" / "gate.toml").write_text(text.replace(before, after), encoding="utf-8")
    monkeypatch.setattr(kit_pins, "KITS_FOLDER", tmp_path)
    assert any(complaint in problem for problem in kit_pins.problems("market-gate"))


def test_header_pins_are_those_of_a_real_board() -> None:
    rows, columns, header = PI4_J8  # gpiozero's own table of the header, as an independent source
    assert rows * columns == 40
    assert {int(each["gpio"].removeprefix("GPIO")): pin for pin, each in header.items() if "gpio" in each} == kit_pins.HEADER_PIN
    assert {pin: each[""] for pin, each in header.items() if "gpio" not in each} == kit_pins.SUPPLY_PIN
    assert header == PI5_J8[2]


def test_two_buzzers_have_two_channels_of_the_hardware_pwm() -> None:
    channels = [PI4_J8[2][use.header]["pwm"] for use in kit_pins.uses("two-lane") if use.part == "buzzer"]
    assert len(set(channels)) == 2


@pytest.mark.parametrize("kit", kit_pins.KITS)
def test_every_configured_pin_can_be_driven(kit: str) -> None:
    factory = MockFactory(pin_class=MockPWMPin)
    for board in kit_pins.boards(kit):
        pins = {use.part: use.bcm for use in kit_pins.uses(kit) if use.board == board}
        GpioIndicator(pins["green"], pins["red"], pins["amber"], pins["buzzer"], pin_factory=factory).close()


@pytest.mark.parametrize("kit", kit_pins.KITS)
def test_the_drawing_names_every_pin_of_its_kit(kit: str) -> None:
    svg = runpy.run_path(str(PICTURES / f"wiring_{kit.replace('-', '_')}.py"))["draw"]()
    shown = texts(svg)
    for use in kit_pins.uses(kit):
        assert re.search(rf"GPIO{use.bcm}\b", shown)
        assert re.search(rf"pin {use.header}\b", shown)
        assert kit_pins.PARTS[use.part].what in shown
    assert f"F1 {electrical.fuse_a(kit):g} A" in shown


Point = tuple[float, float]
_WIRE = re.compile(r'<path d="M (\S+),(\S+) L \S+ L (\S+),(\S+)" style="stroke:(#\w+);fill:none;stroke-width:2')
_TERMINAL = re.compile(r'y="(\S+)"[^>]*text-anchor="end">\s*<tspan[^>]*>(GND|COM)</tspan>')


def _net(wires: list[tuple[Point, Point]], start: Point) -> set[Point]:
    """The ends of all wires that hang together from a point on: where one begins, ends or branches off another."""

    def on(point: Point, wire: tuple[Point, Point]) -> bool:
        return all(min(wire[0][axis], wire[1][axis]) - 0.1 <= point[axis] <= max(wire[0][axis], wire[1][axis]) + 0.1 for axis in (0, 1))

    found = {start}
    while True:
        more = {end for wire in wires for end in wire if any(on(each, wire) for each in found)}
        more |= {end for wire in wires for end in wire for held in wires if set(held) <= found and on(end, held)}
        if more <= found:
            return found
        found |= more


@pytest.mark.parametrize("kit", kit_pins.KITS)
def test_supply_minus_goes_to_each_boards_ground_and_plus_to_its_com(kit: str) -> None:
    svg = (PICTURES / f"wiring_{kit.replace('-', '_')}.svg").read_text(encoding="utf-8")
    wires: dict[str, list[tuple[Point, Point]]] = {}
    for x1, y1, x2, y2, colour in _WIRE.findall(svg):
        wires.setdefault(colour, []).append(((float(x1), float(y1)), (float(x2), float(y2))))
    converter_y = next(float(y) for y in re.findall(r'y="(\S+)"[^>]*>\s*<tspan[^>]*>DC-DC', svg))
    for colour, other, name in (("black", "red", "GND"), ("red", "black", "COM")):
        own = wires[sketch.WIRES[colour]]
        column_x = min(end[0] for wire in own for end in wire)  # the supply's plus or minus, at the left of the drawing
        terminals = {wire[0] for wire in own if 600 < wire[0][0] < wire[1][0] and wire[0][1] == wire[1][1]}
        assert len(terminals) == len(kit_pins.boards(kit))
        for terminal in terminals:
            net = _net(own, terminal)
            assert any(x == column_x and y < converter_y for x, y in net)  # the supply's own, before the converter
            assert not net & {end for wire in wires[sketch.WIRES[other]] for end in wire}
            assert any(abs(float(y) + 9 - terminal[1]) < 5 for y, each in _TERMINAL.findall(svg) if each == name)  # text hangs from its y


@pytest.mark.parametrize("script", sorted(PICTURES.glob("*.py")), ids=lambda script: script.stem)
def test_a_drawing_comes_out_the_same_twice(script: Path) -> None:
    assert runpy.run_path(str(script))["draw"]() == runpy.run_path(str(script))["draw"]()


@pytest.mark.parametrize("kit", kit_pins.KITS)
def test_a_fuse_carries_the_kit_and_spares_its_cable(kit: str) -> None:
    assert electrical.input_a(kit) < electrical.fuse_a(kit) <= 10
    assert electrical.lost_v(kit, electrical.CABLE_MM2[kit]) < 0.5


@pytest.mark.parametrize("volt", [9.0, 12.0, 24.0, 36.0])
def test_the_ignition_input_works_over_the_whole_supply_range(volt: float) -> None:
    case = electrical.ignition_at(volt)
    assert case.sinks_ma > electrical.ignition_needs_ma()
    assert case.led_ma < 25
    assert case.heat_mw < 250


def test_the_reading_zones_suit_wheelchairs_and_hold_no_sky() -> None:
    for mounting in optics.MOUNTINGS.values():
        near_mm, far_mm = mounting.zone_mm()
        assert far_mm > 1.5 * near_mm
        assert 0.8 <= mounting.zone_height_m() <= 1.1
        assert mounting.below_horizon_degrees() > 0


@pytest.mark.parametrize("sheet", ["privacy-notice", "field-test"])
def test_a_sheet_to_print_exists_in_both_languages_with_the_same_rows(sheet: str) -> None:
    pages = {source.name: text for source, text in printable.pages()}
    vietnamese, english = pages[f"{sheet}.vi.html"], pages[f"{sheet}.en.html"]
    assert '<html lang="vi">' in vietnamese
    assert '<html lang="en">' in english
    for tag in ("<h2", "<tr", "<li", "☐"):
        assert vietnamese.count(tag) == english.count(tag)
    assert not re.search(r'(src|href)="', vietnamese + english)


def test_the_notice_says_what_is_recorded_the_days_and_the_law() -> None:
    for source, text in printable.pages():
        if source.name.startswith("privacy-notice"):
            plain = html.unescape(re.sub("<[^>]*>", "", text))
            assert re.search(r"21 (ngày|days)", plain)
            for recorded in (
                "health pass|giấy chứng nhận sức khỏe",
                "the trip|chuyến xe",
                "vehicle's position|vị trí của xe",
                "phone|điện thoại",
            ):
                assert re.search(recorded, plain)
            assert "91/2025/QH15" in plain
            assert "356/2025/NĐ-CP" in plain
