"""Entries: what goes in comes out, nothing else comes in, and only the province reads it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import (
    BOOT,
    DAY,
    DAY_PAIR,
    DAY_SEALING_KEY,
    DEVICE,
    DEVICE_PUBLIC,
    NAME,
    PASSAGE,
    PERSON,
    STRANGER,
    UNDATED_KEY,
    UNDATED_PAIR,
    brief,
    header,
    headers,
    notes,
    passages,
    people,
    thorough,
)

from edge_agent.wire import cose, envelope, sealing
from edge_agent.wire.cbor import Malformed, decode, encode
from edge_agent.wire.cose import Forged
from edge_agent.wire.entry import (
    MAX_HEADER_BYTES,
    Body,
    Clock,
    Header,
    Kind,
    LogHead,
    Note,
    Passage,
    RecordedPerson,
    UnknownVersion,
    decode_body,
    decode_header,
    encode_body,
    encode_header,
)
from edge_agent.wire.envelope import MAX_ENVELOPE_BYTES, envelope_hash, make, open_body, peek, verify
from edge_agent.wire.topics import DeviceName

PRIVATE = sealing.load_private(DAY_PAIR.suite, DAY_PAIR.private)


@given(given_header=headers)
@thorough
def test_every_header_within_its_bounds_comes_back(given_header: Header) -> None:
    assert decode_header(encode_header(given_header)) == given_header


def test_the_longest_header_there_can_be_fits() -> None:
    wide = "\U0001f6b2"  # 4 bytes in UTF-8
    most = 2**63 - 1
    longest = Header(
        DeviceName("o" * 40, "d" * 40), wide * 100, wide * 100, b"l" * 16, most, b"p" * 32, Kind.PASSAGE, BOOT, most, most,
        Clock.SYNCHRONISED, wide * 64, LogHead(b"l" * 16, most, b"h" * 32),
    )  # fmt: skip
    assert len(encode_header(longest)) <= MAX_HEADER_BYTES
    body = replace(PASSAGE, warnings=("w" * 100,) * 16)
    made = make(replace(longest, key_id=UNDATED_KEY.key_id), body, UNDATED_KEY.sealing_key(), DEVICE)
    assert len(made) <= MAX_ENVELOPE_BYTES
    assert verify(made, DEVICE_PUBLIC).header.site == wide * 100


@given(body=passages)
@thorough
def test_every_passage_comes_back(body: Passage) -> None:
    assert decode_body(Kind.PASSAGE, encode_body(body)) == body


@given(kind=st.sampled_from([kind for kind in Kind if kind is not Kind.PASSAGE]), body=notes)
@thorough
def test_every_note_comes_back(kind: Kind, body: Note) -> None:
    assert decode_body(kind, encode_body(body)) == body


@given(data=st.binary(max_size=300), kind=st.sampled_from(Kind))
@thorough
def test_garbage_is_malformed_and_nothing_worse(data: bytes, kind: Kind) -> None:
    for read in (decode_header, peek, lambda data: verify(data, DEVICE_PUBLIC), lambda data: decode_body(kind, data)):
        with pytest.raises(Malformed):
            read(data)


HEADER = cast("dict[int, Any]", decode(encode_header(header(predecessor=LogHead(BOOT, 5, b"h" * 32))), "header"))
BODY = cast("dict[int, Any]", decode(encode_body(PASSAGE), "body"))
WRONG: list[object] = [None, True, -1, 2**63, "", "x" * 2000, b"", b"short", [], {}]


@pytest.mark.parametrize("key", sorted(HEADER))
@pytest.mark.parametrize("value", [*WRONG, "absent"], ids=lambda value: repr(value)[:12])
def test_each_field_of_a_header_is_checked(key: int, value: object) -> None:
    changed: dict[int, object] = {**HEADER, key: value}
    if value == "absent":
        del changed[key]
        if key == 15:
            assert decode_header(encode(changed)).predecessor is None
            return
    with pytest.raises(Malformed):
        decode_header(encode(changed))


@pytest.mark.parametrize(
    "predecessor", [[BOOT, 5], [BOOT, -1, b"h" * 32], [BOOT, True, b"h" * 32], [BOOT, 2**63, b"h" * 32], [b"l", 5, b"h"]]
)
def test_a_predecessor_is_a_whole_log_head(predecessor: object) -> None:
    with pytest.raises(Malformed, match="predecessor"):
        decode_header(encode({**HEADER, 15: predecessor}))


@pytest.mark.parametrize("org, device", [("province", "x"), ("A", "x"), ("x", "a/b"), ("x", "+"), ("-x", "x"), ("x", "x" * 41)])
def test_a_header_names_a_device_that_can_be(org: str, device: str) -> None:
    with pytest.raises(Malformed):
        decode_header(encode({**HEADER, 2: org, 3: device}))


def test_a_header_of_a_newer_version_is_told_apart() -> None:
    with pytest.raises(UnknownVersion, match="version 2"):
        decode_header(encode({1: 2, 99: "new"}))


@pytest.mark.parametrize("key", [2, 3, 4, 5])
@pytest.mark.parametrize("value", [*WRONG, "absent"], ids=lambda value: repr(value)[:12])
def test_each_field_a_passage_must_have_is_checked(key: int, value: object) -> None:
    changed: dict[int, object] = {**BODY, key: value}
    if value == "absent":
        del changed[key]
    with pytest.raises(Malformed):
        decode_body(Kind.PASSAGE, encode(changed))


@pytest.mark.parametrize("key", [6, 8])
@pytest.mark.parametrize("value", [None, 1, "", "x" * 101, b"x"], ids=lambda value: repr(value)[:12])
def test_each_text_a_passage_may_have_is_checked(key: int, value: object) -> None:
    with pytest.raises(Malformed):
        decode_body(Kind.PASSAGE, encode({**BODY, key: value}))


@pytest.mark.parametrize("position", [None, [1], [1, 2, 3], ["1", 2], [True, False], [900_000_001, 0], [0, -1_800_000_001], 5])
def test_a_position_is_on_the_earth(position: object) -> None:
    with pytest.raises(Malformed, match="position"):
        decode_body(Kind.PASSAGE, encode({**BODY, 7: position}))


@pytest.mark.parametrize("warnings", ["text", [1], ["w"] * 17, [None]])
def test_warnings_are_a_few_texts(warnings: object) -> None:
    with pytest.raises(Malformed, match="warnings"):
        decode_body(Kind.PASSAGE, encode({**BODY, 9: warnings}))


@pytest.mark.parametrize("key", range(1, 9))
@pytest.mark.parametrize("value", [None, 1, "", "x" * 201, b"x"], ids=lambda value: repr(value)[:12])
def test_each_field_of_a_person_is_checked(key: int, value: object) -> None:
    with pytest.raises(Malformed, match="person"):
        decode_body(Kind.PASSAGE, encode({**BODY, 2: {**BODY[2], key: value}}))


@pytest.mark.parametrize(
    "facts", [None, [], {1: 2}, {"a": None}, {"a": 1.5}, {"a": True}, {"a": 2**63}, {str(i): i for i in range(33)}], ids=repr
)
def test_facts_are_a_few_texts_and_numbers(facts: object) -> None:
    with pytest.raises(Malformed):
        decode_body(Kind.BOOT, encode({1: facts}))


def test_a_note_cannot_pass_as_a_passage_or_the_other_way_round() -> None:
    with pytest.raises(Malformed):
        decode_body(Kind.PASSAGE, encode_body(Note({"a": 1})))
    with pytest.raises(Malformed):
        decode_body(Kind.BOOT, encode_body(PASSAGE))


@given(given_header=headers, body=passages | notes)
@brief
def test_an_envelope_opens_to_what_was_sealed_for_those_with_the_key(given_header: Header, body: Body) -> None:
    kind = Kind.PASSAGE if isinstance(body, Passage) else Kind.BOOT
    wanted = replace(given_header, key_id=DAY.key_id, kind=kind)
    made = make(wanted, body, DAY_SEALING_KEY, DEVICE)
    entry = verify(made, DEVICE_PUBLIC)
    assert entry.header == wanted
    assert entry.hash == envelope_hash(made)
    assert peek(made) == entry
    assert open_body(entry, DAY_PAIR.suite, PRIVATE) == body


def test_the_post_quantum_suite_opens_too() -> None:
    made = make(header(key=UNDATED_KEY), PASSAGE, UNDATED_KEY.sealing_key(), DEVICE)
    private = sealing.load_private(UNDATED_PAIR.suite, UNDATED_PAIR.private)
    assert open_body(verify(made, DEVICE_PUBLIC), UNDATED_PAIR.suite, private) == PASSAGE


def test_another_device_did_not_sign_it() -> None:
    with pytest.raises(Forged):
        verify(make(header(), PASSAGE, DAY_SEALING_KEY, STRANGER), DEVICE_PUBLIC)


def test_a_body_cannot_be_moved_under_another_header_even_by_its_own_device() -> None:
    one = verify(make(header(), PASSAGE, DAY_SEALING_KEY, DEVICE), DEVICE_PUBLIC)
    other = verify(make(header(seq=2), PASSAGE, DAY_SEALING_KEY, DEVICE), DEVICE_PUBLIC)
    with pytest.raises(sealing.CannotOpen):
        open_body(replace(one, header_bytes=other.header_bytes), DAY_PAIR.suite, PRIVATE)
    with pytest.raises(sealing.CannotOpen):
        open_body(replace(one, sealed=other.sealed), DAY_PAIR.suite, PRIVATE)


def test_a_header_must_name_the_key_that_seals() -> None:
    with pytest.raises(ValueError, match="sealing key"):
        make(header(key=UNDATED_KEY), PASSAGE, DAY_SEALING_KEY, DEVICE)


def test_what_does_not_fit_is_refused_before_anything_is_signed() -> None:
    with pytest.raises(sealing.CannotSeal):
        make(header(), replace(PASSAGE, warnings=("w" * 2100,)), DAY_SEALING_KEY, DEVICE)


@pytest.mark.parametrize("payload", [[], [b"h"], [b"h", b"s", b"x"], ["h", "s"], {1: b"h"}, b"h", None])
def test_a_signed_payload_of_another_shape_is_refused(payload: object) -> None:
    message = cose.sign(encode(payload), envelope.ENTRY, DEVICE)
    with pytest.raises(Malformed):
        verify(message, DEVICE_PUBLIC)


def test_nothing_of_the_person_is_in_the_clear() -> None:
    made = make(header(), PASSAGE, DAY_SEALING_KEY, DEVICE)
    for field in fields(RecordedPerson):
        value = str(getattr(PERSON, field.name))
        assert value == "national" or value.encode() not in made
    assert str(NAME.org).encode() in made


@given(person=people)
@brief
def test_a_persons_repr_shows_nothing(person: RecordedPerson) -> None:
    assert repr(person) == "RecordedPerson()"
    shown = repr(replace(PASSAGE, person=person))
    assert "RecordedPerson()" in shown


def test_an_entry_is_named_by_the_hash_of_its_very_bytes() -> None:
    made: Any = make(header(), PASSAGE, DAY_SEALING_KEY, DEVICE)
    assert envelope_hash(made) != envelope_hash(make(header(), PASSAGE, DAY_SEALING_KEY, DEVICE)), "sealing is random"
