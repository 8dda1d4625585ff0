from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import NAME, RECEIPTS_OFFICER, ROOT_PUBLIC, device_names, hashes, ids16, numbers, officer, texts, thorough

from edge_agent.wire.authority import Power
from edge_agent.wire.cbor import Malformed, encode
from edge_agent.wire.cose import Forged
from edge_agent.wire.receipt import MAX_RANGES, MAX_RECEIPT_BYTES, RECEIPT, Range, Receipt, Status, issue, verify
from edge_agent.wire.topics import DeviceName

FOR_EVER = officer(Power.RECEIPTS, to_ms=2**63 - 1)
ranges = st.builds(
    lambda first, more, *rest: Range(first, min(first + more, 2**63 - 1), *rest),
    st.integers(1, 2**63 - 1),
    st.integers(0, 500),
    hashes,
    st.sampled_from(Status),
    st.none() | texts(200),
    st.booleans(),
)
receipts = st.builds(Receipt, device_names, ids16, st.lists(ranges, max_size=6).map(tuple), numbers)


@given(receipt=receipts)
@thorough
def test_every_receipt_comes_back(receipt: Receipt) -> None:
    assert verify(issue(receipt, FOR_EVER), ROOT_PUBLIC, receipt.name) == receipt


@pytest.mark.parametrize("other", [DeviceName("bus-co", "scanner-2"), DeviceName("market", "scanner-1")], ids=str)
def test_a_receipt_for_another_device_is_refused(other: DeviceName) -> None:
    with pytest.raises(Forged, match="another device"):
        verify(issue(Receipt(NAME, bytes(16), (), 0), RECEIPTS_OFFICER), ROOT_PUBLIC, other)


def test_the_largest_receipt_fits_and_a_larger_one_is_not_issued() -> None:
    part = Range(2**62, 2**62 + 1, bytes(32), Status.REGISTERED, "body-not-understood", forked=True)
    message = issue(Receipt(NAME, bytes(16), (part,) * MAX_RANGES, 2**62), FOR_EVER)
    assert len(message) <= MAX_RECEIPT_BYTES
    assert len(verify(message, ROOT_PUBLIC, NAME).ranges) == MAX_RANGES
    with pytest.raises(ValueError, match="401 ranges"):
        issue(Receipt(NAME, bytes(16), (part,) * (MAX_RANGES + 1), 0), RECEIPTS_OFFICER)


PART: dict[int, object] = {1: 3, 2: 5, 3: bytes(32), 4: "registered"}
GOOD: dict[int, object] = {1: 1, 2: NAME.org, 3: NAME.device, 4: bytes(16), 5: [PART], 6: 1}


def signed(fields: object) -> bytes:
    return RECEIPTS_OFFICER.sign(encode(fields), RECEIPT)


def test_the_fields_below_are_right_before_they_are_made_wrong() -> None:
    assert verify(signed(GOOD), ROOT_PUBLIC, NAME).ranges == (Range(3, 5, bytes(32), Status.REGISTERED),)


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("value", [None, True, -1, 2**63, b"short", [1], [{}], "absent"], ids=repr)
def test_each_field_is_checked_even_when_signed(key: int, value: object) -> None:
    fields = {**GOOD, key: value}
    if value == "absent":
        del fields[key]
    with pytest.raises((Malformed, Forged)):
        verify(signed(fields), ROOT_PUBLIC, NAME)


@pytest.mark.parametrize(
    "change",
    [
        {1: 0}, {1: 6}, {1: True}, {2: 2}, {2: 2**63}, {3: b""}, {3: bytes(31)}, {4: "lost"}, {4: 1}, {5: ""}, {5: "x" * 201}, {5: None},
        {6: False}, {6: 1}, {6: None}, {6: "true"},
    ],
    ids=repr,
)  # fmt: skip
def test_each_field_of_a_range_is_checked(change: dict[int, object]) -> None:
    with pytest.raises(Malformed, match="receipt range"):
        verify(signed({**GOOD, 5: [{**PART, **change}]}), ROOT_PUBLIC, NAME)


def test_a_later_version_may_add_fields() -> None:
    assert verify(signed({**GOOD, 7: "new", 5: [{**PART, 7: "new"}]}), ROOT_PUBLIC, NAME).committed_ms == 1


def test_too_many_ranges_are_refused_on_reading_too() -> None:
    with pytest.raises(Malformed, match="ranges"):
        verify(signed({**GOOD, 5: [PART] * (MAX_RANGES + 1)}), ROOT_PUBLIC, NAME)
