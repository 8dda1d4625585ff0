"""Calculates what power.md states: current budgets, fuses, cable drop, the ignition input, surge clamping, hold-up time.

Every input has its source beside it. "assumed" means that no data sheet was at hand or that it depends on the part bought: measure it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

_PI_DOCS = "Raspberry Pi documentation, power supply"
_ASSUMED = "assumed, measure"


@dataclass(frozen=True, slots=True)
class Load:
    """Something that draws current.

    Attributes:
        what: for the table.
        typical_ma: while people pass.
        most_ma: the highest that lasts longer than some milliseconds.
        source: where the figures are from.
    """

    what: str
    typical_ma: float
    most_ma: float
    source: str


_PI = Load("Raspberry Pi 4 Model B", 600, 1250, f"{_PI_DOCS}: typical active; stress, highest")
_COMPUTERS = (
    _PI,
    Load("Raspberry Pi 5", 800, 3400, f"{_PI_DOCS}: typical active; its 5 A supply less 1.6 A for USB"),
    Load("Raspberry Pi Zero 2 W", 350, 1000, f"{_PI_DOCS}: typical active; highest {_ASSUMED}"),
)
_CAMERA = Load("Camera Module 3", 250, 250, f"{_PI_DOCS}: camera module 250 mA")
_READER = Load("GM65-S reader", 160, 160, "GM65-S user manual V1.3: operating current")
_DISPLAY = Load("small I²C display", 30, 50, _ASSUMED)
_GPS = Load("GPS module with active antenna", 50, 90, _ASSUMED)
_MODEM = Load("4G modem on USB", 500, 2000, f"{_ASSUMED}: peaks while it sends")
# Loads of the 5.1 V rail, then loads of the supply rail (12 V, or the vehicle's own voltage).
_LAMPS = Load("lamps, all three lit", 60, 60, "pilot lamps of 20 mA each")
_BUZZER = Load("buzzer", 30, 30, "95 dB buzzer of 30 mA")
_RELAY = Load("relay coil", 20, 20, f"{_ASSUMED}: interface relay with 12 or 24 V coil")
BUDGETS = {
    "market-gate": ((_PI, _CAMERA, _DISPLAY), (_LAMPS, _BUZZER, _RELAY)),
    "bus-door": ((_PI, _READER, _GPS, _MODEM), (_LAMPS, _BUZZER)),
    "two-lane": ((_PI, _CAMERA, _READER, _DISPLAY), (_LAMPS, _LAMPS, _BUZZER, _BUZZER, _RELAY, _RELAY)),
}
LOWEST_V = {"market-gate": 12.0, "bus-door": 9.0, "two-lane": 12.0}
CABLE_M = {"market-gate": 2.0, "bus-door": 6.0, "two-lane": 2.0}  # supply to box, one way
CABLE_MM2 = {"market-gate": 0.75, "bus-door": 1.5, "two-lane": 0.75}  # what is fitted
_EFFICIENCY = 0.85  # assumed for a 9–36 V converter; its data sheet has a curve
_RAIL_V = 5.1
_MARGIN = 1.35  # a fuse carries no more than about three quarters of its rating for hours in a warm box
_BLADE_FUSES_A = (2.0, 3.0, 5.0, 7.5, 10.0, 15.0)  # ISO 8820-3, values every shop has
# mm² → mΩ a metre at 20 °C, highest. Source: ISO 6722-1, conductor resistance.
CABLES = {0.5: 37.1, 0.75: 24.7, 1.0: 18.5, 1.5: 12.7, 2.5: 7.60}
_CABLE_C = 70.0  # a cable beside the engine or under a roof in the sun; the converter is rated up to the same
_COPPER_PER_K = 0.00393  # change of copper's resistance, of that at 20 °C. Source: IEC 60028.


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def rail_a(kit: str, computer: Load = _PI) -> float:
    """The highest current of a kit's 5.1 V rail, in amperes."""
    _pi, *others = BUDGETS[kit][0]
    return (computer.most_ma + sum(load.most_ma for load in others)) / 1000


def input_a(kit: str, computer: Load = _PI) -> float:
    """The highest input current of a kit at its lowest supply voltage, in amperes."""
    direct_a = sum(load.most_ma for load in BUDGETS[kit][1]) / 1000
    return rail_a(kit, computer) * _RAIL_V / _EFFICIENCY / LOWEST_V[kit] + direct_a


