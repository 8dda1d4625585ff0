"""The table of every driver URL: what each scheme is called, which options it has and what they may be; imports no driver."""

from __future__ import annotations

import re
from collections.abc import Mapping

from drivers.urls import Option, Scheme, Value

_SIZE = Option("size", "size", (1280, 720), "Size of the frames in pixels.", 160, 4608)
_FPS = Option("fps", "integer", 30, "Frames a second.", 1, 120)
_SMALLEST_REGION_PERCENT = 10  # of the Module 3's 4608 pixels still fewer than a frame's 1280: no smaller one shows more
_STALL = Option("stall_s", "number", 3.0, "Seconds without a frame after which the camera counts as stalled.", 0.2, 60)


def _picamera2_agrees(values: Mapping[str, Value]) -> list[str]:
    fixed = [f"{name}={values[name]}" for name in ("exposure_us", "gain") if values[name]]
    if values["exposures"] == "bracket" and fixed:
        return [f"exposures='bracket' sets exposure and gain itself: leave out {' and '.join(fixed)}, or the bracket"]
    return []


CAMERAS = (
    Scheme(
        "picamera2",
        "The Raspberry Pi's own camera on the CSI ribbon.",
        "drivers.picamera2_camera:Picamera2Camera",
        (
            Option("camera", "integer", 0, "Number of the camera, as `rpicam-hello --list-cameras` counts.", 0, 3),
            _SIZE,
            _FPS,
            Option("exposure_us", "integer", 0, "Fixed exposure in microseconds; 0 lets the camera choose a short one.", 0, 200_000),
            Option("gain", "number", 0.0, "Fixed analogue gain; 0 lets the camera choose.", 0, 64),
            Option(
                "exposures",
                "choice",
                "auto",
                "`bracket` alternates a flicker-safe long and a short exposure, for phone screens; instead of exposure_us and gain.",
                choices=("auto", "bracket"),
            ),
            Option(
                "autofocus",
                "choice",
                "continuous",
                "Focus of modules that have a motor; others ignore it.",
                choices=("continuous", "off"),
            ),
            Option(
                "roi",
                "box",
                None,
                "Part of the view to look at, which then fills the frame: reads from further away, sees less to the sides.",
                _SMALLEST_REGION_PERCENT,
            ),
            _STALL,
        ),
        example="picamera2:?size=1280x720&fps=30",
        agree=_picamera2_agrees,
    ),
    Scheme(
        "v4l2",
        "A USB webcam.",
        "drivers.v4l2_camera:V4l2Camera",
        (_SIZE, _FPS, _STALL),
        path="device",
        example="v4l2:/dev/video0?size=1280x720&fps=30",
    ),
    Scheme(
        "images",
        "A picture, or a folder of pictures in the order of their names, for tests and measurements.",
        "drivers.image_camera:ImageCamera",
        (
            Option("fps", "number", 30.0, "Pictures a second.", 0.1, 1000),
            Option("loop", "flag", False, "1 begins again after the last picture."),
        ),
        path="path",
        example="images:/srv/pictures?fps=5&loop=1",
    ),
    Scheme(
        "simulated",
        "The simulated gate: each line written to the FIFO is a code somebody now holds up, an empty line is nobody.",
        "drivers.simulated_camera:SimulatedCamera",
        (_FPS, Option("seed", "integer", 1, "The same seed shows the same pictures.", 0, 2**31 - 1), _SIZE),
        path="path",
        example="simulated:/run/gate-scanner/gate.fifo?seed=1",
    ),
)

# The header's UART as the kernel names it: RXD and TXD. Source: Raspberry Pi documentation, "Configure UARTs".
_HEADER_PORTS = frozenset({"/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0"})
_VENDOR_PRODUCT = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{4}")
_SERVER = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
_MAX_BYTES = Option("max_bytes", "integer", 4096, "Longest line taken; longer ones are refused and counted.", 16, 65_536)
_BAUD = Option("baud", "integer", 9600, "Speed in bits a second, 8 data bits, no parity, 1 stop bit.", 300, 4_000_000)
_LAMP_WORDS = ("auto", "off", "reading", "always")


