"""Deterministic CBOR: one value has one encoding, and nothing else comes through, whatever is thrown at it."""

from __future__ import annotations

import math
import time

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import thorough

from edge_agent.wire.cbor import MAX_BYTES, MAX_DEPTH, Malformed, decode, encode

scalars = st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=40) | st.booleans() | st.none()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 2**32), inner, max_size=4), max_leaves=12
)


@given(value=values)
@thorough
def test_what_was_encoded_decodes_to_the_same_unless_nested_too_deep(value: object) -> None:
    def depth(item: object) -> int:
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        return 1 + max(map(depth, inner), default=0) if isinstance(item, dict | list) else 0

    if depth(value) < MAX_DEPTH:
        assert decode(encode(value), "thing") == value
    else:
        with pytest.raises(Malformed):
            decode(encode(value), "thing")


@given(data=st.binary(max_size=200))
@thorough
def test_any_bytes_decode_to_what_encodes_to_them_or_are_refused(data: bytes) -> None:
    try:
        value = decode(data, "thing")
    except Malformed:
        return
    assert encode(value) == data


@given(value=values, tail=st.binary(min_size=1, max_size=5))
@thorough
def test_nothing_may_follow(value: object, tail: bytes) -> None:
    with pytest.raises(Malformed):
        decode(encode(value) + tail, "thing")


@given(value=values, data=st.data())
@thorough
def test_a_torn_value_is_refused(value: object, data: st.DataObject) -> None:
    whole = encode(value)
    with pytest.raises(Malformed):
        decode(whole[: data.draw(st.integers(0, len(whole) - 1))], "thing")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bytes.fromhex("1801"), id="1 in two bytes"),
        pytest.param(bytes.fromhex("190018"), id="24 in three bytes"),
        pytest.param(bytes.fromhex("1a00000100"), id="256 in five bytes"),
        pytest.param(bytes.fromhex("1b00000000ffffffff"), id="a number in nine bytes that fits in five"),
        pytest.param(bytes.fromhex("580161"), id="long length of a short byte string"),
        pytest.param(bytes.fromhex("780161"), id="long length of a short text"),
        pytest.param(bytes.fromhex("9f01ff"), id="list without length"),
        pytest.param(bytes.fromhex("bf0101ff"), id="map without length"),
        pytest.param(bytes.fromhex("5f4101ff"), id="byte string in pieces"),
        pytest.param(bytes.fromhex("7f6161ff"), id="text in pieces"),
        pytest.param(bytes.fromhex("a202010101"), id="map cut short"),
        pytest.param(bytes.fromhex("a202000100"), id="keys out of order"),
        pytest.param(bytes.fromhex("a201000100"), id="a key twice"),
        pytest.param(bytes.fromhex("61ff"), id="text that is not UTF-8"),
        pytest.param(bytes.fromhex("63eda080"), id="a surrogate as text"),
        pytest.param(bytes.fromhex("1c"), id="reserved length"),
        pytest.param(bytes.fromhex("ff"), id="a break alone"),
        pytest.param(bytes.fromhex("f7"), id="undefined"),
        pytest.param(bytes.fromhex("f8ff"), id="a simple value"),
        pytest.param(bytes.fromhex("f814"), id="false in two bytes"),
        pytest.param(cbor2.dumps(1.5), id="a float"),
        pytest.param(cbor2.dumps(math.nan, canonical=True), id="not a number"),
        pytest.param(cbor2.dumps(2**64), id="a big number"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_other_encodings_and_kinds_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data, "thing")


@pytest.mark.parametrize("tag", [0, 1, 2, 3, 4, 5, 17, 19, 25, 28, 29, 30, 35, 36, 37, 98, 100, 256, 258, 260, 261, 1004, 43000, 55799])
@pytest.mark.parametrize("content", ["a", 1, [1, 2], b"a", {1: 2}], ids=repr)
def test_every_tag_but_that_of_cose_sign1_is_refused(tag: int, content: object) -> None:
    with pytest.raises(Malformed):
        decode(cbor2.dumps(cbor2.CBORTag(tag, content), canonical=True), "thing")


@pytest.mark.parametrize("head", [b"\x81", b"\xa1\x01", b"\xd2", b"\x82\x00"], ids=["lists", "maps", "tags", "pairs"])
@pytest.mark.parametrize("depth", [MAX_DEPTH, 1000, 100_000])
def test_depth_bombs_are_refused(head: bytes, depth: int) -> None:
    with pytest.raises(Malformed):
        decode(head * depth + b"\x00", "thing")


def test_a_few_bytes_that_would_unfold_to_gigabytes_are_refused_at_once() -> None:
    def nested(level: int) -> bytes:  # tag 28 marks a value as shared, tag 29 stands for it again
        if level == 12:
            return b"\xd8\x1c\x81\x61a"
        again = b"\xd8\x1d" + cbor2.dumps(level + 1)
        return b"\xd8\x1c\x8a" + nested(level + 1) + again * 9

    began_s = time.monotonic()
    with pytest.raises(Malformed):
        decode(nested(0), "thing")
    assert len(nested(0)) < 500
    assert time.monotonic() - began_s < 1


def test_a_count_that_nothing_follows_costs_nothing() -> None:
    for head in (b"\x9b", b"\xbb", b"\x5b", b"\x7b"):
        with pytest.raises(Malformed):
            decode(head + b"\xff" * 8, "thing")


@pytest.mark.parametrize("wrap", [b"", b"\x81", b"\xa1\x01", b"\xd2\x81"], ids=["alone", "in a list", "in a map", "under the tag"])
def test_text_that_is_not_utf_8_never_reaches_cbor2_which_would_keep_it(wrap: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a stranger at the door, and any device, could fill the province's memory: cbor2 issue 257."""
    seen: list[bytes] = []
    monkeypatch.setattr(cbor2, "loads", seen.append)
    with pytest.raises(Malformed, match="not CBOR"):
        decode(wrap + b"\x79\x0f\xa0" + b"a" * 3999 + b"\xff", "thing")
    assert seen == []


def test_longer_than_allowed_is_refused_unread() -> None:
    with pytest.raises(Malformed, match="at most 10"):
        decode(b"\xff" * 11, "thing", 10)
    with pytest.raises(Malformed, match=f"at most {MAX_BYTES}"):
        decode(bytes(MAX_BYTES + 1), "thing")


def test_the_message_names_the_thing_but_never_its_content() -> None:
    with pytest.raises(Malformed) as refused:
        decode(b"\x78\x0aNguyen Van", "person")
    assert "person" in str(refused.value)
    assert "Nguyen" not in str(refused.value)
