"""Draws the wiring of a kit: supply, Pi, driver boards, lamps, inputs. Pins and colours come from kit_pins, fuses from electrical."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import electrical
import kit_pins
import schemdraw.elements as elm
from kit_pins import PARTS, Use
from sketch import BOARD, DEVICE, INK, OUTSIDE, SOFT, WIRES, Box, Sheet

_ROW = 0.82
_LEFT, _PI_LEFT, _PI_RIGHT, _BOARD_LEFT, _BOARD_RIGHT, _RAIL, _GROUND = 0.0, 6.6, 10.4, 14.0, 17.0, 20.2, 24.1
_PLUS, _MINUS = 1.0, 2.8
_PLUS_TOP, _MINUS_TOP = 1.2, 1.6  # where the supply runs over the Pi to the driver boards
_RED, _BLACK = WIRES["red"], WIRES["black"]


@dataclass(frozen=True, slots=True)
class Beside:
    """A device at the Pi's left.

    Attributes:
        lines: its name, then what to know.
        wires: what it is plugged into: (at the device, at the Pi, colour).
    """

    lines: tuple[str, ...]
    wires: tuple[tuple[str, str, str], ...]


_CLOCK = Beside(
    ("clock DS3231", "not on a Pi 5"),
    (("VCC", "pin 1  3V3", "red"), ("SDA", "pin 3  GPIO2", "blue"), ("SCL", "pin 5  GPIO3", "yellow"), ("GND", "pin 9  GND", "black")),
)
_CAMERA = Beside(("Camera Module 3", "ribbon, 200 mm at most"), (("CSI", "CAMERA / CAM0", "grey"),))
_READER = Beside(("barcode reader", "USB virtual COM"), (("USB", "USB", "grey"),))
_GPS = Beside(
    ("GPS NEO-M8N", "5 V board, 3.3 V signals"),
    (
        ("VCC", "pin 4  5V", "red"),
        ("RX", "pin 8  GPIO14 TX", "orange"),
        ("TX", "pin 10  GPIO15 RX", "green"),
        ("GND", "pin 20  GND", "black"),
    ),
)
_MODEM = Beside(("powered USB hub", "with 4G modem"), (("USB", "USB", "grey"),))
_BESIDE = {"market-gate": (_CAMERA, _CLOCK), "bus-door": (_READER, _MODEM, _GPS, _CLOCK), "two-lane": (_CAMERA, _READER, _CLOCK)}
_TITLES = {
    "market-gate": "Market gate with camera",
    "bus-door": "Bus door with serial reader, vehicle supply 9–36 V, ignition, GPS and 4G",
    "two-lane": "Two-lane gate: camera in, barcode reader out",
}
_DRIVER_GROUND = ("pin 14", "pin 25")


def draw(kit: str) -> str:
    """The wiring of a kit as SVG."""
    sheet = Sheet()
    left_end = _vehicle_supply(sheet, kit) if kit == "bus-door" else _mains_supply(sheet, kit)
    beside_end = _left_devices(sheet, kit, left_end)
    right_end = _right_side(sheet, kit)
    bottom = min(beside_end - 0.3, right_end - 2.6)
    _header(sheet, kit, right_end - 0.9)
    _pi(sheet, bottom)
    sheet.text((_LEFT, 2.9), f"{_TITLES[kit]}: wiring", size=15, bold=True)
    sheet.text((_LEFT, 2.3), "Drawn from kits/" + kit + "/gate.toml. Not yet tried on hardware.", size=10, colour=SOFT)
    return sheet.svg(f"{_TITLES[kit]}: wiring")


def _pi(sheet: Sheet, bottom: float) -> None:
    sheet.frame(_PI_LEFT, 0.4, _PI_RIGHT, bottom, DEVICE)
    middle = (_PI_LEFT + _PI_RIGHT) / 2
    sheet.text((middle, 0.05), "Raspberry Pi 4", size=12, align="center", bold=True)
    sheet.text((middle, bottom + 0.65), "a Pi 5 wants another fuse: power.md", size=8.5, colour=SOFT, align="center")
    sheet.text((middle, bottom + 0.3), "pin = place on the 40-pin header", size=8.5, colour=SOFT, align="center")


def _header(sheet: Sheet, kit: str, y: float) -> None:
    """The 40-pin header seen from above, the pins of this kit in the colour of their wires."""
    colours = {use.header: PARTS[use.part].wire for use in kit_pins.uses(kit)}
    named = [there for device in _BESIDE[kit] for _here, there, _colour in device.wires]
    wires = [colour for device in _BESIDE[kit] for _here, _there, colour in device.wires]
    colours |= {int(there.split()[1]): colour for there, colour in zip(named, wires, strict=True) if there.startswith("pin ")}
    colours |= {17: "red", 30: "black"} if any(use.board == "inputs" for use in kit_pins.uses(kit)) else {}
    colours |= {int(pin.split()[1]): "black" for pin in _DRIVER_GROUND[: len(kit_pins.boards(kit))]}
    colours |= {2: "red", 6: "black"} if kit == "bus-door" else {}
    left, step = _PI_RIGHT + 0.6, 0.44
    sheet.text((left, y), "The header from above; the USB sockets are at its right, the memory card at its left", size=9, colour=SOFT)
    for pin in range(1, 41):
        x, at_y = left + 0.2 + (pin - 1) // 2 * step, y - (1.3 if pin % 2 else 0.8)
        colour = WIRES[colours[pin]] if pin in colours else "#ffffff"
        sheet.add(elm.Dot(radius=0.15, color=INK, fill=colour, lw=1).at((x, at_y)).theta(0))
        sheet.text((x, at_y + (-0.36 if pin % 2 else 0.36)), str(pin), size=7.5, align="center", bold=pin in colours)


def _feed(sheet: Sheet, y: float, plus: str, minus: str, from_y: float) -> None:
    """The 5.1 V wires from the supply column into the Pi."""
    for name, x, at_y, colour in ((plus, _PLUS, y, _RED), (minus, _MINUS, y - _ROW * 0.75, _BLACK)):
        sheet.wire((x, from_y), (x, at_y), (_PI_LEFT, at_y), colour=colour, width=2.4)
        sheet.text((_PI_LEFT + 0.12, at_y), name, size=9)


def _step(sheet: Sheet, y: float, *lines: str, height: float = 1.25) -> float:
    """A box of the supply column between its plus and minus wires; returns where it ends."""
    sheet.box(_LEFT, y, _LEFT + 3.8, y - height, *lines, fill=BOARD)
    return y - height


def _down(sheet: Sheet, y: float, by: float) -> float:
    sheet.wire((_PLUS, y), (_PLUS, y - by), colour=_RED, width=2.4)
    sheet.wire((_MINUS, y), (_MINUS, y - by), colour=_BLACK, width=2.4)
    return y - by


def _fuse(sheet: Sheet, y: float, kit: str) -> float:
    sheet.add(elm.FuseIEC(color=INK, lw=1.6).endpoints((_PLUS, y), (_PLUS, y - 1.3)))
    sheet.text((_PLUS - 0.3, y - 0.65), f"F1 {electrical.fuse_a(kit):g} A", size=10, align="right", bold=True)
    sheet.wire((_MINUS, y), (_MINUS, y - 1.3), colour=_BLACK, width=2.4)
    sheet.text((_MINUS + 0.3, y - 0.45), f"{electrical.CABLE_MM2[kit]:g} mm²", size=9, colour=SOFT)
    return y - 1.3


def _rails(sheet: Sheet, y: float) -> float:
    """The supply's branches to the driver boards, round the top of the drawing; returns where the column goes on."""
    below = _down(sheet, y, 0.95)
    for x, at_y, aside, top, end, colour, name in (
        (_MINUS, y - 0.3, 5.5, _MINUS_TOP, _GROUND, _BLACK, "boards −"),
        (_PLUS, y - 0.7, 5.9, _PLUS_TOP, _RAIL, _RED, "lamps +"),
    ):
        sheet.dots([(x, at_y)], colour)
        sheet.wire((x, at_y), (aside, at_y), (aside, top), (end, top), colour=colour, width=2.0)
        sheet.text((3.95, at_y + 0.2), name, size=9, colour=colour)
    return below