def _uart_pins(values: Mapping[str, Value]) -> Mapping[int, str]:
    return {14: "serial TXD", 15: "serial RXD"} if values["port"] in _HEADER_PORTS else {}


def _module_agrees(values: Mapping[str, Value]) -> list[str]:
    """What a module of that kind can be told at each start; a DE2120 would keep it in its flash (decision 0031)."""
    given = {name: values[name] for name, usual in (("trigger", "continuous"), ("aim", "auto"), ("light", "auto")) if values[name] != usual}
    if values["module"] == "none":
        return [f"{name}={value!r} is not allowed without a module, give module=gm65 as well" for name, value in given.items()]
    if values["module"] == "de2120":
        return [
            f"{name}={value!r} is not allowed with module=de2120: it keeps that for good, set it once with the codes of its manual"
            for name, value in given.items()
            if (name, value) != ("trigger", "host")
        ]
    return []


def _hid_agrees(values: Mapping[str, Value]) -> list[str]:
    device = str(values["device"])
    if device.startswith("/") or _VENDOR_PRODUCT.fullmatch(device):
        return []
    return [f"{device!r} is not allowed, name a path like /dev/input/by-id/…-event-kbd or vendor:product like 1a86:5512"]


READERS = (
    Scheme(
        "serial",
        "A barcode reader on a serial port or in USB virtual COM mode.",
        "drivers.serial_reader:SerialReader",
        (
            _BAUD,
            _MAX_BYTES,
            Option(
                "module",
                "choice",
                "none",
                "Module set up at each start: gm65 (also GM861 and the like), de2120; none reads it as it is.",
                choices=("none", "gm65", "de2120"),
            ),
            Option(
                "trigger",
                "choice",
                "continuous",
                "When a module reads: all the time, when something moves before it, or when the gate asks.",
                choices=("continuous", "sense", "host"),
            ),
            Option("aim", "choice", "auto", "When a gm65's aiming light is on; auto is while reading.", choices=_LAMP_WORDS),
            Option("light", "choice", "auto", "When a gm65's white light is on; auto is while reading.", choices=_LAMP_WORDS),
        ),
        path="port",
        example="serial:/dev/ttyACM0?baud=9600",
        agree=_module_agrees,
        fixed_pins=_uart_pins,
    ),
    Scheme(
        "hid",
        "A barcode scanner that types as a USB keyboard; kept from everybody else. By path, or vendor:product.",
        "drivers.hid_reader:HidReader",
        (
            _MAX_BYTES,
            Option(
                "alt_codes",
                "choice",
                "unicode",
                "What a number typed with Alt held is: a sign's number in Unicode, or a byte of UTF-8.",
                choices=("unicode", "utf8"),
            ),
        ),
        path="device",
        example="hid:/dev/input/by-id/usb-Scanner-event-kbd",
        agree=_hid_agrees,
    ),
)


def _gpio_agrees(values: Mapping[str, Value]) -> list[str]:
    problems: list[str] = []
    used: dict[Value, str] = {}
    for part in ("green", "red", "amber", "buzzer"):
        pin = values[part]
        if pin is None:
            continue
        if pin in used:
            problems.append(f"{part}={str(pin)!r} is not allowed, pin {pin} is already given to {used[pin]}: give each part its own pin")
        used.setdefault(pin, part)
    if all(values[lamp] is None for lamp in ("green", "red", "amber")):
        problems.append("no lamp is named, give at least one of green, red, amber, for example gpio:?green=17&red=27")
    if 0 < int(str(values["buzzer_hz"])) < _LOWEST_TONE_HZ:
        problems.append(f"buzzer_hz={str(values['buzzer_hz'])!r} is not allowed, give 0 or a whole number from {_LOWEST_TONE_HZ} to 10000")
    if 0 < int(str(values["volume"])) < _LOUDEST and not values["buzzer_hz"]:
        problems.append(f"volume={str(values['volume'])!r} is not allowed without buzzer_hz: an active buzzer knows 0 and {_LOUDEST} only")
    return problems


