from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import lists, permutations, sampled_from

from drivers import schemes
from drivers.catalogue import (
    check_barrier_url,
    check_camera_url,
    check_display_url,
    check_indicator_url,
    check_position_url,
    check_reader_url,
    check_switch_url,
)
from drivers.pins import clashes, pins_of
from drivers.urls import DriverUrl

PARTS = ("green", "red", "amber", "buzzer")


@pytest.mark.parametrize(
    "url, pins",
    [
        (check_indicator_url("gpio:?green=17&red=27&amber=22&buzzer=18"), {17: "green", 27: "red", 22: "amber", 18: "buzzer"}),
        (check_indicator_url("gpio:?green=0"), {0: "green"}),
        (check_indicator_url("console:"), {}),
        (check_barrier_url("relay:?pin=5&pulse_ms=22"), {5: "pin"}),
        (check_switch_url("gpio:?pin=23&bounce_ms=17"), {23: "pin"}),
        (check_switch_url("fifo:/tmp/x"), {}),
        (check_reader_url("serial:/dev/ttyACM0"), {}),
        (check_reader_url("serial:/dev/ttyAMA0"), {14: "serial TXD", 15: "serial RXD"}),
        (check_position_url("nmea:/dev/serial0"), {14: "serial TXD", 15: "serial RXD"}),
        (check_display_url("oled:sh1106"), {2: "I2C SDA", 3: "I2C SCL"}),
        (check_display_url("oled:framebuffer"), {}),
        (check_camera_url("picamera2:"), {}),
    ],
    ids=lambda value: value.url if isinstance(value, DriverUrl) else "",
)
def test_the_pins_of_each_driver(url: DriverUrl, pins: dict[int, str]) -> None:
    assert pins_of(url) == pins


def test_every_option_that_is_a_pin_says_so() -> None:
    options = {option for _, group in schemes.groups() for scheme in group for option in scheme.options}
    assert {option.name for option in options if option.is_pin} == {*PARTS, "pin"}


@given(pins=permutations(range(28)), taken=lists(sampled_from(range(28)), max_size=6))
def test_a_clash_is_told_for_each_pin_given_twice_and_for_no_other(pins: list[int], taken: list[int]) -> None:
    light = "gpio:?" + "&".join(f"{part}={pin}" for part, pin in zip(PARTS, pins, strict=False))
    urls = [("light", check_indicator_url(light))]
    urls += [(f"switch[{place}]", check_switch_url(f"gpio:?pin={pin}&bounce_ms={place}")) for place, pin in enumerate(taken)]
    expected = [(f"switch[{place}]", pin) for place, pin in enumerate(taken) if pin in pins[:4] or pin in taken[:place]]
    assert [(key, pin) for key, pin, _ in clashes(urls)] == expected


def test_lanes_share_a_light_or_a_door_but_no_two_parts_a_pin() -> None:
    light, switch, relay = check_indicator_url("gpio:?green=5"), check_switch_url("gpio:?pin=5"), check_barrier_url("relay:?pin=5")
    assert clashes([("a", light), ("b", light), ("c", light)]) == []
    assert clashes([("a", light), ("b", switch), ("c", relay)]) == [("b", 5, "green of a"), ("c", 5, "green of a")]
    assert clashes([("a", switch), ("b", switch)]) == [("b", 5, "pin of a")]
    assert clashes([("a", relay), ("b", relay)]) == []


def test_two_displays_may_share_a_bus_but_no_lamp_its_pins() -> None:
    one, other, lamp = (
        check_display_url("oled:ssd1306?address=60"),
        check_display_url("oled:ssd1306?address=61"),
        check_switch_url("gpio:?pin=3"),
    )
    assert clashes([("a", one), ("b", other), ("c", lamp)]) == [("c", 3, "I2C SCL of a")]