def _mains_supply(sheet: Sheet, kit: str) -> float:
    y = 0.4
    for name, x in (("L", 0.9), ("N", 2.9)):
        sheet.wire((x, y), (x, y - 0.5), colour=SOFT, width=2.0)
        sheet.text((x, y + 0.22), name, size=10, align="center")
    y = _step(sheet, y - 0.5, "mains supply 12 V", "HDR-60-12, double insulated", "an electrician's work", height=1.5)
    y = _fuse(sheet, y, kit)
    y = _rails(sheet, y)
    y = _step(sheet, y, "DC-DC → 5.1 V", "5 A, input 9–36 V")
    feed_y = y - 0.6
    _feed(sheet, feed_y, "USB-C  5.1 V", "USB-C  GND", y)
    return feed_y - 1.5


def _vehicle_supply(sheet: Sheet, kit: str) -> float:
    y = 0.4
    for name, x in (("KL30  +", _PLUS), ("KL31  −", _MINUS)):
        sheet.text((x, y + 0.25), name, size=10, align="center", bold=True)
    y = _fuse(sheet, y, kit)
    y = _down(sheet, y, 0.35)
    sheet.add(elm.Zener(lw=1.4).endpoints((_MINUS, y), (_PLUS, y)))
    sheet.dots([(_PLUS, y), (_MINUS, y)])
    sheet.text((_MINUS + 0.3, y), "D1 SM8S36A", size=9)
    y = _down(sheet, y, 0.45)
    y = _step(sheet, y, "surge stopper", "LT4363, set to 34 V")
    y = _rails(sheet, y)
    y = _step(sheet, y, "DC-DC → 5.1 V", "5 A, input 9–36 V")
    for x, hub, colour, name in ((_MINUS, y - 0.3, _BLACK, "USB hub −"), (_PLUS, y - 0.7, _RED, "USB hub +")):
        sheet.dots([(x, hub)], colour)
        sheet.wire((x, hub), (4.6, hub), colour=colour, width=2.0)
        sheet.text((4.72, hub), name, size=9, colour=colour)
    y = _down(sheet, y, 0.95)
    y = _step(sheet, y, "UPS, supercapacitors", "gives “supply lost”")
    feed_y = y - 0.6
    _feed(sheet, feed_y, "pin 2  5V", "pin 6  GND", y)
    return feed_y - 1.5


