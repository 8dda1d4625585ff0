"""A diagnosis on its way: opened with the day's key alone, and believed from its own device alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import DAY_PAIR, DAY_SEALING_KEY, DEVICE, DEVICE_PUBLIC, NAME, STRANGER, brief

from edge_agent.wire import sealed_bundle, sealing
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged

PRIVATE = sealing.load_private(DAY_PAIR.suite, DAY_PAIR.private)
ONE = sealed_bundle.make(b"summary", NAME, 7, DAY_SEALING_KEY, DEVICE)


@given(st.binary(max_size=5000))
@brief
def test_what_is_sealed_is_opened_with_the_days_key(data: bytes) -> None:
    made = sealed_bundle.make(data, NAME, 7, DAY_SEALING_KEY, DEVICE)
    header, closed = sealed_bundle.verify(made, DEVICE_PUBLIC)
    assert (header.name, header.counter, header.key_id) == (NAME, 7, DAY_SEALING_KEY.key_id)
    assert sealed_bundle.unseal(closed, DAY_PAIR.suite, PRIVATE) == data
    assert len(data) < 8 or data not in made


@given(st.integers(0, len(ONE) * 8 - 1))
@brief
def test_no_bit_can_be_changed(bit: int) -> None:
    changed = bytearray(ONE)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((Malformed, Forged)):
        sealed_bundle.verify(bytes(changed), DEVICE_PUBLIC)


def test_another_key_opens_nothing_and_another_device_is_not_believed() -> None:
    _header, closed = sealed_bundle.verify(ONE, DEVICE_PUBLIC)
    other = sealing.generate(DAY_PAIR.suite)
    with pytest.raises(sealing.CannotOpen):
        sealed_bundle.unseal(closed, other.suite, sealing.load_private(other.suite, other.private))
    with pytest.raises(sealing.CannotOpen):
        sealed_bundle.unseal((closed[0], closed[1], closed[2][:-1]), DAY_PAIR.suite, PRIVATE)
    with pytest.raises(Forged):
        sealed_bundle.verify(ONE, STRANGER.public_key())


def test_what_is_too_large_is_refused_before_it_is_sealed() -> None:
    with pytest.raises(ValueError, match="at most"):
        sealed_bundle.make(bytes(sealed_bundle.MAX_DATA_BYTES + 1), NAME, 7, DAY_SEALING_KEY, DEVICE)
