"""What must hold for the code of every health insurance card."""

from __future__ import annotations

import unicodedata
from dataclasses import asdict, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.person_codes import NotAPersonCode, Person, Reason, Scheme, WarningCode, bhyt, read_person, write_person

CARD = f"DN4010100000001|{'Nguyễn Văn A'.encode().hex()}|15/03/1999|1|-|01 - 001|01/01/2021|-|01/01/2021|-|-|4|01/01/2025|abc|$"

numbers = st.from_regex(r"[A-Z]{2}[0-9]{13}|[0-9]{10}|[0-9]{12}", fullmatch=True)
names = st.lists(st.text(alphabet="ABĐÊabcđéưởỹ", min_size=1, max_size=8), min_size=1, max_size=5).map(" ".join)
days = st.dates(date(1850, 1, 1), date(2100, 12, 31)).map(date.isoformat)


@st.composite
def cards(draw: st.DrawFn) -> Person:
    card_number, birth = draw(numbers), draw(days)
    number = bhyt.insured_number(card_number) or ""
    sex = draw(st.sampled_from([None, "male", "female"]))
    return Person(Scheme.BHYT, number, draw(names), draw(st.sampled_from([birth, birth[:4]])), sex, card_number=card_number)  # type: ignore[arg-type]


@given(person=cards())
def test_what_is_written_is_read_back_to_the_letter(person: Person) -> None:
    read = read_person(write_person(person))
    assert replace(read, warnings=()) == replace(person, name=unicodedata.normalize("NFC", person.name))
    assert write_person(read) == write_person(person)


@given(person=cards(), data=st.data())
def test_a_changed_card_never_gives_an_impossible_person(person: Person, data: st.DataObject) -> None:
    person = replace(person, name="Bí Mật " + person.name)
    text = list(write_person(person))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 40))
        text[at] = data.draw(st.sampled_from(["", "0", "9", "|", "*", "/", "f", "-", text[at] * 2]))
    try:
        read = read_person("".join(text))
    except NotAPersonCode as refused:
        text_told = f"{refused!r} {refused.__context__!r}"
    else:
        text_told = repr(read)
        assert len(read.id_number) in (10, 12)
        assert (read.card_number or "").endswith(read.id_number)
        born = read.birth_date or ""
        assert date.fromisoformat(born if len(born) == 10 else f"{born}-01-01").year in range(1850, 2101)
    assert person.name not in text_told
    assert person.id_number not in text_told


def test_a_card_is_read() -> None:
    assert asdict(read_person(CARD)) == asdict(
        Person(Scheme.BHYT, "0100000001", "Nguyễn Văn A", "1999-03-15", "male", card_number="DN4010100000001")
    )
    assert read_person(CARD.replace("15/03/1999", "1999")).birth_date == "1999"
    assert read_person(CARD.replace("|1|", "|2|")).sex == "female"
    assert read_person(f" {CARD.replace('|$', '$')}\r\n") == read_person(CARD)


def test_since_2025_a_card_may_carry_the_citizen_number_which_is_then_checked_like_one() -> None:
    person = read_person(CARD.replace("DN4010100000001", "001099012345"))
    assert (person.id_number, person.card_number, person.warnings) == ("001099012345", "001099012345", ())
    odd = read_person(CARD.replace("DN4010100000001", "001199012345"))
    assert odd.warnings == (WarningCode.SEX_MISMATCH,)
    assert read_person(CARD.replace("DN4010100000001", "001099012345").replace("15/03/1999", "1999")).warnings == ()


@pytest.mark.parametrize(
    "text, reason",
    [
        (CARD[:-1], Reason.UNKNOWN_FORMAT),
        (CARD.replace("|01/01/2021|-|-|", "|"), Reason.UNKNOWN_FORMAT),
        (CARD.replace("DN4010100000001", "DN401010000001"), Reason.BAD_CARD_NUMBER),
        (CARD.replace("DN4010100000001", "DNX010100000001"), Reason.BAD_CARD_NUMBER),
        (CARD.replace("DN4010100000001", "٠٠١٠٩٩٠١٢٣"), Reason.BAD_CARD_NUMBER),
        (CARD.replace("DN4010100000001", "ıN4010100000001"), Reason.BAD_CARD_NUMBER),
        (CARD.replace("|4e67", "|e67"), Reason.BAD_NAME),
        (CARD.replace("|4e67", "|zz67"), Reason.BAD_NAME),
        (CARD.replace("|4e67", "|c3"), Reason.BAD_NAME),
        (CARD.replace("|4e67", "|1b5b"), Reason.BAD_NAME),
        (CARD.replace("15/03/1999", "31/02/1999"), Reason.BAD_DATE),
        (CARD.replace("15/03/1999", "00/03/1999"), Reason.BAD_DATE),
        (CARD.replace("15/03/1999", "15031999"), Reason.BAD_DATE),
        (CARD.replace("15/03/1999", "1849"), Reason.BAD_DATE),
        (CARD.replace("15/03/1999", ""), Reason.BAD_DATE),
        (CARD.replace("|1|", "|3|"), Reason.BAD_SEX),
    ],
)
def test_each_fault_has_its_reason(text: str, reason: Reason) -> None:
    with pytest.raises(NotAPersonCode) as refused:
        read_person(text)
    assert refused.value.reason is reason
