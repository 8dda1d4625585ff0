"""The table of driver URLs of what a gate has besides readers and lights: barriers, displays, switches, positions; imports no driver."""

from __future__ import annotations

import re
from collections.abc import Mapping

from drivers.common_options import BAUD, pin, uart_pins
from drivers.urls import Option, Scheme, Value

_SERVER = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")


def _must_have_pin(values: Mapping[str, Value]) -> list[str]:
    return ["no pin is named, give one, for example pin=26"] if values["pin"] is None else []


BARRIERS = (
    Scheme(
        "relay",
        "A relay that opens a door, flap or turnstile for a moment; pin by BCM number.",
        "drivers.relay_barrier:RelayBarrier",
        (
            pin("pin", "Pin of the relay."),
            Option("pulse_ms", "integer", 500, "How long one person is let through, in milliseconds.", 20, 30_000),
            Option("active_low", "flag", False, "1 when a low level pulls the relay in."),
            Option("when_closed", "choice", "rest", "What a stopped gate leaves: the relay off, or on.", choices=("rest", "open")),
        ),
        example="relay:?pin=26&pulse_ms=500",
        agree=_must_have_pin,
    ),
)

SWITCHES = (
    Scheme(
        "gpio",
        "A contact or line on the header: tamper switch, door contact, button, ignition, power fail; pin by BCM number.",
        "drivers.gpio_switch:GpioSwitch",
        (
            pin("pin", "Pin of the switch."),
            Option("active", "choice", "low", "The level that means active.", choices=("low", "high")),
            Option("pull", "choice", "up", "The pin's own resistor.", choices=("up", "down", "none")),
            Option("bounce_ms", "integer", 50, "How long a level must hold to count, in milliseconds.", 0, 5000),
        ),
        example="gpio:?pin=21&active=low&pull=up",
        agree=_must_have_pin,
    ),
    Scheme(
        "fifo",
        "A FIFO for machines without pins: each line written to it is 1 (active) or 0.",
        "drivers.fifo_switch:FifoSwitch",
        (Option("active", "flag", False, "How the switch is before anybody writes."),),
        path="path",
        example="fifo:/run/gate-scanner/door.fifo",
    ),
)

_STALE = Option("stall_s", "number", 10.0, "Seconds without a report after which the receiver counts as stalled.", 0.2, 600)


def _server_agrees(values: Mapping[str, Value]) -> list[str]:
    found = _SERVER.fullmatch(str(values["server"]))
    if found and 0 < int(found[2]) <= _LAST_PORT:
        return []
    return [f"{str(values['server'])!r} is not allowed, name host and port, for example localhost:2947"]


_LAST_PORT = 65_535

POSITIONS = (
    Scheme(
        "gpsd",
        "The position as gpsd tells it.",
        "drivers.gpsd_position:GpsdPosition",
        (_STALE,),
        path="server",
        example="gpsd:localhost:2947",
        agree=_server_agrees,
    ),
    Scheme(
        "nmea",
        "The position from a receiver on a serial port, for vehicles without gpsd.",
        "drivers.nmea_position:NmeaPosition",
        (BAUD, _STALE),
        path="port",
        example="nmea:/dev/ttyACM0?baud=9600",
        fixed_pins=uart_pins,
    ),
)

_OLED_CHIPS = ("ssd1306", "ssd1309", "ssd1315", "sh1106", "sh1107")
_I2C_PINS = {0: (0, 1), 1: (2, 3)}  # bus: SDA, SCL


def _oled_agrees(values: Mapping[str, Value]) -> list[str]:
    chips = (*_OLED_CHIPS, "framebuffer")
    return [] if values["chip"] in chips else [f"{values['chip']!r} is not allowed, name one of " + ", ".join(chips)]


def _oled_pins(values: Mapping[str, Value]) -> Mapping[int, str]:
    pins = _I2C_PINS.get(int(str(values["i2c"])), ()) if values["chip"] != "framebuffer" else ()
    return dict(zip(pins, ("I2C SDA", "I2C SCL"), strict=False))


DISPLAYS = (
    Scheme(
        "oled",
        "A small display with the answer in words and a count: an OLED on I2C by its chip, or `framebuffer` for one the kernel drives.",
        "drivers.oled_display:OledDisplay",
        (
            Option("i2c", "integer", 1, "Number of the I2C bus.", 0, 22),
            Option("address", "integer", 60, "Address of the OLED on it, 60 is 0x3C.", 3, 119),
            Option("fb", "integer", 1, "Number of the framebuffer.", 0, 9),
            Option("rotate", "integer", 0, "Quarter turns clockwise.", 0, 3),
            Option("size", "size", (128, 64), "Size of the OLED in pixels.", 32, 480),
            Option("language", "choice", "both", "Language of the words.", choices=("vi", "en", "both")),
        ),
        path="chip",
        example="oled:ssd1306?i2c=1&address=60",
        agree=_oled_agrees,
        fixed_pins=_oled_pins,
    ),
)
