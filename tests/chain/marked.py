"""Invented people with names that nothing else is called by, their codes of every kind, and the search for any trace of them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from telltale import SHORTEST, forms, spellings

from firmware.person_codes import Person
from province.demo import synthetic
from province.demo.synthetic_codes import CodeForm, SyntheticCode, synthetic_codes, synthetic_passes
from province.demo.synthetic_passes import PassIssuer, new_issuer, trust_list

# Each word is rare enough to be looked for by itself: a given name alone gives somebody away too.
FAMILY, MIDDLE, GIVEN = "Xươngquỵnh", "Đẫmvuốtz", "Phyễnzậuk"
OTHERS = ("Nguyễn Văn Cha", "Trần Thị Mẹ", "Xã Ví Dụ")  # parents and addresses, as synthetic codes have them
PAPER = {"name": f"{FAMILY} {GIVEN}", "id_number": "001099012345", "birth_date": "1999-03-15", "phone": "0101234567"}  # declared by hand
_NOBODYS = (CodeForm.SITE_CODE, CodeForm.TICKET, CodeForm.WIFI, CodeForm.OTHER)
_PERSON = {field.name for field in fields(Person)}


@dataclass(frozen=True)
class Marked:
    """Codes to show, and what must be found of them nowhere.

    Attributes:
        codes: texts, each answered by the gate.
        trusted: the trust list's document.
        needles: by what they are, each in every form in which it could lie in a file.
    """

    codes: tuple[str, ...]
    trusted: Mapping[str, object]
    needles: Mapping[str, frozenset[bytes]]

    @property
    def all_at_hand(self) -> str:
        """Everything that a fault could have at hand."""
        return "\n".join(self.codes)

    def traces(self, data: bytes) -> list[str]:
        """What of the people is in some bytes."""
        return [what for what, found in self.needles.items() if any(needle in data for needle in found)]


def marked(monkeypatch: pytest.MonkeyPatch) -> Marked:
    """The marked people's codes: every kind, and health passes of an issuer that is trusted and of one that is not."""
    monkeypatch.setattr(synthetic, "_FAMILY_NAMES", FAMILY)
    monkeypatch.setattr(synthetic, "_MIDDLE_NAMES", dict.fromkeys(("male", "female"), MIDDLE))
    monkeypatch.setattr(synthetic, "_GIVEN_NAMES", dict.fromkeys(("male", "female"), GIVEN))
    now = datetime.now(UTC)
    ours, theirs = (new_issuer("ES256", "VN", datetime(2021, 1, 1, tzinfo=UTC)) for _ in range(2))
    codes = [code for form in CodeForm if form not in _NOBODYS for code in synthetic_codes(form, 2, seed=77)]
    codes += [code for issuer in (ours, theirs) for code in _passes(issuer, now)]
    numbers = {str(value) for code in codes for key, value in code.meaning.items() if key in _PERSON and _is_number(value)}
    words = {word: spellings(word) for word in (FAMILY, MIDDLE, GIVEN)} | {words: {words} for words in OTHERS}
    words |= {number: {number} for number in numbers | {PAPER["id_number"], PAPER["phone"]}}
    needles = {what: frozenset(form for text in written for form in forms(text)) for what, written in words.items()}
    return Marked(tuple(code.text for code in codes), trust_list(ours), needles)


def _passes(issuer: PassIssuer, now: datetime) -> list[SyntheticCode]:
    return synthetic_passes(issuer, 3, int(now.timestamp() * 1000), seed=78)


def _is_number(value: object) -> bool:
    return isinstance(value, str) and sum(char.isdecimal() for char in value) > SHORTEST and "*" not in value and "-" not in value


def torn(code: str) -> Iterator[bytes]:
    """What readers make of a code on a bad day: halves, doubled, garbled, with control characters, in other letters."""
    data = code.encode()
    yield data[: len(data) // 2]
    yield data[len(data) // 3 :]
    yield data + data
    yield data.replace(b"|", b"\x1b[2J|")
    yield data.swapcase()
    yield code.encode("utf-16-le").replace(b"\r", b"").replace(b"\n", b"")
    yield b"https://example.org/?who=" + data
    yield b"GATE1:T:" + data


def traces_in(folder: Path, people: Marked) -> list[str]:
    """Every trace of the people in the files of a folder, in their names, and in the files within bundles."""
    found = []
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        name = str(file.relative_to(folder))
        for where, data in (("", file.read_bytes() + name.encode()), *_within(file)):
            found += [f"{name}{where} tells {what}" for what in people.traces(data)]
    return found


def _within(file: Path) -> Iterator[tuple[str, bytes]]:
    if file.name.endswith(".tar.gz"):
        with tarfile.open(file) as archive:
            for one in archive:
                yield f":{one.name}", (archive.extractfile(one) or io.BytesIO()).read()


def write_trusted(file: Path, people: Marked) -> Path:
    file.write_text(json.dumps(people.trusted), "utf-8")
    return file
