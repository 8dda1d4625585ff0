"""Which pin of the header carries what in each kit: the one source of the pin tables, the wiring drawings and their test.

Lamps and buzzers come from the kits' own `gate.toml`, read by the gate's own loader. Inputs and relays have no keys in `gate.toml` yet:
`PLANNED` holds them until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.catalogue import check_indicator_url
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
    "direction": Part("direction button", "blue", False, "low = pressed", _CONTACT, "button"),
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A pin laid out for a part that `gate.toml` cannot name yet."""

    part: str
    pin: int
    lane: str = ""

    def toml(self) -> str:
        """The lines that will name it."""
        if PARTS[self.part].output:
            return f'# in [[lane]] "{self.lane}":\nrelay = "relay:?pin={self.pin}"'
        active = PARTS[self.part].level.split()[0]
        return f'[[input]]\nrole = "{self.part}"\nswitch = "gpio:?pin={self.pin}&active={active}"'


_COMMON = (Planned("tamper", 16),)
PLANNED = {
    "market-gate": (Planned("relay", 26, "in"), *_COMMON, Planned("direction", 21)),
    "bus-door": (Planned("ignition", 5), Planned("power-fail", 6), *_COMMON, Planned("door", 20), Planned("direction", 21)),
    "two-lane": (Planned("relay", 26, "in"), Planned("relay", 19, "out"), *_COMMON),
}


@dataclass(frozen=True, slots=True)
class Use:
    """One pin of one kit.

    Attributes:
        part: a key of `PARTS`.
        bcm: its BCM number.
        board: which driver board or input board it goes to.
        planned: whether the configuration cannot name it yet.
    """

    part: str
    bcm: int
    board: str
    planned: bool

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
        ConfigError: the kit's configuration cannot be used.
    """
    settings = load_settings(KITS_FOLDER / kit / "gate.toml")
    found: list[Use] = []
    for lane in settings.lanes:
        pins = indicator_pins(lane.indicator or settings.gate.indicator)
        found += [Use(part, bcm, f"driver {lane.name}", planned=False) for part, bcm in pins.items()]
        relays = [each for each in PLANNED[kit] if each.part == "relay" and each.lane in {"", lane.name}]
        found += [Use(each.part, each.pin, f"driver {lane.name}", planned=True) for each in relays]
    found += [Use(each.part, each.pin, "inputs", planned=True) for each in PLANNED[kit] if not PARTS[each.part].output]
    return found


def boards(kit: str) -> list[str]:
    """The driver boards of a kit, one a lane that has lamps."""
    return list(dict.fromkeys(use.board for use in uses(kit) if PARTS[use.part].output))


def problems(kit: str) -> list[str]:
    """What is wrong with a kit's pins: shared, kept free, or an output that the Pi pulls up while it boots."""
    wrong: list[str] = []
    taken: dict[int, str] = {}
    for use in uses(kit):
        if taken.setdefault(use.bcm, use.part) != use.part or sum(each.bcm == use.bcm for each in uses(kit)) > 1:
            wrong.append(f"{kit}: GPIO{use.bcm} is given to {use.part} and to {taken[use.bcm]}")
        if use.bcm in KEPT_FREE:
            wrong.append(f"{kit}: GPIO{use.bcm} of {use.part} is kept free for {KEPT_FREE[use.bcm]}")
        if PARTS[use.part].output and use.bcm < _FIRST_PULLED_DOWN:
            wrong.append(f"{kit}: GPIO{use.bcm} of {use.part} is pulled up while the Pi boots: the {use.part} would come on")
    return wrong


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def pin_table(kit: str) -> Iterator[str]:
    """The pins of a kit as a table."""
    yield _row("part", "GPIO (BCM)", "header pin", "wire", "level", "between pin and part", "configured")
    yield _row(*["---"] * 7)
    for use in uses(kit):
        part = PARTS[use.part]
        lane = f" ({use.board.removeprefix('driver ')})" if part.output else ""
        state = "planned" if use.planned else "yes"
        yield _row(f"{part.what}{lane}", f"GPIO{use.bcm}", str(use.header), part.wire, part.level, part.between, state)
    yield ""


def planned_keys(kit: str) -> Iterator[str]:
    """The lines of `gate.toml` that the planned pins will need."""
    yield "```toml"
    for each in PLANNED[kit]:
        yield each.toml()
    yield "```"
    yield ""


def counts() -> Iterator[str]:
    """How many of each part the kits need, as far as their configurations and planned pins say."""
    yield _row("part", *KITS)
    yield _row(*["---"] * (1 + len(KITS)))
    lanes = {kit: load_settings(KITS_FOLDER / kit / "gate.toml").lanes for kit in KITS}
    rows: dict[str, list[int]] = {
        "camera": [sum(bool(lane.camera) for lane in lanes[kit]) for kit in KITS],
        "barcode reader": [sum(bool(lane.reader) for lane in lanes[kit]) for kit in KITS],
        "driver board": [len(boards(kit)) for kit in KITS],
    }
    for name, part in PARTS.items():
        rows[part.what] = [sum(use.part == name for use in uses(kit)) for kit in KITS]
    for what, numbers in rows.items():
        yield _row(what, *(str(number) if number else "" for number in numbers))
    yield ""


def kept_free() -> Iterator[str]:
    """The pins no kit may use."""
    yield _row("GPIO (BCM)", "header pin", "kept for")
    yield _row("---", "---", "---")
    for bcm, reason in sorted(KEPT_FREE.items()):
        yield _row(f"GPIO{bcm}", str(HEADER_PIN[bcm]), reason)
    yield ""
