"""What must hold for every person code, whoever it names and whatever is done to it."""

from __future__ import annotations

import logging
import pickle
import re
import time
import unicodedata
from dataclasses import asdict, replace
from datetime import date
from typing import Literal

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware.person_codes import (
    TEXT_MAX_CHARS,
    NotAPersonCode,
    Person,
    Reason,
    Scheme,
    WarningCode,
    cccd,
    national,
    read_person,
    write_person,
)
from firmware.person_codes.citizen_id import provinces
from province.demo.synthetic import synthetic_people

CARD = "001099012345||Nguyễn Văn A|15031999|Nam||10052021"
CODE = "001093029317|NGUYEN LE KHA HAN|1993-01-18|0|162979388586171100|<1<DN4010000000000<0100123456<sig"

VIETNAMESE = "aàáảãạăằắẳẵặâầấẩẫậbcdđeèéẻẽẹêềếểễệghiìíỉĩịklmnoòóỏõọôồốổỗộơờớởỡợpqrstuùúủũụưừứửữựvxyỳýỷỹỵ"


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(alphabet="0123456789", min_size=count, max_size=count)


words = st.text(alphabet=VIETNAMESE + VIETNAMESE.upper(), min_size=1, max_size=12)
names = st.lists(words, min_size=1, max_size=6).map(" ".join)
dates = st.dates(date(1850, 1, 1), date(2100, 12, 31)).map(date.isoformat)
sexes = st.sampled_from(["male", "female"])

cards = st.builds(
    Person,
    scheme=st.just(Scheme.CCCD),
    id_number=digits(12),
    name=names,
    birth_date=dates,
    sex=sexes,
    old_id=st.none() | digits(9) | digits(12),
)
codes = st.builds(
    Person,
    scheme=st.just(Scheme.NATIONAL),
    id_number=digits(12) | digits(9) | st.from_regex(r"[A-Z]{1,2}[0-9]{6,8}", fullmatch=True),
    name=names,
    birth_date=dates,
    sex=st.none() | sexes,
    phone=st.none() | st.from_regex(r"\+?[0-9]{8,15}", fullmatch=True),
    card_number=st.none() | st.from_regex(r"[A-Z]{2}[0-9]{13}|[0-9]{10}", fullmatch=True),
    qid=st.none() | digits(18),
    declared_by=st.sampled_from(["self", "other"]),
)


def refusal(text: str) -> Reason:
    with pytest.raises(NotAPersonCode) as refused:
        read_person(text)
    return refused.value.reason


@given(person=cards | codes, form=st.sampled_from(["NFC", "NFD"]))
def test_what_is_written_is_read_back_to_the_letter(person: Person, form: Literal["NFC", "NFD"]) -> None:
    text = unicodedata.normalize(form, write_person(person))
    wanted = replace(person, name=unicodedata.normalize("NFC", person.name))
    assert replace(read_person(text), warnings=()) == wanted


@given(person=cards)
def test_card_and_national_code_of_one_person_have_one_number(person: Person) -> None:
    card, code = read_person(cccd.write(person)), read_person(national.write(person))
    assert (card.scheme, code.scheme) == (Scheme.CCCD, Scheme.NATIONAL)
    assert card.id_number == code.id_number == person.id_number


@given(text=st.text(max_size=300) | st.text(alphabet="0123456789|<*-$ANamữ\x00\ud800\u0302", max_size=120))
@example(text="|" * 5)
@example(text="|" * 6)
@example(text="٠٠١٠٩٩٠١٢٣٤٥||Nguyễn Văn A|15031999|Nam||10052021")
def test_any_text_is_a_sound_person_or_refused(text: str) -> None:
    try:
        person = read_person(text)
    except NotAPersonCode:
        return
    check_sound(person)


@given(person=cards | codes, data=st.data())
def test_a_changed_code_never_gives_an_impossible_person(person: Person, data: st.DataObject) -> None:
    text = list(write_person(person))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at] = data.draw(st.sampled_from(["", "0", "9", "|", "*", "<", "A", "\x1b", "ữ", "-", text[at] * 2]))
    try:
        check_sound(read_person("".join(text)))
    except NotAPersonCode:
        return


def check_sound(person: Person) -> None:
    """What the rest of the project may rely on."""
    assert re.fullmatch(r"[0-9*]{12}|[0-9*]{9}|[A-Z*][A-Z0-9*]{6,9}", person.id_number)
    assert 1 <= len(person.name) <= 100
    assert unicodedata.is_normalized("NFC", person.name)
    assert person.name == person.name.strip()
    assert "\x1b" not in person.name
    if person.birth_date is None:
        assert WarningCode.HIDDEN_VALUES in person.warnings
    else:
        assert date.fromisoformat(person.birth_date).isoformat() == person.birth_date
        assert 1850 <= int(person.birth_date[:4]) <= 2100
    if person.scheme is Scheme.CCCD:
        assert re.fullmatch(r"[0-9]{12}", person.id_number)
        assert person.sex is not None
    assert len(cbor2.dumps(asdict(person))) <= 1024


