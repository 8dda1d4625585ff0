"""Our COSE_Sign1 against an independent implementation (`cwt`), and against everything that is not one."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cwt import COSE, COSEHeaders, COSEKey
from cwt.exceptions import VerifyError
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import (
    DEVICE,
    DEVICE_PUBLIC,
    KEYRING_7,
    KEYRING_OFFICER,
    NAME,
    RECEIPTS_OFFICER,
    ROOT,
    ROOT_PUBLIC,
    STRANGER,
    brief,
    header,
    sealed_at,
    thorough,
)

from edge_agent.store.outbox import Spot
from edge_agent.wire import authority, envelope, keyring, receipt
from edge_agent.wire.cbor import Malformed, encode
from edge_agent.wire.cose import Forged, MessageType, check, key_id, parse, sign, verify

KIND = MessageType("application/x-test", b"test/v1")
CERTIFIED = MessageType("application/x-test", b"test/v1", certified=True)
OTHER_CONTEXT = MessageType("application/x-test", b"test/v2")
OTHER_TYPE = MessageType("application/x-other", b"test/v1")
MOST = 10_000


def one_entry() -> bytes:
    return sealed_at(Spot(header().log, 1, header().prev, None))


def one_receipt() -> bytes:
    part = receipt.Range(1, 2, bytes(32), receipt.Status.HELD, "undated", forked=True)
    return receipt.issue(receipt.Receipt(NAME, bytes(16), (part,), 5), RECEIPTS_OFFICER)


MESSAGES: dict[str, tuple[bytes, MessageType, Any]] = {
    "entry": (one_entry(), envelope.ENTRY, DEVICE_PUBLIC),
    "receipt": (one_receipt(), receipt.RECEIPT, RECEIPTS_OFFICER.key.public_key()),
    "keyring": (keyring.issue(KEYRING_7, KEYRING_OFFICER), keyring.KEYRING, KEYRING_OFFICER.key.public_key()),
    "certificate": (KEYRING_OFFICER.certificate, authority.CERTIFICATE, ROOT_PUBLIC),
}


def their_public(key: Any) -> Any:
    return COSEKey.from_pem(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), kid=key_id(key), alg="EdDSA")


def their_private(key: Any, kid: bytes) -> Any:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return COSEKey.from_pem(pem, kid=kid, alg="EdDSA")


@pytest.mark.parametrize("what", MESSAGES)
def test_an_independent_implementation_verifies_our_messages(what: str) -> None:
    message, kind, public = MESSAGES[what]
    protected, _unprotected, payload = COSE.new().decode_with_headers(message, their_public(public), external_aad=kind.context)
    assert payload == parse(message, kind, MOST).payload
    assert (protected[1], protected[3], protected[4]) == (-8, kind.content_type, key_id(public))


@pytest.mark.parametrize("what", MESSAGES)
@pytest.mark.parametrize("context", [b"", b"gate-scanner/v1/command"], ids=["no context", "another context"])
def test_an_independent_implementation_refuses_them_in_another_context(what: str, context: bytes) -> None:
    message, _kind, public = MESSAGES[what]
    with pytest.raises(VerifyError):
        COSE.new().decode(message, their_public(public), external_aad=context)


@given(payload=st.binary(max_size=200), context=st.binary(max_size=40))
@thorough
def test_we_verify_what_an_independent_implementation_signs(payload: bytes, context: bytes) -> None:
    kind = MessageType("application/x-test", context)
    kid = key_id(DEVICE_PUBLIC)
    message = COSE.new().encode(
        payload,
        their_private(DEVICE, kid),
        protected={COSEHeaders.ALG: -8, COSEHeaders.CTY: kind.content_type, COSEHeaders.KID: kid},
        external_aad=context,
    )
    assert verify(message, kind, {kid: DEVICE_PUBLIC}.get, MOST) == payload


@given(payload=st.binary(max_size=200), certificate=st.none() | st.binary(max_size=40))
@thorough
def test_what_was_signed_verifies_to_the_same_bytes(payload: bytes, certificate: bytes | None) -> None:
    parsed = parse(sign(payload, CERTIFIED, DEVICE, certificate), CERTIFIED, MOST)
    assert (parsed.kid, parsed.certificate, check(parsed, CERTIFIED, DEVICE_PUBLIC)) == (key_id(DEVICE_PUBLIC), certificate, payload)


def test_another_context_key_or_type_is_refused() -> None:
    message = sign(b"payload", KIND, DEVICE)
    with pytest.raises(Forged):
        check(parse(message, OTHER_CONTEXT, MOST), OTHER_CONTEXT, DEVICE_PUBLIC)
    with pytest.raises(Forged):
        check(parse(message, KIND, MOST), KIND, STRANGER.public_key())
    with pytest.raises(Forged, match="no known signer"):
        verify(message, KIND, lambda _kid: None, MOST)
    with pytest.raises(Malformed, match="another type"):
        parse(message, OTHER_TYPE, MOST)


@pytest.mark.parametrize("as_what", MESSAGES)
@pytest.mark.parametrize("what", MESSAGES)
def test_no_message_passes_as_another_kind(what: str, as_what: str) -> None:
    message, _kind, public = MESSAGES[what]
    kind = MESSAGES[as_what][1]
    if what == as_what:
        assert check(parse(message, kind, MOST), kind, public)
        return
    with pytest.raises((Malformed, Forged)):
        check(parse(message, kind, MOST), kind, public)


@pytest.mark.parametrize("what", MESSAGES)
@given(data=st.data())
@brief
def test_no_bit_of_a_message_can_be_flipped(what: str, data: st.DataObject) -> None:
    message, kind, public = MESSAGES[what]
    at = data.draw(st.integers(0, 8 * len(message) - 1))
    flipped = bytearray(message)
    flipped[at // 8] ^= 1 << at % 8
    try:
        parsed = parse(bytes(flipped), kind, MOST)
    except Malformed:
        return
    if parsed.certificate == parse(message, kind, MOST).certificate:
        with pytest.raises(Forged):
            check(parsed, kind, public)
    elif what == "receipt":  # the certificate is outside the signature: the root's signature guards it
        with pytest.raises((Forged, Malformed)):
            receipt.verify(bytes(flipped), ROOT_PUBLIC, NAME)
    else:
        with pytest.raises((Forged, Malformed)):
            keyring.verify(bytes(flipped), ROOT_PUBLIC)


def parts_of(message: bytes) -> list[Any]:
    return list(cbor2.loads(message).value)


def of_parts(parts: object, tag: int = 18) -> bytes:
    return encode(cbor2.CBORTag(tag, parts))


def test_nobody_can_add_to_the_unprotected_header_of_an_entry_and_so_change_its_hash() -> None:
    protected, _unprotected, payload, signature = parts_of(one_entry())
    for addition in ({"cert": b"x"}, {"cert": None}, {4: b"kid"}, {"x": 1}):
        with pytest.raises(Malformed, match="unprotected"):
            envelope.verify(of_parts([protected, addition, payload, signature]), DEVICE_PUBLIC)


def test_certified_messages_take_a_certificate_and_nothing_else() -> None:
    protected, _unprotected, payload, signature = parts_of(sign(b"x", CERTIFIED, DEVICE, b"c"))
    for wrong in ({"cert": "text"}, {"cert": b"c", 4: b"kid"}, {1: -8}):
        with pytest.raises(Malformed, match="unprotected"):
            parse(of_parts([protected, wrong, payload, signature]), CERTIFIED, MOST)


def header_bytes(**changes: object) -> bytes:
    fields: dict[object, object] = {1: -8, 3: KIND.content_type, 4: key_id(DEVICE_PUBLIC)}
    fields.update({int(name[1:]): value for name, value in changes.items()})
    return encode({key: value for key, value in fields.items() if value is not None})


@pytest.mark.parametrize(
    "protected",
    [
        pytest.param(header_bytes(h1=-7), id="another algorithm"),
        pytest.param(header_bytes(h1="EdDSA"), id="algorithm as text"),
        pytest.param(header_bytes(h1=None), id="no algorithm"),
        pytest.param(header_bytes(h3=None), id="no type"),
        pytest.param(header_bytes(h3=42), id="type as a number"),
        pytest.param(header_bytes(h4=None), id="no key id"),
        pytest.param(header_bytes(h4=b"short"), id="short key id"),
        pytest.param(header_bytes(h2=[99]), id="critical header"),
        pytest.param(header_bytes(h99=1), id="unknown header"),
        pytest.param(encode({True: -8, 3: KIND.content_type, 4: key_id(DEVICE_PUBLIC)}), id="true for 1"),
        pytest.param(b"", id="empty"),
        pytest.param(encode({}), id="empty map"),
        pytest.param(encode([]), id="no map"),
        pytest.param(b"\xff", id="not CBOR"),
        pytest.param(header_bytes() + b"\x00", id="a byte more"),
    ],
)
def test_a_protected_header_is_exactly_what_it_must_be_even_when_signed(protected: bytes) -> None:
    signature = DEVICE.sign(encode(["Signature1", protected, KIND.context, b"x"]))
    with pytest.raises(Malformed):
        parse(of_parts([protected, {}, b"x", signature]), KIND, MOST)


def test_a_stripped_or_foreign_signature_is_refused() -> None:
    protected, unprotected, payload, signature = parts_of(sign(b"x", KIND, DEVICE))
    for wrong in (b"", signature[:-1], signature + b"\0", None):
        with pytest.raises(Malformed):
            parse(of_parts([protected, unprotected, payload, wrong]), KIND, MOST)
    for zeroed in (bytes(64), signature[:32] + bytes(32), bytes(32) + signature[32:]):
        with pytest.raises(Forged):
            check(parse(of_parts([protected, unprotected, payload, zeroed]), KIND, MOST), KIND, DEVICE_PUBLIC)


def test_a_signature_has_one_form_only() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    protected, unprotected, payload, signature = parts_of(sign(b"x", KIND, DEVICE))
    other = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(Forged):
        check(parse(of_parts([protected, unprotected, payload, signature[:32] + other]), KIND, MOST), KIND, DEVICE_PUBLIC)


@pytest.mark.parametrize("tag", [None, 17, 61, 98])
def test_only_the_tagged_form_is_read(tag: int | None) -> None:
    parts = parts_of(sign(b"x", KIND, DEVICE))
    with pytest.raises(Malformed):
        parse(encode(parts) if tag is None else of_parts(parts, tag), KIND, MOST)


@pytest.mark.parametrize("change", [lambda p: p[:3], lambda p: [*p, b""], lambda p: p[::-1], lambda _p: {}, lambda p: [p]], ids=range(5))
def test_only_four_parts_in_order_are_read(change: Any) -> None:
    with pytest.raises(Malformed):
        parse(of_parts(change(parts_of(sign(b"x", KIND, DEVICE)))), KIND, MOST)


@given(data=st.binary(max_size=300))
@thorough
def test_garbage_is_malformed_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data, KIND, MOST)
    with pytest.raises(Malformed):
        parse(b"\xd2\x84" + data, KIND, MOST)


def test_too_long_is_refused_unread() -> None:
    with pytest.raises(Malformed, match="at most"):
        parse(sign(bytes(200), KIND, DEVICE), KIND, 100)


def test_a_key_id_is_the_head_of_the_hash_of_the_raw_key() -> None:
    assert len(key_id(ROOT.public_key())) == 8
    assert key_id(ROOT_PUBLIC) != key_id(DEVICE_PUBLIC)