def fuse_a(kit: str, computer: Load = _PI) -> float:
    """The fuse of a kit, in amperes."""
    return next(size for size in _BLADE_FUSES_A if size >= input_a(kit, computer) * _MARGIN)


def computers() -> Iterator[str]:
    """The same kits with another Pi: highest current of the 5.1 V rail, and the fuse."""
    yield _row("computer", "typical mA", "highest mA", *BUDGETS, "source")
    yield _row(*["---"] * (4 + len(BUDGETS)))
    for computer in _COMPUTERS:
        kits = (f"{rail_a(kit, computer):.1f} A, fuse {fuse_a(kit, computer):g} A" for kit in BUDGETS)
        yield _row(computer.what, f"{computer.typical_ma:.0f}", f"{computer.most_ma:.0f}", *kits, computer.source)
    yield ""


def budget() -> Iterator[str]:
    """Current budget and fuse of each kit."""
    for kit, (rail, direct) in BUDGETS.items():
        yield f"**{kit}**"
        yield ""
        yield _row("load", "fed from", "typical mA", "highest mA", "source")
        yield _row(*["---"] * 5)
        for loads, fed in ((rail, "5.1 V"), (direct, "supply")):
            for load in loads:
                yield _row(load.what, fed, f"{load.typical_ma:.0f}", f"{load.most_ma:.0f}", load.source)
        most_a = rail_a(kit)
        yield ""
        yield (
            f"5.1 V rail: {sum(load.typical_ma for load in rail) / 1000:.2f} A typical, **{most_a:.2f} A highest** "
            f"({most_a * _RAIL_V:.1f} W). Input at {LOWEST_V[kit]:g} V and {_EFFICIENCY:.0%} efficiency: {input_a(kit):.2f} A; "
            f"× {_MARGIN} = {input_a(kit) * _MARGIN:.2f} A → **fuse {fuse_a(kit):g} A**."
        )
        yield ""


def lost_v(kit: str, size_mm2: float) -> float:
    """Volts lost on a kit's supply cable at 70 °C, there and back, if it has this size.

    Example:
        >>> round(lost_v("bus-door", 1.5), 2)  # 2 × 6 m × 12.7 mΩ/m × 2.42 A = 0.37 V at 20 °C, a fifth more at 70 °C
        0.44
    """
    hot = 1 + _COPPER_PER_K * (_CABLE_C - 20)
    return 2 * CABLE_M[kit] * CABLES[size_mm2] * hot / 1000 * input_a(kit)


def cables() -> Iterator[str]:
    """Voltage lost on the supply cable; what is fitted in bold."""
    yield _row("kit", "cable, one way", "current", *(f"{size:g} mm²" for size in CABLES))
    yield _row(*["---"] * (3 + len(CABLES)))
    for kit, length_m in CABLE_M.items():
        drops = [f"**{lost_v(kit, size):.2f} V**" if size == CABLE_MM2[kit] else f"{lost_v(kit, size):.2f} V" for size in CABLES]
        yield _row(kit, f"{length_m:g} m", f"{input_a(kit):.2f} A", *drops)
    yield ""


# The ignition input. PC817: Sharp data sheet (VF at most 1.4 V, IF at most 50 mA, CTR at least 50 % at 5 mA, VR at most 6 V).
IGNITION_OHM, IGNITION_RESISTORS = 1500, 2
_DIODE_V, _LED_V = 0.7, 1.4
_CTR, _CTR_LEFT = 0.5, 0.5  # the weakest grade; half of it left at low current, heat and age (assumed)
PULL_UP_OHM, _PULL_INSIDE_OHM = 10_000, 33_000  # outside, and the Pi's own at its lowest (BCM2711: 33 to 73 kΩ)
_IGNITION_V = (
    (9.0, "lowest supply"),
    (14.0, "12 V bus running"),
    (28.0, "24 V bus running"),
    (36.0, "long overvoltage of a 24 V bus"),
    (58.0, "clamped surge"),
)


