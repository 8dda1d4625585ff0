"""Draws inputs.svg: the two circuits of the input board, for contacts and for the ignition. Written to a file by `make docs`."""

from __future__ import annotations

import electrical
import kit_pins
import schemdraw.elements as elm
from sketch import SOFT, Sheet

_TOP = 0.0


def _resistor(sheet: Sheet, start: tuple[float, float], end: tuple[float, float], name: str, *, above: bool = True) -> None:
    sheet.add(elm.ResistorIEC(lw=1.4).scale(0.8).endpoints(start, end))
    if start[1] == end[1]:
        sheet.text(((start[0] + end[0]) / 2, start[1] + (0.45 if above else -0.45)), name, align="center")
    else:
        sheet.text((start[0] + 0.35, (start[1] + end[1]) / 2), name)


def _contact(sheet: Sheet, y: float) -> None:
    """A contact at the end of a long wire."""
    sheet.text((0, y + 3.3), "Contact: tamper, door, button, “supply lost”", size=13, bold=True)
    sheet.text((0, y + 2.8), "one such circuit for each; the two wires twisted together", size=10, colour=SOFT)
    sheet.wire((0.2, y), (1.0, y))
    sheet.add(elm.Button(nc=True, lw=1.4).endpoints((1.0, y), (3.0, y)))
    sheet.text((2.0, y + 0.75), "contact", align="center")
    sheet.wire((0.2, y), (0.2, y - 2.2))
    sheet.ground((0.2, y - 2.2))
    sheet.wire((3.0, y), (5.0, y))
    sheet.dots([(5.0, y), (8.6, y)])
    _resistor(sheet, (5.0, y + 1.9), (5.0, y), f"{electrical.PULL_UP_OHM // 1000} kΩ")
    sheet.text((5.0, y + 2.1), "3V3, pin 17", align="center")
    _resistor(sheet, (5.6, y), (8.0, y), "1 kΩ")
    sheet.wire((5.0, y), (5.6, y))
    sheet.wire((8.0, y), (10.4, y))
    sheet.add(elm.Capacitor(lw=1.4).endpoints((8.6, y), (8.6, y - 2.2)))
    sheet.text((9.0, y - 1.1), "100 nF, at the Pi")
    sheet.ground((8.6, y - 2.2))
    sheet.text((10.5, y), "GPIO of the Pi", bold=True)


def _ignition(sheet: Sheet, y: float) -> None:
    """KL15 through two resistors and an optocoupler."""
    each = f"{electrical.IGNITION_OHM / 1000:g} kΩ, 0.5 W"
    sheet.text((0, y + 3.3), "Ignition: KL15, 9–36 V", size=13, bold=True)
    sheet.text((0, y + 2.8), "low at the Pi = ignition on; values: power.md", size=10, colour=SOFT)
    sheet.text((0, y + 0.35), "KL15", bold=True)
    sheet.add(elm.FuseIEC(lw=1.4).scale(0.8).endpoints((0.2, y), (1.8, y)))
    sheet.text((1.0, y - 0.45), "F2 1 A", align="center")
    sheet.add(elm.Diode(lw=1.4).scale(0.8).endpoints((1.8, y), (3.3, y)))
    sheet.text((2.5, y + 0.5), "D2 1N4007", align="center")
    _resistor(sheet, (3.5, y), (5.4, y), f"R1 {each}")
    sheet.wire((3.3, y), (3.5, y))
    _resistor(sheet, (5.4, y), (7.1, y), f"R2 {each}", above=False)
    anode, cathode, collector, emitter = (8.2, y), (8.2, y - 1.8), (10.6, y), (10.6, y - 1.8)
    sheet.wire((7.1, y), anode)
    sheet.frame(8.2, y + 0.5, 10.6, y - 2.3, "#f6efe4")
    sheet.text((9.4, y - 2.65), "U1 PC817C (4 pins)", align="center")
    sheet.wire(anode, (8.8, y), (8.8, y - 0.4))
    sheet.add(elm.LED(lw=1.4).scale(0.6).endpoints((8.8, y - 0.4), (8.8, y - 1.4)))
    sheet.wire((8.8, y - 1.4), (8.8, y - 1.8), cathode)
    sheet.add(elm.NpnPhoto(lw=1.4).scale(0.8).at((9.62, y - 0.9)).anchor("base").theta(0))
    sheet.wire((10.25, y - 0.4), (10.25, y), collector)
    sheet.wire((10.25, y - 1.4), (10.25, y - 1.8), emitter)
    for at, pin in (((8.05, y + 0.2), "1"), ((8.05, y - 1.6), "2"), ((10.75, y + 0.2), "4"), ((10.75, y - 1.6), "3")):
        sheet.text(at, pin, size=8.5, colour=SOFT, align="center")
    sheet.wire(cathode, (0.2, y - 1.8))
    sheet.text((0, y - 1.45), "KL31", bold=True)
    sheet.dots([(7.4, y), (7.4, y - 1.8)])
    sheet.add(elm.Diode(lw=1.4).scale(0.7).endpoints((7.4, y - 1.8), (7.4, y)))
    sheet.text((7.1, y - 1.2), "D3 1N4148", align="right")
    sheet.wire(emitter, (11.4, y - 1.8))
    sheet.ground((11.4, y - 1.8))
    sheet.wire(collector, (12.0, y))
    sheet.dots([(12.0, y), (15.0, y)])
    _resistor(sheet, (12.0, y + 1.7), (12.0, y), f"{electrical.PULL_UP_OHM // 1000} kΩ")
    sheet.text((12.0, y + 1.9), "3V3, pin 17", align="center")
    _resistor(sheet, (12.4, y), (14.6, y), "1 kΩ")
    sheet.wire((12.0, y), (12.4, y))
    sheet.wire((14.6, y), (16.0, y))
    sheet.add(elm.Capacitor(lw=1.4).endpoints((15.0, y), (15.0, y - 1.8)))
    sheet.text((15.4, y - 0.9), "100 nF")
    sheet.ground((15.0, y - 1.8))
    ignition = next(use for use in kit_pins.uses("bus-door") if use.part == "ignition")
    sheet.text((16.1, y), f"GPIO{ignition.bcm}, pin {ignition.header}", bold=True)


def draw() -> str:
    """The picture as SVG."""
    sheet = Sheet()
    _contact(sheet, _TOP)
    _ignition(sheet, _TOP - 7.2)
    return sheet.svg("The two circuits of the input board")
