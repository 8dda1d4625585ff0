"""Sealing: only the holder of the key, in the same context, reads it back; the length says nothing; another implementation agrees."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM
from cryptography.hazmat.primitives.hpke import Suite as HpkeSuite
from hypothesis import given
from hypothesis import strategies as st
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey
from sealed_examples import brief, sealing_pair, thorough

from edge_agent.wire import sealing
from edge_agent.wire.sealing import CannotOpen, CannotSeal, Suite, generate, load_private, load_public, pad, seal, unpad, unseal

PAIRS = {suite: sealing_pair(suite, "sealing") for suite in Suite}
ADDED = {Suite.X25519: 32 + 16, Suite.XWING: 1088 + 32 + 16}  # encapsulated key and tag
suites = st.sampled_from(Suite)


def sealed(text: bytes, suite: Suite, info: bytes = b"info") -> bytes:
    return seal(text, suite, load_public(suite, PAIRS[suite].public), info)


def opened(data: bytes, suite: Suite, info: bytes = b"info") -> bytes:
    return unseal(data, suite, load_private(suite, PAIRS[suite].private), info)


@given(text=st.binary(max_size=2047), suite=suites, info=st.binary(max_size=100))
@thorough
def test_what_was_sealed_opens_to_the_same(text: bytes, suite: Suite, info: bytes) -> None:
    assert opened(sealed(text, suite, info), suite, info) == text


@given(text=st.binary(max_size=2047), suite=suites)
@thorough
def test_a_sealed_text_has_one_of_three_lengths(text: bytes, suite: Suite) -> None:
    assert len(sealed(text, suite)) - ADDED[suite] in {512, 1024, 2048}


@pytest.mark.parametrize("suite", Suite)
def test_the_length_tells_nothing_of_what_an_ordinary_entry_says(suite: Suite) -> None:
    assert len({len(sealed(bytes(length), suite)) for length in range(0, 512, 37)}) == 1


@pytest.mark.parametrize("length, size", [(0, 512), (511, 512), (512, 1024), (1023, 1024), (1024, 2048), (2047, 2048)])
def test_padding_goes_to_the_next_size(length: int, size: int) -> None:
    assert len(pad(bytes(length))) == size
    assert unpad(pad(bytes(length))) == bytes(length)


def test_a_text_that_does_not_fit_is_refused() -> None:
    with pytest.raises(CannotSeal, match="2047"):
        pad(bytes(2048))


@given(padded=st.binary(max_size=600) | st.builds(lambda text, zeros: text + bytes(zeros), st.binary(max_size=40), st.integers(0, 600)))
@thorough
def test_only_what_pad_could_have_made_is_unpadded(padded: bytes) -> None:
    try:
        text = unpad(padded)
    except CannotOpen:
        return
    assert text + b"\x80" + bytes(len(padded) - len(text) - 1) == padded
    assert len(padded) in {512, 1024, 2048}


def test_a_wrongly_padded_text_cannot_be_opened() -> None:
    hpke = HpkeSuite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    for text in (b"no padding", bytes(512), bytes(513), b"\x80" + bytes(510)):
        with pytest.raises(CannotOpen, match="padding"):
            opened(hpke.encrypt(text, load_public(Suite.X25519, PAIRS[Suite.X25519].public), info=b"info"), Suite.X25519)


@given(suite=suites, info=st.binary(max_size=20).filter(lambda info: info != b"info"))
@brief
def test_another_context_does_not_open(suite: Suite, info: bytes) -> None:
    with pytest.raises(CannotOpen):
        opened(sealed(b"text", suite), suite, info)


@pytest.mark.parametrize("suite", Suite)
def test_another_key_does_not_open(suite: Suite) -> None:
    other = generate(suite)
    with pytest.raises(CannotOpen):
        unseal(sealed(b"text", suite), suite, load_private(suite, other.private), b"info")


@given(suite=suites, data=st.data())
@thorough
def test_no_bit_can_be_flipped(suite: Suite, data: st.DataObject) -> None:
    whole = bytearray(sealed(b"text", suite))
    at = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[at // 8] ^= 1 << at % 8
    with pytest.raises(CannotOpen):
        opened(bytes(whole), suite)


@given(suite=suites, data=st.binary(max_size=1300))
@thorough
def test_garbage_cannot_be_opened_and_nothing_worse(suite: Suite, data: bytes) -> None:
    with pytest.raises(CannotOpen):
        opened(data, suite)


@pytest.mark.parametrize("suite", Suite)
def test_the_same_text_never_looks_the_same(suite: Suite) -> None:
    assert len({sealed(b"text", suite)[-32:] for _ in range(20)}) == 20


@pytest.mark.parametrize("suite", Suite)
def test_fresh_keys_work_and_show_nothing(suite: Suite) -> None:
    pair = generate(suite)
    assert unseal(seal(b"x", suite, load_public(suite, pair.public), b""), suite, load_private(suite, pair.private), b"") == b"x"
    assert pair.private.hex() not in repr(pair)
    assert repr(pair.private) not in repr(pair)


@given(suite=suites, raw=st.binary(max_size=100) | st.sampled_from([bytes(31), bytes(33), bytes(1215), b"\xff" * 1216, bytes(97)]))
@thorough
def test_raw_keys_of_another_size_are_refused(suite: Suite, raw: bytes) -> None:
    if len(raw) != len(PAIRS[suite].public) or raw == b"\xff" * 1216:  # 0xFFF is no coefficient modulo 3329
        with pytest.raises(ValueError, match=r"."):
            load_public(suite, raw)
    if len(raw) != len(PAIRS[suite].private):
        with pytest.raises(ValueError, match=r"."):
            load_private(suite, raw)


THEIRS = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305)


@given(text=st.binary(max_size=1000), info=st.binary(max_size=50))
@brief
def test_an_independent_implementation_opens_what_we_seal(text: bytes, info: bytes) -> None:
    made = sealed(text, Suite.X25519, info)
    key = KEMKey.from_pyca_cryptography_key(load_private(Suite.X25519, PAIRS[Suite.X25519].private))
    assert unpad(THEIRS.create_recipient_context(made[:32], key, info=info).open(made[32:])) == text


@given(text=st.binary(max_size=1000), info=st.binary(max_size=50))
@brief
def test_we_open_what_an_independent_implementation_seals(text: bytes, info: bytes) -> None:
    key = KEMKey.from_pyca_cryptography_key(load_public(Suite.X25519, PAIRS[Suite.X25519].public))
    encapsulated, context = THEIRS.create_sender_context(key, info=info)
    assert opened(encapsulated + context.seal(pad(text)), Suite.X25519, info) == text


def test_the_sizes_are_those_the_protocol_names() -> None:
    assert sealing.PADDED_SIZES == (512, 1024, 2048)
    assert [len(PAIRS[suite].public) for suite in (Suite.XWING, Suite.X25519)] == [1216, 32]
