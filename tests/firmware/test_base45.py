"""Base45 against RFC 9285: its examples, every byte string there and back, and everything else refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.health_pass.base45 import decode, encode

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


@pytest.mark.parametrize(
    "data, text", [(b"AB", "BB8"), (b"Hello!!", "%69 VD92EX0"), (b"base-45", "UJCLQE7W581"), (b"ietf!", "QED8WEX0"), (b"", "")]
)
def test_the_examples_of_rfc_9285(data: bytes, text: str) -> None:
    assert (encode(data), decode(text)) == (text, data)


@given(st.binary(max_size=300))
def test_bytes_go_there_and_back(data: bytes) -> None:
    text = encode(data)
    assert set(text) <= set(ALPHABET)
    assert decode(text) == data


@given(st.text(alphabet=ALPHABET, max_size=40) | st.text(max_size=40))
def test_a_text_has_one_meaning_or_none(text: str) -> None:
    try:
        data, context = decode(text), None
    except ValueError as error:
        data, context = None, error.__context__
    assert context is None  # it would show the character
    assert data is None or encode(data) == text


@pytest.mark.parametrize("text", ["A", "GGW", "AAAA", "::", "aB", "ÀB", "\x00B", "0０"])  # GGW would be 65536 (RFC 9285 section 6)
def test_what_no_encoder_makes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base45"):
        decode(text)
