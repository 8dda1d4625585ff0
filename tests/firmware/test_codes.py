"""Any bytes are sorted, and only a person is ever a person."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware.codes import MAX_BYTES, PassCode, UnknownCode, sort_code
from firmware.other_codes import PREFIXES, OtherCode, OtherKind
from firmware.person_codes import NotAPersonCode, Person, Reason, Scheme, read_person, write_person
from province.demo.synthetic import synthetic_people

PEOPLE = [write_person(person) for scheme in Scheme if scheme is not Scheme.PAPER for person in synthetic_people(20, scheme=scheme)]
people = st.sampled_from(PEOPLE)


@given(people)
def test_a_person_is_a_person(text: str) -> None:
    assert sort_code(text.encode()) == sort_code(f"\ufeff{text}\r\n".encode()) == read_person(text)


@given(people, st.sampled_from(["HC1:", *PREFIXES.values(), "wifi:"]), st.sampled_from(["", " ", "\ufeff", "\r\n"]))
def test_what_begins_like_another_code_is_never_a_person(text: str, prefix: str, before: str) -> None:
    code = sort_code(f"{before}{prefix}{text}".encode())
    assert isinstance(code, PassCode if prefix == "HC1:" else OtherCode)
    assert text not in f"{code!r} {code} {[code]}"


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
@example(b"\xff" * 20)
@example(b"1" * (MAX_BYTES + 1))
@example(b"GATE1:X:1")
@example(b"gate1:s:1")
def test_any_bytes_are_sorted_and_agree_with_the_person_reader(data: bytes) -> None:
    code, person = sort_code(data), None
    try:
        person = read_person(data.decode())
    except UnicodeDecodeError:
        assert code == UnknownCode(Reason.TOO_LONG if len(data) > MAX_BYTES else Reason.NOT_UTF8)
    except NotAPersonCode as refused:
        reason = refused.reason
        assert isinstance(code, (PassCode, OtherCode)) or code == UnknownCode(reason)
    assert not isinstance(code, Person) or code == person


@pytest.mark.parametrize(
    "text, kind",
    [
        ("GATE1:S:ABC", OtherKind.SITE),
        (" GATE1:T:ABC\n", OtherKind.TICKET),
        ("WIFI:T:WPA;S:cho;P:mat|khau;;", OtherKind.WIFI),
        ("wifi:S:a;;", OtherKind.WIFI),
    ],
)
def test_our_other_codes_are_known_and_keep_their_text_to_themselves(text: str, kind: OtherKind) -> None:
    code = sort_code(text.encode())
    assert code == OtherCode(kind, text.strip())
    assert repr(code) == f"OtherCode(kind={kind})"


def test_our_forms_fit_the_alphanumeric_mode_of_qr_codes() -> None:
    for kind in (OtherKind.SITE, OtherKind.TICKET):
        assert set(PREFIXES[kind]) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")


def test_an_unknown_code_says_why_and_nothing_else() -> None:
    assert sort_code(b"http://example.org/secret") == UnknownCode(Reason.UNKNOWN_FORMAT)
    assert "secret" not in repr(sort_code(b"http://example.org/secret"))
