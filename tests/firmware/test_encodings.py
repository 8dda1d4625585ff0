"""Bytes that pass for UTF-8 and are not: zxing-cpp knows in which encoding a code was written, ZBar must not guess."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from qr_pictures import bytes_that_pass_for_utf8, picture_of

from firmware import zbar
from firmware.decoder import Decoder
from firmware.found import Decoded, Found, together
from firmware.readers import Reader, certain_text
from firmware.retouch import blurred

CARD = "001099012345||Nguyễn Đình Ưỡn|15031999|Nam|Hà Nội|10052021"


def spoilt(clean: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    for _ in range(int(rng.integers(1, 12))):
        clean = blurred(clean)
    return np.asarray((clean + rng.normal(0, rng.uniform(0, 30), clean.shape)).clip(0, 255), np.uint8)


@pytest.mark.parametrize("kind", bytes_that_pass_for_utf8())
def test_bytes_of_another_encoding_that_pass_for_utf8_are_no_text_however_spoilt(kind: str) -> None:
    text, options = bytes_that_pass_for_utf8()[kind]
    clean = picture_of(text, scale=8, **options)
    assert Decoder().look(clean).decoded == ()
    assert len(Decoder().look(clean).not_text) == 1
    assert zbar.read_qr(clean)[0].data.decode("utf-8") != text  # ZBar does not tell
    rng = np.random.default_rng(1)
    for _ in range(25):
        grey, decoder = spoilt(picture_of(text, **options), rng), Decoder(skip_unchanged=False)
        assert [look for look in (decoder.look(grey) for _ in range(5)) if look.decoded] == []
        assert Reader.ZBAR.read(grey).decoded == ()


def test_a_certain_text_where_a_code_without_text_was_read_is_not_taken() -> None:
    place = ((10, 10), (90, 10), (90, 90), (10, 90))
    first, then = Found(not_text=(place,)), Found((Decoded(CARD, "zbar", place),))
    assert together(first, then) == first


@pytest.mark.parametrize(
    "data", ["Văn Hùng", "あA", "日本", "Nguyễn 日", "\u202eNguyễn", "Nguye\u0302\u0303n", "a\0b", "a\x1db", "a\x7f", "ễ\x85"], ids=ascii
)
def test_bytes_that_may_mean_something_else_are_left_to_zxing(data: str) -> None:
    assert certain_text(data.encode()) is None


@given(text=st.text(max_size=60))
def test_what_is_certain_is_the_text_itself(text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError:  # lone surrogates
        return
    assert certain_text(data) in (text, None)


@given(data=st.binary(max_size=60))
def test_any_bytes_are_a_text_to_the_letter_or_none(data: bytes) -> None:
    text = certain_text(data)
    assert text is None or text.encode() == data


def test_what_zbar_is_not_certain_of_is_no_code_without_text() -> None:
    assert Reader.ZBAR.read(picture_of("Văn Hùng")) == Found()
