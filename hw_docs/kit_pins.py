"""Which pin of the header carries what in each kit: the one source of the pin tables, the wiring drawings and their test.

All of it comes from the kits' own `gate.toml`, read by the gate's own loader; what hangs on a pin and how it is wired stands here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.catalogue import check_barrier_url, check_indicator_url, check_switch_url
from drivers.urls import DriverUrl
from firmware.configuration import load_settings

KITS_FOLDER = Path(__file__).resolve().parent / "kits"
KITS = {"market-gate": "market gate with camera", "bus-door": "bus door", "two-lane": "two-lane gate"}
# BCM number → pin of the 40-pin header. Source: Raspberry Pi documentation, "GPIO and the 40-pin header".
HEADER_PIN = {
    2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21, 25: 22, 11: 23, 8: 24, 7: 26,
    0: 27, 1: 28, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40,
}  # fmt: skip
SUPPLY_PIN = {1: "3V3", 2: "5V", 4: "5V", 17: "3V3", **dict.fromkeys((6, 9, 14, 20, 25, 30, 34, 39), "GND")}
# Never given to lamps or contacts: what a display, a clock or the Pi itself needs.
KEPT_FREE = {
    0: "HAT EEPROM", 1: "HAT EEPROM", 2: "I²C: clock DS3231, display", 3: "I²C: clock DS3231, display", 4: "1-Wire",
    7: "SPI display", 8: "SPI display", 9: "SPI display", 10: "SPI display", 11: "SPI display", 12: "spare: PWM channel of GPIO18",
    14: "UART: GPS", 15: "UART: GPS",
}  # fmt: skip
_FIRST_PULLED_DOWN = 9


@dataclass(frozen=True, slots=True)
class Part:
    """A part that hangs on a pin.

    Attributes:
        what: for the tables.
        wire: colour of its wire, so that a lid opened years later explains itself.
        output: whether the Pi drives it.
        level: which level means what.
        between: what sits between pin and part.
        symbol: how the drawings show it.
    """

    what: str
    wire: str
    output: bool
    level: str
    between: str
    symbol: str


_DRIVER = "driver board ULN2803A (2.7 kΩ inside)"
_CONTACT = "1 kΩ in series, 10 kΩ to 3V3, 100 nF to GND"
PARTS = {
    "green": Part("green lamp", "green", True, "high = lit", _DRIVER, "lamp"),
    "red": Part("red lamp", "red", True, "high = lit", _DRIVER, "lamp"),
    "amber": Part("amber lamp", "orange", True, "high = lit", _DRIVER, "lamp"),
    "buzzer": Part("active buzzer", "violet", True, "high = sounds", _DRIVER, "buzzer"),
    "relay": Part("relay of barrier or turnstile", "brown", True, "high = opens; low at boot", _DRIVER, "relay"),
    "ignition": Part("ignition (KL15)", "yellow", False, "low = ignition on", "optocoupler, see inputs", "ignition"),
    "power-fail": Part("supply lost, from the UPS", "pink", False, "low = supply lost", _CONTACT, "open collector"),
    "tamper": Part("tamper switch of the lid", "grey", False, "high = lid open or wire cut", _CONTACT, "closed contact"),
    "door": Part("door contact", "white", False, "high = door open or wire cut", _CONTACT, "closed contact"),
    "keeper": Part("keeper's button", "blue", False, "low = pressed", _CONTACT, "button"),
    "terminus": Part("terminus button", "blue", False, "low = pressed", _CONTACT, "button"),
}


@dataclass(frozen=True, slots=True)
class Use:
    """One pin of one kit.

    Attributes:
        part: a key of `PARTS`.
        bcm: its BCM number.
        board: which driver board or input board it goes to.
    """

    part: str
    bcm: int
    board: str

    @property
    def header(self) -> int:
        """Its pin of the 40-pin header."""
        return HEADER_PIN[self.bcm]


def indicator_pins(url: str) -> dict[str, int]:
    """The parts and BCM numbers of a `gpio:` indicator URL, in the order of the driver's options.

    Example:
        >>> indicator_pins("gpio:?green=17&red=27&buzzer_hz=2700")
        {'green': 17, 'red': 27}
    """
    checked = check_indicator_url(url)
    if checked.scheme.name != "gpio":
        return {}
    return {name: int(str(value)) for name, value in checked.arguments.items() if name in PARTS and value is not None}


def uses(kit: str) -> list[Use]:
    """Every pin of a kit: outputs board by board, then inputs.

    Raises:
        ConfigError: the kit's configuration cannot be used, for example because a pin is given twice.
    """
    settings = load_settings(KITS_FOLDER / kit / "gate.toml")
    found: list[Use] = []
    for lane in settings.lanes:
        pins = indicator_pins(lane.indicator or settings.gate.indicator)
        found += [Use(part, bcm, f"driver {lane.name}") for part, bcm in pins.items()]
        if lane.barrier:
            found.append(Use("relay", _pin(check_barrier_url(lane.barrier)), f"driver {lane.name}"))
    return found + [Use(each.role, _pin(check_switch_url(each.switch)), "inputs") for each in settings.inputs]


def _pin(url: DriverUrl) -> int:
    return int(str(url.arguments["pin"]))


def boards(kit: str) -> list[str]:
    """The driver boards of a kit, one a lane that has lamps."""
    return list(dict.fromkeys(use.board for use in uses(kit) if PARTS[use.part].output))


def problems(kit: str) -> list[str]:
    """What is wrong with a kit's pins: kept free, pulled up while the Pi boots, or at another level than its wiring has."""
    wrong: list[str] = []
    for use in uses(kit):
        if use.bcm in KEPT_FREE:
            wrong.append(f"{kit}: GPIO{use.bcm} of {use.part} is kept free for {KEPT_FREE[use.bcm]}")
        if PARTS[use.part].output and use.bcm < _FIRST_PULLED_DOWN:
            wrong.append(f"{kit}: GPIO{use.bcm} of {use.part} is pulled up while the Pi boots: the {use.part} would come on")
    for each in load_settings(KITS_FOLDER / kit / "gate.toml").inputs:
        level = PARTS[each.role].level.split()[0]
        if check_switch_url(each.switch).arguments["active"] != level:
            wrong.append(f"{kit}: {each.name} is wired so that {PARTS[each.role].level}, and its switch says otherwise")
    return wrong


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def pin_table(kit: str) -> Iterator[str]:
    """The pins of a kit as a table."""
    yield _row("part", "GPIO (BCM)", "header pin", "wire", "level", "between pin and part")
    yield _row(*["---"] * 6)
    for use in uses(kit):
        part = PARTS[use.part]
        lane = f" ({use.board.removeprefix('driver ')})" if part.output else ""
        yield _row(f"{part.what}{lane}", f"GPIO{use.bcm}", str(use.header), part.wire, part.level, part.between)
    yield ""


