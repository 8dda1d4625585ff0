"""Passes signed with keys of our own, from the published format: each answer, the listed tolerances, and nothing that a stranger can do."""

from __future__ import annotations

import functools
import json
import math
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.health_pass import SIGNED, PassAnswer, TrustList, base45, careful_cbor, parse_trust_list, read_pass
from firmware.person_codes.national import bare_capitals
from province.demo.synthetic import synthetic_people
from province.demo.synthetic_passes import Algorithm, PassIssuer, new_issuer, pack, pass_claims, pass_content, pass_text, trust_list

SINCE = datetime(2022, 1, 1, tzinfo=UTC)
ISSUED, EXPIRES = SINCE + timedelta(days=10), SINCE + timedelta(days=900)
NOW_MS = round((SINCE + timedelta(days=100)).timestamp() * 1000)
PERSON = synthetic_people(1)[0]
ALGORITHMS: list[Algorithm] = ["ES256", "PS256"]


@functools.cache
def issuer(algorithm: Algorithm, number: int = 0) -> PassIssuer:
    return new_issuer(algorithm, f"V{number}", SINCE)


@functools.cache
def trusted(*issuers: PassIssuer, with_certificates: bool = True) -> TrustList:
    return parse_trust_list(json.dumps(trust_list(*issuers, with_certificates=with_certificates)).encode(), "test")


def claims(**changes: Any) -> dict[int, object]:
    return pass_claims(pass_content(PERSON) | changes, ISSUED, EXPIRES)


def shown(text: str, wall_ms: int | None = NOW_MS, algorithm: Algorithm = "ES256") -> PassAnswer:
    return read_pass(text, trusted(issuer(algorithm)), wall_ms).answer


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("with_certificates", [True, False])
@pytest.mark.parametrize("form", [{}, {"kid_is_protected": False}, {"cwt_tag": True}])
def test_a_good_pass_is_valid_and_names_its_holder(algorithm: Algorithm, with_certificates: bool, form: dict[str, Any]) -> None:
    text = pass_text(issuer(algorithm), claims(), **form)
    answer = read_pass(text, trusted(issuer(algorithm), issuer("PS256", 1), with_certificates=with_certificates), NOW_MS)
    assert (answer.answer, answer.name, answer.birth_date) == (PassAnswer.VALID, bare_capitals(PERSON.name), PERSON.birth_date)
    assert PERSON.name not in repr(answer)
    assert str(answer.name) not in f"{answer} {[answer]}"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_fault_has_its_answer(algorithm: Algorithm) -> None:
    ours, other = issuer(algorithm), issuer(algorithm, 1)
    text = pass_text(ours, claims())
    assert shown(text, round(EXPIRES.timestamp() * 1000) - 1, algorithm) is PassAnswer.VALID
    assert shown(text, round(EXPIRES.timestamp() * 1000), algorithm) is PassAnswer.EXPIRED
    assert shown(text, round(ISSUED.timestamp() * 1000) - 1, algorithm) is PassAnswer.NOT_YET_VALID
    assert shown(text, 0, algorithm) is PassAnswer.NOT_YET_VALID
    assert shown(text, None, algorithm) is PassAnswer.CLOCK_UNKNOWN
    assert shown(pass_text(other, claims()), NOW_MS, algorithm) is PassAnswer.ISSUER_UNKNOWN
    forged = pass_text(other, claims(), protected={1: -7 if algorithm == "ES256" else -37, 4: ours.kid})
    assert shown(forged, NOW_MS, algorithm) is PassAnswer.BAD_SIGNATURE
    assert shown(forged, None, algorithm) is PassAnswer.BAD_SIGNATURE
    assert read_pass(text, TrustList({}), NOW_MS).answer is PassAnswer.ISSUER_UNKNOWN


def test_a_signer_counts_only_while_the_list_trusts_it() -> None:
    document = trust_list(issuer("ES256"))
    [[entry]] = document["signers"].values()
    entry["valid_until"] = "2022-03-01T00:00:00+07:00"
    narrow = parse_trust_list(json.dumps(document).encode(), "test")
    text = pass_text(issuer("ES256"), claims())
    assert read_pass(text, narrow, NOW_MS).answer is PassAnswer.ISSUER_UNKNOWN
    assert read_pass(text, narrow, round(datetime(2022, 2, 28, 16, tzinfo=UTC).timestamp() * 1000)).answer is PassAnswer.VALID
    assert read_pass(text, narrow, round(EXPIRES.timestamp() * 1000)).answer is PassAnswer.EXPIRED