def _left_devices(sheet: Sheet, kit: str, y: float) -> float:
    """Camera, readers, modem, clock; returns where the last one ends."""
    for device in _BESIDE[kit]:
        height = max(1.1, _ROW * len(device.wires) * 0.72 + 0.3)
        sheet.box(_LEFT, y, _LEFT + 3.2, y - height, *device.lines, fill=OUTSIDE)
        space = height / len(device.wires)
        for place, (here, there, colour) in enumerate(device.wires):
            at_y = y - space * (place + 0.5)
            sheet.wire((_LEFT + 3.2, at_y), (_PI_LEFT, at_y), colour=WIRES[colour], width=4.0 if here in {"USB", "CSI"} else 1.8)
            sheet.text((_LEFT + 3.32, at_y + 0.17), here, size=8.5, colour=SOFT)
            sheet.text((_PI_LEFT + 0.12, at_y), there, size=9)
        y -= height + 0.45
    return y


def _right_side(sheet: Sheet, kit: str) -> float:
    """Driver boards with their lamps, then the inputs; returns where it ends."""
    y = last_ground = 0.4
    grounds = iter(_DRIVER_GROUND)
    for board, group in groupby(kit_pins.uses(kit), key=lambda use: use.board):
        pins = list(group)
        if board == "inputs":
            y = _inputs(sheet, pins, y)
        else:
            y = _driver(sheet, pins, y, board.removeprefix("driver "), next(grounds))
            last_ground = y + 0.35 + _ROW / 2
    sheet.wire((_RAIL, _PLUS_TOP), (_RAIL, last_ground + _ROW), colour=_RED, width=2.0)
    sheet.wire((_GROUND, _MINUS_TOP), (_GROUND, last_ground), colour=_BLACK, width=2.0)
    return y


def _pin(sheet: Sheet, y: float, pin: str, name: str, colour: str) -> None:
    """A wire from the Pi to a board, with the header's pin."""
    sheet.wire((_PI_RIGHT, y), (_BOARD_LEFT, y), colour=WIRES[colour], width=1.8)
    sheet.text((_PI_RIGHT - 0.12, y), name, size=9, align="right")
    sheet.text((_PI_RIGHT + 0.15, y + 0.18), pin, size=9, bold=True)
    sheet.text((_BOARD_LEFT - 0.12, y + 0.18), colour, size=8, colour=SOFT, align="right")


def _board(sheet: Sheet, y: float, rows: int, name: str, note: str) -> Box:
    bottom = y - 0.85 - rows * _ROW
    sheet.frame(_BOARD_LEFT, y, _BOARD_RIGHT, bottom, BOARD)
    middle = (_BOARD_LEFT + _BOARD_RIGHT) / 2
    sheet.text((middle, y - 0.28), name, size=10, align="center", bold=True)
    sheet.text((middle, y - 0.62), note, size=8.5, colour=SOFT, align="center")
    return Box(_BOARD_LEFT, y, _BOARD_RIGHT, bottom)