def counted() -> dict[str, list[int]]:
    """How many of each part the kits need, kit by kit, as far as their configurations say."""
    lanes = {kit: load_settings(KITS_FOLDER / kit / "gate.toml").lanes for kit in KITS}
    rows: dict[str, list[int]] = {
        "camera": [sum(bool(lane.camera) for lane in lanes[kit]) for kit in KITS],
        "barcode reader": [sum(bool(lane.reader) for lane in lanes[kit]) for kit in KITS],
        "driver board": [len(boards(kit)) for kit in KITS],
    }
    for name, part in PARTS.items():
        rows[part.what] = [sum(use.part == name for use in uses(kit)) for kit in KITS]
    return rows


def counts() -> Iterator[str]:
    """The same as a table."""
    yield _row("part", *KITS)
    yield _row(*["---"] * (1 + len(KITS)))
    for what, numbers in counted().items():
        yield _row(what, *(str(number) if number else "" for number in numbers))
    yield ""


def kept_free() -> Iterator[str]:
    """The pins no kit may use."""
    yield _row("GPIO (BCM)", "header pin", "kept for")
    yield _row("---", "---", "---")
    for bcm, reason in sorted(KEPT_FREE.items()):
        yield _row(f"GPIO{bcm}", str(HEADER_PIN[bcm]), reason)
    yield ""
