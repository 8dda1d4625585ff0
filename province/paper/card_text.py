"""Turns what someone typed, scanned or kept in a table into the texts of national personal codes to print.

A national code is printed to the letter. The code of an ID card, or a row of a table, is written as the national code that says the
same, declared by another. Nothing of a person is in any message.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from firmware.person_codes import NotAPersonCode, Person, Scheme, Sex, fields, read_person
from firmware.person_codes.national import bare_capitals
from firmware.person_codes.national import write as write_national
from province.base.errors import ProvinceError

MAX_BYTES = 4 * 1024 * 1024
MAX_CARDS = 5000
_SHOWN_PROBLEMS = 20

# What a column may be called. Spreadsheets in Vietnam have Vietnamese headings.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id_number": ("id_number", "số giấy tờ", "số cccd", "cccd"),
    "name": ("name", "họ tên", "họ và tên"),
    "birth_date": ("birth_date", "ngày sinh"),
    "sex": ("sex", "giới tính"),
    "phone": ("phone", "điện thoại", "số điện thoại"),
    "card_number": ("card_number", "số thẻ bhyt", "bhyt"),
}
_NEEDED = ("id_number", "name", "birth_date")
_SEXES: Mapping[str, Sex | None] = {"": None, "nam": "male", "male": "male", "nữ": "female", "female": "female"}
_DAY_FIRST = re.compile(r"([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{4})", re.ASCII)
_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_ZERO_LOST = re.compile(r"[0-9]{8}|[0-9]{10,11}", re.ASCII)
_Source = TypeVar("_Source")


class CardsWrong(ProvinceError):
    """Something in what should be printed is wrong: the first line says that, each further one what in which line; none of the content."""


@dataclass(frozen=True, slots=True)
class Card:
    """One card to print.

    Attributes:
        text: what the code holds.
        name: as it is printed beside the code.
        person: whom the code names.
    """

    text: str = field(repr=False)
    name: str = field(repr=False)
    person: Person


def cards_of_lines(data: bytes) -> list[Card]:
    """Reads one code a line, in any form that names a citizen number, an old number or a passport.

    Raises:
        CardsWrong: a line is no such code, or there is none.
    """
    return _collected(((number, line) for number, line in enumerate(_text(data).splitlines(), start=1) if line.strip()), _card_of_line)


def cards_of_table(data: bytes) -> list[Card]:
    """Reads a CSV table with a heading line: id_number, name, birth_date, and perhaps sex, phone, card_number, in any order.

    Raises:
        CardsWrong: the heading or a row is wrong.
    """
    text = _text(data)
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    names = [_column(heading) for heading in next(rows, [])]
    if None in names or len(set(names)) != len(names) or not set(_NEEDED) <= set(names):
        raise CardsWrong(f"the heading line must name {', '.join(_NEEDED)}, and may name sex, phone, card_number, each once.")
    columns = cast("list[str]", names)

    def found() -> Iterator[tuple[int, Mapping[str, str]]]:
        for row in rows:
            if any(cell.strip() for cell in row):
                yield rows.line_num, dict(zip(columns, (cell.strip() for cell in row), strict=False))

    try:
        return _collected(found(), _card_of_row)
    except csv.Error:
        raise CardsWrong(f"line {rows.line_num}: not CSV.") from None


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise CardsWrong(f"more than {MAX_BYTES} bytes: print fewer at once.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    raise CardsWrong("the text is not UTF-8: save the table as CSV UTF-8.")


def _collected(found: Iterable[tuple[int, _Source]], make: Callable[[_Source], Card]) -> list[Card]:
    cards, problems = [], []
    for number, source in found:
        try:
            cards.append(make(source))
        except (NotAPersonCode, ValueError) as error:
            problems.append(f"line {number}: {error}")
    if problems:
        more = f"\n  … and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        raise CardsWrong("nothing was printed:\n  " + "\n  ".join(problems[:_SHOWN_PROBLEMS]) + more)
    if not 1 <= len(cards) <= MAX_CARDS:
        raise CardsWrong(f"there are {len(cards)} codes: give 1 to {MAX_CARDS}.")
    return cards


def _card_of_line(line: str) -> Card:
    """The card of a code's text.

    Raises:
        NotAPersonCode: the text is no person's code.
        ValueError: no national code can say this person.
    """
    person = read_person(line)
    return Card(line.strip(), person.name, person) if person.scheme is Scheme.NATIONAL else _rewritten(person)


def _card_of_row(row: Mapping[str, str]) -> Card:
    """The card of a table's row.

    Raises:
        NotAPersonCode: a cell is not what a code can say.
        ValueError: the same, with a message for people.
    """
    if _ZERO_LOST.fullmatch(row.get("id_number", "")):
        raise ValueError("id_number: 12 or 9 digits; if the spreadsheet took leading zeros away, format the column as text")
    sex_word = unicodedata.normalize("NFC", row.get("sex", "")).lower()
    if sex_word not in _SEXES:
        raise ValueError("sex: must be Nam, Nữ or empty")
    return _rewritten(
        Person(
            Scheme.NATIONAL,
            fields.identity_number(row.get("id_number", "")),
            fields.name(row.get("name", "")),
            _birth_date(row.get("birth_date", "")),
            _SEXES[sex_word],
            phone=row.get("phone") or None,
            card_number=row.get("card_number") or None,
        )
    )


def _rewritten(person: Person) -> Card:
    """The card with the national code that says the same."""
    try:
        text = write_national(replace(person, name=bare_capitals(person.name), declared_by="other"))
    except ValueError:
        text = ""
    if not text:  # raised out here, and said for tables and other codes alike
        raise ValueError("no national code can say this: a citizen, old or passport number, a full birth date, a phone of 8 to 15 digits")
    return Card(text, unicodedata.normalize("NFC", person.name), read_person(text))


def _birth_date(text: str) -> str:
    if (parts := _YEAR_FIRST.fullmatch(text)) is not None:
        return fields.iso_date(*parts.groups())
    if (parts := _DAY_FIRST.fullmatch(text)) is not None:
        day, month, year = parts.groups()
        return fields.iso_date(year, month, day)
    raise ValueError("birth_date: must be DD/MM/YYYY or YYYY-MM-DD")


def _column(heading: str) -> str | None:
    wanted = unicodedata.normalize("NFC", heading).strip().lower()
    return next((name for name, spellings in _COLUMNS.items() if wanted in spellings), None)
