from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from drivers import catalogue, schemes
from drivers.errors import BadUrl
from drivers.urls import Scheme

ALL = [scheme for _, group in schemes.groups() for scheme in group]


def test_checking_urls_loads_no_device_library() -> None:
    program = """
import sys
from drivers import catalogue
catalogue.check_camera_url("picamera2:?fps=25")
catalogue.check_camera_url("simulated:/tmp/gate.fifo")
catalogue.check_reader_url("serial:/dev/ttyACM0")
catalogue.check_reader_url("hid:1a86:5512")
catalogue.check_indicator_url("gpio:?green=17")
catalogue.check_barrier_url("relay:?pin=5")
catalogue.check_display_url("oled:ssd1306")
catalogue.check_switch_url("gpio:?pin=23")
catalogue.check_position_url("nmea:/dev/serial0")
catalogue.describe()
heavy = {"PIL", "av", "gpiozero", "serial", "segno", "picamera2", "libcamera", "numpy", "lgpio", "luma", "pynmea2"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("scheme", ALL, ids=lambda scheme: scheme.factory.partition(":")[2])
def test_the_table_and_the_driver_agree_on_names_and_defaults(scheme: Scheme) -> None:
    module, _, name = scheme.factory.partition(":")
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    taken = {key: value.default for key, value in signature.parameters.items() if value.kind is not value.KEYWORD_ONLY}
    offered: dict[str, object] = {option.name: option.default for option in scheme.options}
    if scheme.path:
        offered[scheme.path] = inspect.Parameter.empty
    for name in offered:
        if scheme.factory.endswith(("RelayBarrier", "GpioSwitch")) and name == "pin":
            offered[name] = inspect.Parameter.empty  # must be named, which `agree` sees to
    assert taken == offered


def test_describe_names_every_scheme_and_every_option() -> None:
    described = catalogue.describe()
    assert "a whole number from 300 to 4000000 (default 9600)" in described
    assert "a number from 0.2 to 60 (default 3)" in described
    for scheme in ALL:
        assert scheme.example in described
        assert scheme.doc in described
        assert all(option.name in described and option.doc in described for option in scheme.options)


@pytest.mark.parametrize(
    "url, told",
    [
        ("gpio:?green=17&red=17", "red='17' is not allowed, pin 17 is already given to green"),
        ("gpio:?green=28", "green='28' is not allowed, give a whole number from 0 to 27"),
        ("gpio:", "no lamp is named"),
        ("gpio:?buzzer=18", "no lamp is named"),
        ("gpio:?green=17&buzzer=18&buzzer_hz=20", "buzzer_hz='20' is not allowed"),
        ("gpio:?green=17&volume=50", "volume='50' is not allowed without buzzer_hz"),
        ("gpio:?green=17&volume=101", "volume='101' is not allowed, give a whole number from 0 to 100"),
        ("gpio:17", "'17' after the colon is not allowed"),
        ("serial:/dev/ttyACM0", "there is no indicator 'serial'"),
    ],
)
def test_wrong_indicators_are_refused_before_any_pin_is_touched(url: str, told: str) -> None:
    with pytest.raises(BadUrl) as refused:
        catalogue.open_indicator(url)
    assert told in str(refused.value)
    assert repr(url) in str(refused.value)


def test_a_console_indicator_opens() -> None:
    catalogue.open_indicator("console:?colour=never").close()
