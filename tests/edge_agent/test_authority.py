"""Who may say what: every power against every message of the province, from the root down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import (
    FROM_MS,
    KEYRING_7,
    KEYRING_OFFICER,
    NAME,
    RECEIPTS_OFFICER,
    ROOT,
    ROOT_PUBLIC,
    STRANGER,
    TO_MS,
    officer,
    signing_key,
    thorough,
)

from edge_agent.wire import authority, cose, keyring, receipt
from edge_agent.wire.authority import CERTIFICATE, Certificate, Officer, Power, certify, read_certificate
from edge_agent.wire.cbor import Malformed, encode
from edge_agent.wire.cose import Forged, MessageType
from edge_agent.wire.receipt import Range, Receipt, Status

ONE_RECEIPT = Receipt(NAME, bytes(16), (Range(1, 1, bytes(32), Status.REGISTERED),), 1)
ISSUES: dict[Power, Callable[[Officer], bytes]] = {
    Power.RECEIPTS: lambda clerk: receipt.issue(ONE_RECEIPT, clerk),
    Power.KEYRING: lambda clerk: keyring.issue(KEYRING_7, clerk),
}
VERIFIES: dict[Power, Callable[[bytes, int | None], object]] = {
    Power.RECEIPTS: lambda message, now_ms: receipt.verify(message, ROOT_PUBLIC, NAME, now_ms),
    Power.KEYRING: lambda message, now_ms: keyring.verify(message, ROOT_PUBLIC, now_ms),
}
ORDER = MessageType("application/x-order", b"order/v1", certified=True)


@pytest.mark.parametrize("signer", Power)
@pytest.mark.parametrize("needed", ISSUES)
def test_only_the_key_with_the_power_may_sign(signer: Power, needed: Power) -> None:
    message = ISSUES[needed](officer(signer))
    if signer is needed:
        assert VERIFIES[needed](message, FROM_MS)
    else:
        with pytest.raises(Forged, match="power"):
            VERIFIES[needed](message, FROM_MS)


@pytest.mark.parametrize("signer", Power)
@pytest.mark.parametrize("needed", Power)
def test_powers_are_apart_for_messages_still_to_come(signer: Power, needed: Power) -> None:
    message = officer(signer).sign(b"do it", ORDER)
    if signer is needed:
        assert authority.verify(message, ORDER, needed, ROOT_PUBLIC, 1000) == b"do it"
    else:
        with pytest.raises(Forged, match="power"):
            authority.verify(message, ORDER, needed, ROOT_PUBLIC, 1000)


@pytest.mark.parametrize("power", ISSUES)
def test_another_root_counts_for_nothing(power: Power) -> None:
    with pytest.raises(Forged):
        VERIFIES[power](ISSUES[power](officer(power, root=STRANGER)), FROM_MS)


@pytest.mark.parametrize("power", ISSUES)
@pytest.mark.parametrize("now_ms, valid", [(FROM_MS - 1, False), (FROM_MS, True), (TO_MS, True), (TO_MS + 1, False), (None, True)])
def test_a_certificate_counts_in_its_time_and_always_where_nobody_knows_the_time(power: Power, now_ms: int | None, valid: bool) -> None:
    message = ISSUES[power](officer(power))
    if valid:
        assert VERIFIES[power](message, now_ms)
    else:
        with pytest.raises(Forged, match="not valid now"):
            VERIFIES[power](message, now_ms)


@pytest.mark.parametrize("power", ISSUES)
def test_a_message_dated_after_the_end_of_its_signers_certificate_is_refused_by_everybody(power: Power) -> None:
    """Its date is a lower bound for the clock of a device that has none: a date far ahead would end every certificate there."""
    for at_ms, believed in ((TO_MS, True), (TO_MS + 1, False)):
        dated: dict[Power, Callable[[Officer], bytes]] = {
            Power.RECEIPTS: lambda clerk, at_ms=at_ms: receipt.issue(replace(ONE_RECEIPT, committed_ms=at_ms), clerk),  # type: ignore[misc]
            Power.KEYRING: lambda clerk, at_ms=at_ms: keyring.issue(replace(KEYRING_7, issued_ms=at_ms), clerk),  # type: ignore[misc]
        }
        message = dated[power](officer(power))
        if believed:
            assert VERIFIES[power](message, None)
        else:
            with pytest.raises(Forged, match="dated after"):
                VERIFIES[power](message, None)


@pytest.mark.parametrize("power", ISSUES)
def test_a_message_without_a_certificate_is_refused(power: Power) -> None:
    clerk = officer(power)
    kind = {Power.RECEIPTS: receipt.RECEIPT, Power.KEYRING: keyring.KEYRING}[power]
    payload = cose.parse(ISSUES[power](clerk), kind, 100_000).payload
    with pytest.raises(Forged, match="no certificate"):
        VERIFIES[power](cose.sign(payload, kind, clerk.key), FROM_MS)


@pytest.mark.parametrize("power", ISSUES)
def test_someone_elses_certificate_does_not_help(power: Power) -> None:
    with pytest.raises(Forged, match="another key"):
        VERIFIES[power](ISSUES[power](Officer(STRANGER, officer(power).certificate)), FROM_MS)


def test_nobody_is_his_own_root() -> None:
    key = signing_key("self")
    message = receipt.issue(ONE_RECEIPT, Officer(key, certify(Certificate(Power.RECEIPTS, key.public_key(), FROM_MS, TO_MS), key)))
    with pytest.raises(Forged):
        receipt.verify(message, ROOT_PUBLIC, NAME)


def test_an_officer_cannot_certify_another() -> None:
    made = certify(Certificate(Power.RECEIPTS, STRANGER.public_key(), FROM_MS, TO_MS), RECEIPTS_OFFICER.key)
    with pytest.raises(Forged):
        receipt.verify(receipt.issue(ONE_RECEIPT, Officer(STRANGER, made)), ROOT_PUBLIC, NAME)


def test_a_certificate_carries_no_other_certificate() -> None:
    payload = cose.parse(KEYRING_OFFICER.certificate, CERTIFICATE, 1000).payload
    with pytest.raises(Malformed, match="unprotected"):
        read_certificate(cose.sign(payload, CERTIFICATE, ROOT, b"x"), ROOT_PUBLIC)


@given(
    power=st.sampled_from(Power),
    key=st.binary(min_size=32, max_size=32),
    from_ms=st.integers(0, 2**63 - 1),
    to_ms=st.integers(0, 2**63 - 1),
)
@thorough
def test_a_certificate_says_what_was_certified(power: Power, key: bytes, from_ms: int, to_ms: int) -> None:
    public = Ed25519PublicKey.from_public_bytes(key)
    read = read_certificate(certify(Certificate(power, public, from_ms, to_ms), ROOT), ROOT_PUBLIC)
    assert (read.power, read.public_key.public_bytes_raw(), read.not_before_ms, read.not_after_ms) == (power, key, from_ms, to_ms)


GOOD: dict[int, object] = {1: 1, 2: "keyring", 3: bytes(32), 4: 0, 5: 1}


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize("value", [None, True, -1, 2**63, "root", b"short", "absent"], ids=repr)
def test_each_field_of_a_certificate_is_checked_even_when_the_root_signed_it(key: int, value: object) -> None:
    fields = {**GOOD, key: value}
    if value == "absent":
        del fields[key]
    with pytest.raises(Malformed):
        read_certificate(cose.sign(encode(fields), CERTIFICATE, ROOT), ROOT_PUBLIC)


@given(data=st.binary(max_size=300))
@thorough
def test_garbage_is_malformed_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_certificate(data, ROOT_PUBLIC)
    for verify in VERIFIES.values():
        with pytest.raises(Malformed):
            verify(data, None)
    with pytest.raises((Malformed, Forged)):
        VERIFIES[Power.RECEIPTS](cose.sign(data, receipt.RECEIPT, RECEIPTS_OFFICER.key, data), None)
    with pytest.raises(Malformed):
        VERIFIES[Power.RECEIPTS](RECEIPTS_OFFICER.sign(data, receipt.RECEIPT), None)