def _driver(sheet: Sheet, pins: list[Use], y: float, lane: str, ground: str) -> float:
    box = _board(sheet, y, len(pins) + 2, "driver board ULN2803A", f"lane “{lane}”")
    at_y = y - 0.85 - _ROW / 2
    for place, use in enumerate(pins, start=1):
        part = PARTS[use.part]
        _pin(sheet, at_y, f"pin {use.header}", f"GPIO{use.bcm}", part.wire)
        sheet.text((_BOARD_LEFT + 0.12, at_y), f"{place}B", size=9)
        sheet.text((_BOARD_RIGHT - 0.12, at_y), f"{place}C", size=9, align="right")
        _load(sheet, at_y, part.symbol)
        sheet.text((_RAIL + 0.3, at_y), part.what, size=10)
        at_y -= _ROW
    sheet.text((_BOARD_RIGHT - 0.12, at_y), "COM", size=9, align="right")
    sheet.wire((_BOARD_RIGHT, at_y), (_RAIL, at_y), colour=_RED, width=2.0)
    sheet.dots([(_RAIL, at_y)], _RED)
    at_y -= _ROW
    _pin(sheet, at_y, ground, "GND", "black")
    sheet.text((_BOARD_LEFT + 0.12, at_y), "GND", size=9)
    sheet.text((_BOARD_RIGHT - 0.12, at_y), "GND", size=9, align="right")
    sheet.wire((_BOARD_RIGHT, at_y), (_GROUND, at_y), colour=_BLACK, width=2.0)
    sheet.dots([(_GROUND, at_y)], _BLACK)
    sheet.text((_RAIL + 0.3, at_y + 0.2), "supply −", size=9)
    return box.bottom - 0.35


def _load(sheet: Sheet, y: float, symbol: str) -> None:
    """A lamp, buzzer or relay coil between the board and the supply."""
    start, end = (_BOARD_RIGHT, y), (_RAIL, y)
    if symbol == "lamp":
        sheet.add(elm.Lamp2(lw=1.4).scale(0.6).endpoints(start, end))
    else:
        name = {"buzzer": "BZ", "relay": "K"}[symbol]
        sheet.box(18.2, y + 0.24, 19.0, y - 0.24, name, size=9)
        sheet.wire(start, (18.2, y))
        sheet.wire((19.0, y), end)
    sheet.dots([end], _RED)


def _inputs(sheet: Sheet, pins: list[Use], y: float) -> float:
    box = _board(sheet, y, len(pins) + 2, "input board", "circuits: inputs.svg")
    at_y = first_y = y - 0.85 - _ROW / 2
    for use in pins:
        part = PARTS[use.part]
        _pin(sheet, at_y, f"pin {use.header}", f"GPIO{use.bcm}", part.wire)
        sheet.text((_BOARD_LEFT + 0.12, at_y), use.part, size=9)
        _contact(sheet, at_y, part.symbol)
        sheet.text((_RAIL + 0.3, at_y), part.what, size=10)
        at_y -= _ROW
    for pin, name, colour in (("pin 17", "3V3", "red"), ("pin 30", "GND", "black")):
        _pin(sheet, at_y, pin, name, colour)
        sheet.text((_BOARD_LEFT + 0.12, at_y), name, size=9)
        at_y -= _ROW
    ground_y = at_y + _ROW
    contacts = [first_y - place * _ROW for place, use in enumerate(pins) if PARTS[use.part].symbol != "ignition"]
    sheet.wire((_RAIL, max(contacts)), (_RAIL, ground_y), (_BOARD_RIGHT, ground_y), colour=_BLACK)
    sheet.text((_BOARD_RIGHT - 0.12, ground_y), "GND", size=9, align="right")
    return box.bottom - 0.35


def _contact(sheet: Sheet, y: float, symbol: str) -> None:
    """A contact between the input board and its minus; the ignition comes from the vehicle."""
    start, end = (_BOARD_RIGHT, y), (_RAIL, y)
    if symbol == "ignition":
        sheet.wire(start, (_RAIL, y), colour=WIRES["yellow"], width=1.8)
        sheet.text((_BOARD_RIGHT + 0.2, y + 0.2), "KL15 with fuse 1 A", size=8.5)
        return
    if symbol == "open collector":
        sheet.wire(start, (17.8, y))
        sheet.box(17.8, y + 0.26, 19.5, y - 0.26, "UPS board", size=8.5)
        sheet.wire((19.5, y), end)
    elif symbol == "button":
        sheet.add(elm.Button(lw=1.4).scale(0.75).endpoints(start, end))
    else:
        sheet.add(elm.Button(nc=True, lw=1.4).scale(0.75).endpoints(start, end))
    sheet.dots([end])