def test_all_signers_of_one_key_id_are_tried() -> None:
    document = trust_list(issuer("PS256"), issuer("ES256", 1), issuer("ES256"))
    everyone = [entry for entries in document["signers"].values() for entry in entries]
    [kid, *_] = trust_list(issuer("ES256"))["signers"]
    shared = parse_trust_list(json.dumps({**document, "signers": {kid: everyone}}).encode(), "test")
    assert read_pass(pass_text(issuer("ES256"), claims()), shared, NOW_MS).answer is PassAnswer.VALID


def test_no_other_algorithm_is_believed() -> None:
    for algorithm in (-8, -257, 5, 0, None, "ES256"):
        text = pass_text(issuer("ES256"), claims(), protected={1: algorithm, 4: issuer("ES256").kid})
        assert shown(text) is PassAnswer.MALFORMED
    crossed = pass_text(issuer("ES256"), claims(), protected={1: -37, 4: issuer("ES256").kid})
    assert shown(crossed) is PassAnswer.BAD_SIGNATURE


@pytest.mark.parametrize(
    "change, name, birth_date",
    [
        ({"dob": None}, bare_capitals(PERSON.name), None),
        ({"dob": ""}, bare_capitals(PERSON.name), None),
        ({"dob": " 1999-03 "}, bare_capitals(PERSON.name), "1999-03"),
        ({"dob": "1999"}, bare_capitals(PERSON.name), "1999"),
        ({"dob": "1999-03-15T00:00:00"}, bare_capitals(PERSON.name), "1999-03-15"),
        ({"dob": "1999-02-31"}, bare_capitals(PERSON.name), None),
        ({"dob": "15.3.1999"}, bare_capitals(PERSON.name), None),
        ({"dob": 19990315}, bare_capitals(PERSON.name), None),
        ({"nam": None, "dob": None}, None, None),
        ({"nam": {"fn": " Nguyễn ", "gn": "  Văn \n A", "fnt": None}, "dob": None}, "NGUYEN VAN A", None),
        ({"nam": {"fn": None, "fnt": "NGUYEN", "gn": "", "gnt": "VAN<A"}, "dob": None}, "NGUYEN VAN A", None),
        ({"nam": {"fnt": "NGUYEN"}, "dob": None, "v": None, "t": None, "ver": None}, "NGUYEN", None),
        ({"nam": {"fn": 7}, "dob": None}, None, None),
    ],
)
def test_nulls_white_space_and_odd_dates_are_tolerated(change: dict[str, Any], name: str | None, birth_date: str | None) -> None:
    answer = read_pass(pass_text(issuer("ES256"), claims(**change)), trusted(issuer("ES256")), NOW_MS)
    assert (answer.answer, answer.name, answer.birth_date) == (PassAnswer.VALID, name, birth_date)


def test_dates_and_numbers_of_other_cbor_kinds_are_tolerated() -> None:
    for odd in (
        claims() | {4: EXPIRES.timestamp() + 0.5, 6: None},
        claims() | {4: cbor2.CBORTag(1, int(EXPIRES.timestamp())), 5: ISSUED.timestamp()},
        claims(dob=date(1999, 3, 15)),
        claims(dob=datetime(1999, 3, 15, tzinfo=UTC)),
    ):
        payload = cbor2.dumps(odd, date_as_datetime=True, timezone=UTC)
        assert shown(pass_text(issuer("ES256"), payload)) is PassAnswer.VALID
    indefinite = cbor2.dumps(claims())
    assert indefinite[0] == 0xA4
    assert shown(pass_text(issuer("ES256"), b"\xbf" + indefinite[1:] + b"\xff")) is PassAnswer.VALID


def test_white_space_round_a_pass_is_forgiven() -> None:
    for number in range(60):  # long enough to meet texts whose last letter is a space of base45's own
        text = pass_text(issuer("ES256"), claims(ver=str(number)))
        for round_it in (text, f"{text}\r\n", f" {text} \r\n", f"\ufeff{text}\n"):
            assert shown(round_it) is PassAnswer.VALID


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [],
        None,
        7,
        {1: "VN", 4: 2_000_000_000, 6: 1},
        claims() | {4: None},
        claims() | {4: "2030"},
        claims() | {4: math.nan},
        claims() | {4: math.inf},
        claims() | {4: True},
        claims() | {-260: None},
        claims() | {-260: {1: None}},
        claims() | {-260: {2: {}}},
    ],
)
def test_a_signed_message_about_something_else_is_malformed(wrong: object) -> None:
    answer = read_pass(pass_text(issuer("ES256"), wrong), trusted(issuer("ES256")), NOW_MS)
    assert (answer.answer, answer.name) == (PassAnswer.MALFORMED, None)


