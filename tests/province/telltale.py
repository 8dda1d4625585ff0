"""What would give a person away in a file: their name and numbers, in every form in which they might lie there."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

from firmware.person_codes import Person
from firmware.person_codes.national import bare_capitals

SHORTEST = 6


def texts(person: Person) -> set[str]:
    numbers = {person.id_number, person.phone or "", person.card_number or "", person.old_id or "", person.qid or ""}
    if person.phone:
        numbers |= {person.phone.removeprefix("0"), "+84" + person.phone.removeprefix("0")}
    return {text for text in numbers | spellings(person.name) if len(text) >= SHORTEST}


def spellings(name: str) -> set[str]:
    """A name as programs write it: composed and decomposed, in capitals and small letters, with and without diacritics."""
    names = {name, bare_capitals(name), bare_capitals(name).lower(), name.upper(), name.casefold()}
    return {unicodedata.normalize(form, each) for each in names for form in ("NFC", "NFD")}


def base64_forms(data: bytes) -> Iterator[bytes]:
    """As it stands within a longer base64 text, at each of three places."""
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            yield encode(bytes(before) + data)[(0, 2, 3)[before] :].rstrip(b"=")[: -1 if (before + len(data)) % 3 else None]


def forms(text: str) -> set[bytes]:
    """A text as it may lie in a file."""
    found: set[bytes] = {
        json.dumps(text).strip('"').encode(),
        quote(text).encode(),
        quote(text).lower().encode(),
        quote_plus(text).encode(),
    }
    for code in ("utf-8", "utf-16-le", "utf-16-be"):
        data = text.encode(code)
        found |= {data, data.hex().encode(), data.hex().upper().encode(), *base64_forms(data), repr(data)[2:-1].encode()}
    return found


def needles(person: Person) -> set[bytes]:
    return {form for text in texts(person) for form in forms(text)}


def telling(data: bytes, people: list[Person]) -> list[int]:
    """Which of the people the bytes tell of."""
    return [place for place, person in enumerate(people) if any(needle in data for needle in needles(person))]


def files_that_tell(root: Path, people: list[Person]) -> list[str]:
    files = [file for file in sorted(root.rglob("*")) if file.is_file()]
    wanted = [needles(person) for person in people]
    found = []
    for file in files:
        data = file.read_bytes() + str(file.relative_to(root)).encode()
        found += [
            f"{file.relative_to(root)} tells of person {place}" for place, each in enumerate(wanted) if any(one in data for one in each)
        ]
    return found


def cells_that_tell(database: Path, people: list[Person]) -> list[str]:
    """Every value of every table: one that lies over several pages is in no file as a whole."""
    found = []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608
                data = b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
                found += [f"{table} tells of person {place}" for place in telling(data, people)]
    return found
