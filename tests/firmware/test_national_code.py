"""The national personal code as its Decision and the apps in use write it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.person_codes import NotAPersonCode, Reason, WarningCode, read_person

CODE = "001093029317|NGUYEN LE KHA HAN|1993-01-18|0|162979388586171100|<1<DN4010000000000<0100123456<sig"


def test_a_national_code_is_read() -> None:
    person = read_person(CODE)
    assert asdict(person) == {
        "scheme": "national",
        "id_number": "001093029317",
        "old_id": None,
        "name": "NGUYEN LE KHA HAN",
        "birth_date": "1993-01-18",
        "sex": "male",
        "phone": "0100123456",
        "card_number": "DN4010000000000",
        "qid": "162979388586171100",
        "declared_by": "self",
        "warnings": (),
    }


def test_the_published_layout_is_read() -> None:
    person = read_person("001093029317|NGUYEN LE KHA HAN|1987-01-18|0|162979388586171100|1<1<")
    assert (person.sex, person.declared_by, person.warnings) == ("male", "self", (WarningCode.YEAR_MISMATCH,))


@pytest.mark.parametrize(
    "extension, sex, card_number, phone",
    [
        ("", None, None, None),
        ("1", "male", None, None),
        ("2<", "female", None, None),
        ("1<GD4877*******<0943******", "male", "GD4877*******", "0943******"),
        ("1<<0100123456", "male", None, "0100123456"),
        ("<2<<0100123456<sig", "female", None, "0100123456"),
        ("162979388586171100<2<0100000001<+84100123456", "female", "0100000001", "+84100123456"),
        ("<0<DN4010000000000", None, "DN4010000000000", None),
        ("<*<DN4010000000000", None, "DN4010000000000", None),
    ],
)
def test_the_extension_is_read_with_and_without_a_place_for_the_proxy(
    extension: str, sex: str | None, card_number: str | None, phone: str | None
) -> None:
    person = read_person(f"001093029317|NGUYEN LE KHA HAN|1993-01-18|0|162979388586171100|{extension}")
    assert (person.sex, person.card_number, person.phone) == (sex, card_number, phone)
    assert WarningCode.EXTENSION_IGNORED not in person.warnings


@pytest.mark.parametrize("number", ["012345678", "001093029317", "B1234567", "b1234567", "PT1234567", "C01X00T47", "******678"])
def test_each_kind_of_document_is_taken(number: str) -> None:
    assert read_person(CODE.replace("001093029317", number)).id_number == number.upper()


def with_birth_date(text: str) -> str:
    return CODE.replace("1993-01-18", text)


@given(st.dates(date(1850, 1, 1), date(2100, 12, 31)), st.sets(st.sampled_from([0, 1, 2, 3, 5, 6, 8, 9]), min_size=1))
def test_a_real_date_is_taken_whatever_of_it_is_covered(day: date, covered: set[int]) -> None:
    person = read_person(with_birth_date("".join("*" if at in covered else char for at, char in enumerate(day.isoformat()))))
    assert (person.birth_date, person.warnings) == (None, (WarningCode.HIDDEN_VALUES,))


@pytest.mark.parametrize(
    "hidden",
    ["1987-9*-18", "1987-02-3*", "9999-99-**", "2**1-02-29", "17**-01-18", "211*-**-**", "19**-**-00", "****-1*-32", "***********"],
)  # fmt: skip
def test_a_covered_date_that_no_digits_make_real_is_refused(hidden: str) -> None:
    with pytest.raises(NotAPersonCode) as refused:
        read_person(with_birth_date(hidden))
    assert refused.value.reason is Reason.BAD_DATE
