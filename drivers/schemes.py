"""The table of driver URLs: what each scheme is called, which options it has and what they may be; imports no driver."""

from __future__ import annotations

import re
from collections.abc import Mapping

from drivers.common_options import BAUD, pin, uart_pins
from drivers.fittings import BARRIERS, DISPLAYS, POSITIONS, SWITCHES
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
            Option("fps", "number", 30.0, "Pictures a second.", 0.1, 10_000),
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

_VENDOR_PRODUCT = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{4}")
_MAX_BYTES = Option("max_bytes", "integer", 4096, "Longest line taken; longer ones are refused and counted.", 16, 65_536)
_LAMP_WORDS = ("auto", "off", "reading", "always")


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
            BAUD,
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
        fixed_pins=uart_pins,
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


INDICATORS = (
    Scheme(
        "gpio",
        "Lamps and a buzzer on the Raspberry Pi's header; pins by BCM number.",
        "drivers.gpio_indicator:GpioIndicator",
        (
            pin("green", "Pin of the green lamp."),
            pin("red", "Pin of the red lamp."),
            pin("amber", "Pin of the amber lamp."),
            pin("buzzer", "Pin of the buzzer."),
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