_LOWEST_TONE_HZ = 100
_LOUDEST = 100


def _pin(name: str, doc: str) -> Option:
    return Option(name, "integer", None, doc, 0, 27, is_pin=True)


def _must_have_pin(values: Mapping[str, Value]) -> list[str]:
    return ["no pin is named, give one, for example pin=5"] if values["pin"] is None else []


INDICATORS = (
    Scheme(
        "gpio",
        "Lamps and a buzzer on the Raspberry Pi's header; pins by BCM number.",
        "drivers.gpio_indicator:GpioIndicator",
        (
            _pin("green", "Pin of the green lamp."),
            _pin("red", "Pin of the red lamp."),
            _pin("amber", "Pin of the amber lamp."),
            _pin("buzzer", "Pin of the buzzer."),
            Option("buzzer_hz", "integer", 0, "Tone of a passive buzzer; 0 is an active one that sounds by itself.", 0, 10_000),
            Option("active_low", "flag", False, "1 when the lamps and buzzer work on a low level, as many relay boards do."),
            Option("volume", "integer", _LOUDEST, "Loudness of a passive buzzer in percent; 0 is silent.", 0, _LOUDEST),
        ),
        example="gpio:?green=17&red=27&amber=22&buzzer=18",
        agree=_gpio_agrees,
    ),
    Scheme(
        "console",
        "Words and coloured shapes on the terminal, for machines without pins.",
        "drivers.console_indicator:ConsoleIndicator",
        (Option("colour", "choice", "auto", "Whether to write colours; auto does on a terminal.", choices=("auto", "always", "never")),),
        example="console:",
    ),
)

BARRIERS = (
    Scheme(
        "relay",
        "A relay that opens a door, flap or turnstile for a moment; pin by BCM number.",
        "drivers.relay_barrier:RelayBarrier",
        (
            _pin("pin", "Pin of the relay."),
            Option("pulse_ms", "integer", 500, "How long one person is let through, in milliseconds.", 20, 30_000),
            Option("active_low", "flag", False, "1 when a low level pulls the relay in."),
            Option("when_closed", "choice", "rest", "What a stopped gate leaves: the relay off, or on.", choices=("rest", "open")),
        ),
        example="relay:?pin=5&pulse_ms=500",
        agree=_must_have_pin,
    ),
)

SWITCHES = (
    Scheme(
        "gpio",
        "A contact or line on the header: tamper switch, door contact, button, ignition, power fail; pin by BCM number.",
        "drivers.gpio_switch:GpioSwitch",
        (
            _pin("pin", "Pin of the switch."),
            Option("active", "choice", "low", "The level that means active.", choices=("low", "high")),
            Option("pull", "choice", "up", "The pin's own resistor.", choices=("up", "down", "none")),
            Option("bounce_ms", "integer", 50, "How long a level must hold to count, in milliseconds.", 0, 5000),
        ),
        example="gpio:?pin=23&active=low&pull=up",
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
        (_BAUD, _STALE),
        path="port",
        example="nmea:/dev/ttyACM0?baud=9600",
        fixed_pins=_uart_pins,
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


def groups() -> tuple[tuple[str, tuple[Scheme, ...]], ...]:
    """Every kind of device with its schemes, in the order of the docs."""
    return (
        ("Cameras", CAMERAS),
        ("Readers", READERS),
        ("Indicators", INDICATORS),
        ("Barriers", BARRIERS),
        ("Displays", DISPLAYS),
        ("Switches", SWITCHES),
        ("Positions", POSITIONS),
    )
