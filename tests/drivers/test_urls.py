from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import text

from drivers import schemes
from drivers.errors import BadUrl
from drivers.urls import Option, Scheme, parse

LAMP = Scheme(
    "lamp",
    "A lamp.",
    "lamps:Lamp",
    (
        Option("pin", "integer", 17, "Pin.", 0, 27),
        Option("level", "number", 0.5, "Level.", 0, 1),
        Option("shape", "choice", "round", "Shape.", choices=("round", "square")),
        Option("size", "size", (64, 48), "Size.", 16, 128),
        Option("low", "flag", False, "Low."),
    ),
    path="device",
    example="lamp:/dev/lamp",
)


def test_what_is_absent_takes_its_default_and_what_is_given_its_type() -> None:
    assert parse("lamp:/dev/a", (LAMP,)).arguments == {
        "device": "/dev/a",
        "pin": 17,
        "level": 0.5,
        "shape": "round",
        "size": (64, 48),
        "low": False,
    }
    url = parse("lamp:/dev/a%3Fb?pin=4&level=1&shape=square&size=128x16&low=1", (LAMP,))
    assert url.arguments == {"device": "/dev/a?b", "pin": 4, "level": 1.0, "shape": "square", "size": (128, 16), "low": True}


def test_all_problems_are_named_at_once_with_what_is_allowed() -> None:
    with pytest.raises(BadUrl) as refused:
        parse("lamp:?pn=4&pin=28&level=abc&shape=oval&size=127x16&low=2&level=1", (LAMP,))
    message = str(refused.value)
    for part in (
        "'lamp:?pn=4&",
        "name the device after the colon, for example lamp:/dev/lamp",
        "pn='4': there is no option 'pn', did you mean pin?",
        "pin='28' is not allowed, give a whole number from 0 to 27",
        "level='abc' is not allowed, give a number from 0 to 1",
        "shape='oval' is not allowed, give one of round, square",
        "size='127x16' is not allowed, give WIDTHxHEIGHT in even pixels from 16 to 128",
        "low='2' is not allowed, give 0 or 1",
        "level='1': level is given twice",
    ):
        assert part in message


@pytest.mark.parametrize("value", ["", " 4", "4 ", "+4", "0x4", "4.0", "1_0", "٤", "1e1", "nan", "99999999999999"])
def test_numbers_are_plain_or_refused(value: str) -> None:
    with pytest.raises(BadUrl, match="pin="):
        parse(f"lamp:/dev/a?pin={value}", (LAMP,))


@pytest.mark.parametrize("value", ["nan", "inf", "-0.1", "1.0001", ".", "1.", "1e-1"])
def test_decimals_are_plain_and_within_bounds_or_refused(value: str) -> None:
    with pytest.raises(BadUrl, match="level="):
        parse(f"lamp:/dev/a?level={value}", (LAMP,))


def test_an_unknown_scheme_lists_the_known_ones() -> None:
    for url in ("torch:", "lamp", ""):
        with pytest.raises(BadUrl, match="a driver URL begins with one of lamp:"):
            parse(url, (LAMP,))


@given(url=text(max_size=60))
def test_no_text_whatever_raises_anything_but_bad_url(url: str) -> None:
    for prefix in ("", "lamp:", "lamp:/a?", "lamp:/a?size="):
        try:
            parse(prefix + url, (LAMP,))
        except BadUrl as refused:
            assert repr(prefix + url) in str(refused)  # noqa: PT017 - not raising is right as well


def test_the_defaults_of_every_driver_are_within_their_own_bounds() -> None:
    for scheme in (scheme for _, group in schemes.groups() for scheme in group):
        assert parse(scheme.example, (scheme,)).scheme is scheme
        for option in scheme.options:
            if option.default is None:
                continue
            written = "{}x{}".format(*option.default) if isinstance(option.default, tuple) else str(option.default)
            written = {"True": "1", "False": "0"}.get(written, written)
            assert option.read(written) == option.default
            assert option.doc.endswith(".")
