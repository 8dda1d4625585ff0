"""`gate-firmware parse` on codes of every kind and on spoilt ones; `make codes` is the same with more passes."""

from __future__ import annotations

from pathlib import Path

import every_code
import pytest

from province.demo.synthetic_codes import CodeForm, synthetic_codes


@pytest.mark.parametrize("form", CodeForm)
def test_2000_codes_of_each_kind_are_read_to_the_letter(form: CodeForm) -> None:
    codes = synthetic_codes(form, 2000)
    assert every_code.misread(codes) == []
    assert codes == synthetic_codes(form, 2000) != synthetic_codes(form, 2000, seed=2)


def test_passes_in_every_situation_get_their_answer(tmp_path: Path) -> None:
    assert {name: wrong for name, wrong in every_code.misjudged_passes(60, tmp_path) if wrong} == {}


def test_of_10000_spoilt_codes_none_is_accepted_with_an_impossible_date_or_length() -> None:
    assert every_code.wrongly_accepted(10_000) == ([], [])