def message_of(text: str) -> list[Any]:
    """The four parts of a pass's signed message."""
    parts: list[Any] = cbor2.loads(zlib.decompress(base45.decode(text[4:]))).value
    return parts


def good() -> str:
    return _sample("ES256")


def remade(change: Callable[[list[Any]], object]) -> str:
    return pack(cbor2.dumps(change(message_of(good()))))


def test_a_message_without_its_tag_is_still_a_pass() -> None:
    assert shown(remade(lambda parts: parts)) is PassAnswer.VALID


WRONG_TEXTS: dict[str, Callable[[], str]] = {
    "prefix alone": lambda: "HC1:",
    "cut short": lambda: good()[:-3],
    "longer": lambda: good() + "000",
    "another version": lambda: "HC2:" + good()[4:],
    "no prefix": lambda: good()[4:],
    "small letters": lambda: good().lower(),
    "not packed": lambda: "HC1:" + base45.encode(b"plain"),
    "a bomb": lambda: "HC1:" + base45.encode(zlib.compress(bytes(10**6))),
    "bytes after the packed ones": lambda: "HC1:" + base45.encode(zlib.compress(b"\xa0") + b"more"),
    "nothing packed": lambda: pack(b""),
    "a shared reference": lambda: pack(b"\xd8\x1c\x80"),
    "deep nesting": lambda: pack(b"\x81" * 500 + b"\x00"),
    "a length beyond the end": lambda: pack(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
    "two values": lambda: pack(b"\xa0\xa0"),
    "three parts": lambda: remade(lambda parts: cbor2.CBORTag(18, parts[:3])),
    "a list for a header": lambda: remade(lambda parts: cbor2.CBORTag(18, [b"\x80", *parts[1:]])),
    "no header": lambda: remade(lambda parts: cbor2.CBORTag(18, [b"", *parts[1:]])),
    "null for a header": lambda: remade(lambda parts: cbor2.CBORTag(18, [parts[0], None, *parts[2:]])),
    "payload elsewhere": lambda: remade(lambda parts: cbor2.CBORTag(18, [parts[0], {}, None, parts[3]])),
    "a MAC": lambda: remade(lambda parts: cbor2.CBORTag(17, parts)),
}


@pytest.mark.parametrize("make", WRONG_TEXTS.values(), ids=WRONG_TEXTS)
def test_what_is_no_pass_is_malformed(make: Callable[[], str]) -> None:
    assert shown(make()) is PassAnswer.MALFORMED


@settings(max_examples=200)
@given(data=st.data(), algorithm=st.sampled_from(ALGORITHMS))
def test_no_changed_byte_is_ever_believed(data: st.DataObject, algorithm: Algorithm) -> None:
    message = bytearray(zlib.decompress(base45.decode(_sample(algorithm)[4:])))
    at = data.draw(st.integers(0, len(message) - 1))
    message[at] ^= data.draw(st.integers(1, 255))
    answer = read_pass(pack(bytes(message)), trusted(issuer(algorithm)), NOW_MS)
    assert answer.answer not in SIGNED
    assert (answer.name, answer.birth_date) == (None, None)


@functools.cache
def _sample(algorithm: Algorithm) -> str:
    return pass_text(issuer(algorithm), claims())


@given(st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", max_size=300) | st.text(max_size=100))
def test_any_text_has_an_answer(text: str) -> None:
    for whole in (text, "HC1:" + text):
        assert read_pass(whole, trusted(issuer("ES256")), NOW_MS).answer is PassAnswer.MALFORMED


@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(cbor2.dumps))
def test_any_bytes_as_message_or_payload_have_an_answer(data: bytes) -> None:
    assert shown(pack(data)) is PassAnswer.MALFORMED
    assert shown(pass_text(issuer("ES256"), data)) in (PassAnswer.MALFORMED, PassAnswer.VALID)
    with pytest.raises(ValueError, match="not CBOR") as refused:
        careful_cbor.loads(b"\x1c" + data)  # a reserved form
    assert refused.value.__context__ is None


@pytest.mark.parametrize("text", [b"\x64ho\xff!", b"\x7f\x62ho\x62\xff!\xff"], ids=["whole", "in pieces"])
def test_text_that_is_not_utf_8_never_reaches_cbor2_which_would_keep_it(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    monkeypatch.setattr(cbor2, "loads", seen.append)
    with pytest.raises(ValueError, match="not CBOR"):
        careful_cbor.loads(b"\xa1\x01" + text)
    assert seen == []