def test_the_longest_person_fits_1_kb() -> None:
    # Four bytes a character is the most UTF-8 can take.
    name, qid = "\U00020000" * 100, "q" * 40
    person = read_person(f"001*99012345|{name}|****-**-**|0|{qid}|" + "<".join(["p" * 1300, "?", "X" * 15, "+" + "1" * 15]))
    assert set(person.warnings) == {WarningCode.HIDDEN_VALUES, WarningCode.EXTENSION_IGNORED}
    check_sound(person)
    card = read_person(f"999299012345|12345678|{name}|15031850|Nam||")
    assert len(card.warnings) == 3
    check_sound(card)


@pytest.mark.parametrize(
    "text", ["1" * 10**6, "|" * 10**6, "0|" * 10**5, ("a\u0302\u0301" * 600) + "|" * 7, "<" * 1900 + "|||||", "*" * 1990 + "|||||"]
)
def test_long_text_is_answered_at_once(text: str) -> None:
    started_s = time.perf_counter()
    assert refusal(text) in Reason
    assert time.perf_counter() - started_s < 0.1


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", Reason.EMPTY),
        (" \r\n", Reason.EMPTY),
        ("x" * (TEXT_MAX_CHARS + 1), Reason.TOO_LONG),
        ("http://example.org", Reason.UNKNOWN_FORMAT),
        ("HC1:6BF+70790T9WJWG.FKY*4GO0", Reason.UNKNOWN_FORMAT),
        ("WIFI:T:WPA;S:cho;P:mat|khau;;", Reason.UNKNOWN_FORMAT),
        (CARD.replace("001099012345", "00109901234"), Reason.BAD_ID_NUMBER),
        (CARD.replace("001099012345", "0010990123456"), Reason.BAD_ID_NUMBER),
        (CARD.replace("001099012345", "001099*12345"), Reason.BAD_ID_NUMBER),
        (CARD.replace("Nguyễn Văn A", "  "), Reason.BAD_NAME),
        (CARD.replace("Nguyễn Văn A", "A" * 101), Reason.BAD_NAME),
        (CARD.replace("Nguyễn Văn A", "123"), Reason.BAD_NAME),
        (CARD.replace("Văn", "V\x1b[2Jn"), Reason.BAD_NAME),
        (CARD.replace("Văn", "V\u202en"), Reason.BAD_NAME),
        (CARD.replace("Văn", "V\ud800n"), Reason.BAD_NAME),
        (CARD.replace("15031999", "31021999"), Reason.BAD_DATE),
        (CARD.replace("15031999", "29021999"), Reason.BAD_DATE),
        (CARD.replace("15031999", "15031849"), Reason.BAD_DATE),
        (CARD.replace("15031999", "1503199"), Reason.BAD_DATE),
        (CARD.replace("15031999", ""), Reason.BAD_DATE),
        (CARD.replace("10052021", "31042021"), Reason.BAD_DATE),
        (CARD.replace("Nam", "X"), Reason.BAD_SEX),
        (CODE.replace("001093029317", "00109302931A"), Reason.BAD_ID_NUMBER),
        (CODE.replace("001093029317", "*" * 12), Reason.BAD_ID_NUMBER),
        (CODE.replace("001093029317", "*******17"), Reason.BAD_ID_NUMBER),
        (CODE.replace("001093029317", "0100000000"), Reason.BAD_ID_NUMBER),
        (CODE.replace("001093029317", "NGUYENVAN"), Reason.BAD_ID_NUMBER),
        (CODE.replace("NGUYEN LE KHA HAN", ""), Reason.BAD_NAME),
        (CODE.replace("1993-01-18", "1993-02-31"), Reason.BAD_DATE),
        (CODE.replace("1993-01-18", "18/01/1993"), Reason.BAD_DATE),
        (CODE.replace("1993-01-18", ""), Reason.BAD_DATE),
        (CODE.replace("|0|", "|2|"), Reason.BAD_DECLARATION),
        (CODE.replace("162979388586171100", "1" * 41), Reason.BAD_QID),
    ],
)
def test_each_fault_has_its_reason(text: str, reason: Reason) -> None:
    assert refusal(text) is reason


