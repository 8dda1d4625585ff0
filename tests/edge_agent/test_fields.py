from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import thorough

from edge_agent.wire.cbor import Malformed
from edge_agent.wire.fields import INT64_MAX, Fields


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


READS: dict[str, Callable[[Fields], object]] = {
    "text": lambda fields: fields.text(1, "it", 5),
    "number": lambda fields: fields.number(1, "it", 2, 9),
    "exact": lambda fields: fields.octets(1, "it", 4),
    "between": lambda fields: fields.octets(1, "it", 2, 4),
    "choice": lambda fields: fields.choice(1, "it", Colour),
    "items": lambda fields: fields.items(1, "it", 2),
}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary(max_size=6) | st.floats(), lambda x: st.lists(x, max_size=4)
)


FITS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: type(value) is str and 1 <= len(value) <= 5,
    "number": lambda value: type(value) is int and 2 <= value <= 9,
    "exact": lambda value: type(value) is bytes and len(value) == 4,
    "between": lambda value: type(value) is bytes and 2 <= len(value) <= 4,
    "choice": lambda value: value in ("red", "green"),
    "items": lambda value: type(value) is list and len(value) <= 2,
}


@pytest.mark.parametrize("read", READS)
@given(value=anything | st.sampled_from(["red", 2, 9, 1, 10, True, b"abcd"]))
@thorough
def test_a_field_is_taken_exactly_when_it_is_what_it_must_be(read: str, value: object) -> None:
    fields = Fields({1: value}, "thing")
    if FITS[read](value):
        assert READS[read](fields) == value
    else:
        with pytest.raises(Malformed, match="thing: field 'it'"):
            READS[read](fields)


@pytest.mark.parametrize("read", READS)
def test_an_absent_field_is_named(read: str) -> None:
    with pytest.raises(Malformed, match="thing: field 'it' must be"):
        READS[read](Fields({2: "red"}, "thing"))


@pytest.mark.parametrize("value", [None, [], "map", 1, {"1": 2}, {-1: 2}, {True: 2}, {1.0: 2}, {b"a": 1}], ids=repr)
def test_only_maps_with_unsigned_keys_are_read(value: object) -> None:
    with pytest.raises(Malformed):
        Fields(value, "thing")


def test_optional_text_may_be_absent_but_not_wrong() -> None:
    assert Fields({}, "thing").optional_text(1, "it", 5) is None
    with pytest.raises(Malformed):
        Fields({1: ""}, "thing").optional_text(1, "it", 5)
    with pytest.raises(Malformed):
        Fields({1: None}, "thing").optional_text(1, "it", 5)


def test_numbers_end_where_a_database_ends() -> None:
    assert Fields({1: INT64_MAX}, "thing").number(1, "it") == INT64_MAX
    with pytest.raises(Malformed):
        Fields({1: INT64_MAX + 1}, "thing").number(1, "it")