@dataclass(frozen=True, slots=True)
class IgnitionCase:
    """The ignition input at one supply voltage: LED current, heat in each resistor, current its transistor can sink."""

    led_ma: float
    heat_mw: float
    sinks_ma: float


def ignition_at(supply_v: float) -> IgnitionCase:
    """The ignition input at a supply voltage."""
    led_ma = (supply_v - _DIODE_V - _LED_V) / (IGNITION_OHM * IGNITION_RESISTORS) * 1000
    return IgnitionCase(led_ma, (led_ma / 1000) ** 2 * IGNITION_OHM * 1000, led_ma * _CTR * _CTR_LEFT)


def ignition_needs_ma() -> float:
    """The current that pulls the pin low against both pull-ups."""
    return 3.3 / PULL_UP_OHM * 1000 + 3.3 / _PULL_INSIDE_OHM * 1000


def ignition() -> Iterator[str]:
    """The optocoupler's current and its resistors' heat over the supply range."""
    yield _row("supply", "case", "LED current", "heat in each resistor", "collector current it can sink", "needed to pull the pin low")
    yield _row(*["---"] * 6)
    for volt, name in _IGNITION_V:
        case = ignition_at(volt)
        currents = (f"{case.sinks_ma:.2f} mA", f"{ignition_needs_ma():.2f} mA")
        yield _row(f"{volt:g} V", name, f"{case.led_ma:.1f} mA", f"{case.heat_mw:.0f} mW", *currents)
    yield ""


# Load dump of a 24 V system, test A: ISO 16750-2, "load dump"; the clamp: Eaton SMDJE36A and Vishay SM8S36A data sheets.
_CLAMP_V = 58.1
_DUMPS = ((151.0, 1.0), (151.0, 8.0), (202.0, 1.0), (202.0, 8.0))
_PULSE_W = {"SMDJE36A (3 kW)": 3000.0, "SM8S36A (6.6 kW)": 6600.0}


def load_dump() -> Iterator[str]:
    """What a clamp diode alone would have to bear."""
    yield _row("source voltage", "source resistance", "current in the diode", "power in the diode", *_PULSE_W)
    yield _row(*["---"] * (4 + len(_PULSE_W)))
    for source_v, ohm in _DUMPS:
        current_a = (source_v - _CLAMP_V) / ohm
        power_w = current_a * _CLAMP_V
        verdicts = (f"{power_w / rated:.0%} of its 1 ms rating" for rated in _PULSE_W.values())
        yield _row(f"{source_v:g} V", f"{ohm:g} Ω", f"{current_a:.0f} A", f"{power_w:.0f} W", *verdicts)
    yield ""


_CAPACITORS = ((2, 10.0), (2, 25.0), (2, 50.0))  # two in series of so many farads, 2.7 V each
_FULL_V, _EMPTY_V, _BOOST = 5.0, 2.5, 0.85


def hold_up() -> Iterator[str]:
    """How long supercapacitors carry the Pi while it closes."""
    yield _row("two in series", "energy that can be used", "Pi 4 typical", "Pi 4 highest", "bus-door whole 5.1 V rail, typical")
    yield _row(*["---"] * 5)
    powers_w = [_PI.typical_ma, _PI.most_ma, sum(load.typical_ma for load in BUDGETS["bus-door"][0])]
    for count, farad in _CAPACITORS:
        joule = farad / count * (_FULL_V**2 - _EMPTY_V**2) / 2 * _BOOST
        yield _row(f"{count} × {farad:g} F", f"{joule:.0f} J", *(f"{joule / (ma / 1000 * _RAIL_V):.0f} s" for ma in powers_w))
    yield ""


# ULN2803A: Texas Instruments SLRS049: 2.7 kΩ at each input, on at 2.4 V for 200 mA.
_INPUT_OHM, _BASE_V = 2700.0, 1.35


def pin_current_ma(outputs: int) -> float:
    """What so many driver inputs draw from the Pi's pins together, in milliamperes.

    Example:
        >>> round(pin_current_ma(10), 1)
        7.2
    """
    return math.fsum([(3.3 - _BASE_V) / _INPUT_OHM * 1000] * outputs)


TABLES = {
    "power-budget": budget,
    "computers": computers,
    "power-cables": cables,
    "ignition": ignition,
    "load-dump": load_dump,
    "hold-up": hold_up,
}