def test_a_card_is_read() -> None:
    assert asdict(read_person(CARD)) == asdict(Person(Scheme.CCCD, "001099012345", "Nguyễn Văn A", "1999-03-15", "male"))
    assert read_person(f"\ufeff{CARD}\r\n") == read_person(CARD)
    assert read_person(CARD.replace("||Ng", "|012345678|Ng")).old_id == "012345678"


def test_a_card_of_2024_reads_as_its_first_seven_fields() -> None:
    assert read_person(CARD + "|Nguyễn Văn B|Trần Thị C||x") == read_person(CARD)
    assert read_person(CARD + "|" * 40) == read_person(CARD)


@pytest.mark.parametrize(
    "text, warning",
    [
        (CARD.replace("001099", "003099"), WarningCode.PROVINCE_UNKNOWN),
        (CARD.replace("Nam", "Nữ"), WarningCode.SEX_MISMATCH),
        (CARD.replace("15031999", "15031998"), WarningCode.YEAR_MISMATCH),
        (CARD.replace("10052021", "14031999"), WarningCode.BORN_AFTER_ISSUE),
        (CARD.replace("||Ng", "|1234|Ng"), WarningCode.OLD_ID_IGNORED),
        (CARD.replace("Văn", "***"), WarningCode.HIDDEN_VALUES),
        (CODE.replace("029317", "***317"), WarningCode.HIDDEN_VALUES),
        (CODE.replace("1993-01-18", "1993-**-**"), WarningCode.HIDDEN_VALUES),
        (CODE.replace("0100123456", "010***3456"), WarningCode.HIDDEN_VALUES),
        (CODE.replace("<1<", "<7<"), WarningCode.EXTENSION_IGNORED),
        (CODE.replace("0100123456", "call me"), WarningCode.EXTENSION_IGNORED),
    ],
)
def test_what_is_odd_is_a_warning_and_no_refusal(text: str, warning: WarningCode) -> None:
    assert read_person(text).warnings == (warning,)


def test_there_are_63_provinces() -> None:
    assert len(set(provinces())) == 63


@given(person=cards | codes)
def test_no_persons_data_in_repr_logs_or_errors(person: Person) -> None:
    person = replace(person, name="Bí Mật " + person.name)
    secrets = {person.id_number, person.name, person.birth_date, person.phone, person.qid, person.old_id, person.card_number} - {None}
    for shown in (
        repr(person),
        str(person),
        f"{person}",
        f"{[person]}",
        logging.Formatter().format(logging.makeLogRecord({"msg": "%s", "args": (person,)})),
    ):
        assert not any(secret in shown for secret in secrets if secret)
    for spoilt in (write_person(person) + "|", "9" + write_person(person), write_person(person).replace("-", "/")):
        try:
            read_person(spoilt)
        except NotAPersonCode as refused:
            shown = f"{refused!r} {refused} {refused.args} {refused.__context__!r} {refused.__cause__!r}"
            assert not any(secret in shown for secret in secrets if secret)


def test_a_refusal_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(NotAPersonCode(Reason.BAD_DATE))).reason is Reason.BAD_DATE  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    "scheme, change",
    [
        (Scheme.CCCD, {"name": "A|B"}),
        (Scheme.CCCD, {"sex": None}),
        (Scheme.CCCD, {"birth_date": None}),
        (Scheme.CCCD, {"birth_date": "1999"}),
        (Scheme.BHYT, {"birth_date": None}),
        (Scheme.BHYT, {"card_number": None}),
        (Scheme.BHYT, {"card_number": "DN401010000000*"}),
        (Scheme.CCCD, {"id_number": "B1234567"}),
        (Scheme.NATIONAL, {"name": "A|B"}),
        (Scheme.NATIONAL, {"birth_date": None}),
        (Scheme.NATIONAL, {"phone": "1<2"}),
        (Scheme.NATIONAL, {"id_number": "12"}),
    ],
)
def test_what_a_code_cannot_say_is_not_written(scheme: Scheme, change: dict[str, str | None]) -> None:
    person = synthetic_people(1, scheme=scheme)[0]
    with pytest.raises(ValueError, match="cannot be written") as refused:
        write_person(replace(person, **change))  # type: ignore[arg-type]
    assert person.name not in str(refused.value)


def test_synthetic_people_are_sound_different_and_repeatable() -> None:
    people = synthetic_people(600, seed=7)
    assert people == synthetic_people(600, seed=7) != synthetic_people(600, seed=8)
    assert len({person.id_number for person in people}) == 600
    for person in people:
        assert read_person(write_person(person)) == person  # so: not one warning
    assert synthetic_people(0) == []
    with pytest.raises(ValueError, match="at least 0"):
        synthetic_people(-1)
