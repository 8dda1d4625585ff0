from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists, sampled_from, text, tuples
from typing_scanner import ALT, CAPS, CODES, CTRL, ENTER, F1, KEYPAD, SHIFT, alt_code, held, keys, press

from drivers.us_keyboard import AltCodes, UsKeyboard

ALT_GR, NUM_LOCK, RIGHT_SHIFT, KEY_102ND = 100, 69, 54, 86


def typed(pressed: list[tuple[int, int]], alt_codes: AltCodes = "unicode") -> bytes:
    keyboard = UsKeyboard(alt_codes)
    return b"".join(keyboard.key(code, value) for code, value in pressed)


@given(text(alphabet="".join(map(chr, range(32, 127))) + "\t", max_size=30))
def test_every_sign_of_the_keyboard_comes_out_as_it_went_in(said: str) -> None:
    assert typed(list(keys(said))) == said.encode()


@given(text(max_size=20).filter(str.isprintable))
def test_any_printable_text_comes_out_of_alt_codes(said: str) -> None:
    assert typed(list(keys(said))) == said.encode()


@given(text(max_size=20).filter(str.isprintable))
def test_utf8_bytes_as_alt_codes(said: str) -> None:
    pressed = [key for byte in said.encode() for key in alt_code(f"0{byte}")]
    assert typed(pressed, "utf8") == said.encode()


@given(lists(tuples(sampled_from([*CODES.values(), SHIFT, CTRL, ALT, ENTER, F1, CAPS, *KEYPAD.values(), 240]), integers(-1, 3))))
def test_no_sequence_of_keys_raises_or_keeps_more_than_a_few_digits(pressed: list[tuple[int, int]]) -> None:
    keyboard = UsKeyboard()
    for code, value in pressed:
        assert len(keyboard.key(code, value)) <= 4
        assert len(keyboard._number or "") <= 9


@pytest.mark.parametrize(
    "pressed, expected",
    [
        ([(30, 1), (30, 2), (30, 2), (30, 0)], b"a"),  # auto-repeat
        ([*press(CAPS), *press(30)], b"a"),
        ([*press(NUM_LOCK), *press(79), *press(96)], b"1\r"),
        ([(SHIFT, 1), (RIGHT_SHIFT, 1), (SHIFT, 0), *press(30), (RIGHT_SHIFT, 0), *press(30)], b"Aa"),
        ([(SHIFT, 0), *press(30)], b"a"),  # let go what was never seen pressed
        (held(CTRL, press(50)), b"\r"),
        (held(CTRL, press(27)), b"\x1a"),
        (press(F1), b"\x1a"),
        (press(KEY_102ND), b"\x1a"),
        (held(ALT_GR, press(18)), b"\x1ae"),
        (alt_code("0128"), "€".encode()),
        (alt_code("0233"), "é".encode()),
        (alt_code("233"), b"\x1a"),  # another sign on every machine
        (alt_code("0129"), b"\x1a"),  # not given in Windows-1252
        (alt_code("55296"), b"\x1a"),  # half a sign
        (alt_code("1114112"), b"\x1a"),
        (alt_code("12345678"), b"\x1a"),
        (alt_code("013"), b"\r"),
        (held(ALT, press(30)), b"\x1a"),
        (held(ALT, []), b""),
    ],
)
def test_by_example(pressed: list[tuple[int, int]], expected: bytes) -> None:
    assert typed(pressed) == expected


def test_an_alt_code_above_a_byte_is_no_byte() -> None:
    assert typed(alt_code("7877"), "utf8") == b"\x1a"


def test_reset_lets_every_modifier_go() -> None:
    keyboard = UsKeyboard()
    for code in (SHIFT, CTRL, ALT):
        keyboard.key(code, 1)
    keyboard.reset()
    assert keyboard.key(30, 1) == b"a"
