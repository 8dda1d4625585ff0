"""Texts of codes of every kind for invented people, each with what a reader must make of it; for the demonstration, trials and tests.

The texts are put together here from the published layouts, not by the code that reads them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from firmware.health_pass import base45
from firmware.person_codes import DeclaredBy, Person, Scheme
from firmware.person_codes.national import bare_capitals
from province.demo.synthetic import synthetic_people
from province.demo.synthetic_passes import PassIssuer, pass_claims, pass_content, pass_text


class CodeForm(StrEnum):
    """The kinds of texts that are generated."""

    NATIONAL = "national"
    NATIONAL_PASSPORT = "national, foreigner's passport"
    NATIONAL_OLD_ID = "national, 9-digit number"
    NATIONAL_HIDDEN = "national, partly hidden"
    CCCD = "citizen ID card, 7 fields"
    CCCD_2024 = "citizen ID card, 11 fields"
    BHYT = "health insurance card"
    SITE_CODE = "site code"
    TICKET = "enrolment ticket"
    WIFI = "Wi-Fi"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class SyntheticCode:
    """A code's text and its meaning.

    Attributes:
        text: what the code holds.
        meaning: what `gate-firmware parse --json` must say of it; of a code that names nobody, its `kind` alone.
    """

    text: str = field(repr=False)
    meaning: dict[str, object] = field(repr=False)


def synthetic_codes(form: CodeForm, count: int, seed: int = 1) -> list[SyntheticCode]:
    """Returns codes of one kind, the same for the same seed.

    Example:
        >>> [code] = synthetic_codes(CodeForm.WIFI, 1)
        >>> code.meaning
        {'kind': 'wifi'}
    """
    chance = random.Random(f"{seed} {form}")  # noqa: S311 - repeatable inventions; nothing secret hangs on them
    if form in _NOBODY:
        kind, make = _NOBODY[form]
        return [SyntheticCode(make(chance), {"kind": kind}) for _ in range(count)]
    scheme, write = _PEOPLE[form]
    return [SyntheticCode(*write(person, chance)) for person in synthetic_people(count, seed, scheme)]


def synthetic_passes(issuer: PassIssuer, count: int, wall_ms: int, seed: int = 1) -> list[SyntheticCode]:
    """Returns health passes of one issuer, good at `wall_ms` by turns, or expired, or not valid yet then."""
    now, codes = datetime.fromtimestamp(wall_ms / 1000, UTC), []
    turns = (("valid", -100, 100), ("expired", -200, -1), ("not-yet-valid", 1, 100))
    for number, person in enumerate(synthetic_people(count, seed)):
        answer, first, last = turns[number % 3]
        claims = pass_claims(pass_content(person), now + timedelta(days=first), now + timedelta(days=last), issuer.country)
        name = bare_capitals(person.name)
        codes.append(
            SyntheticCode(
                pass_text(issuer, claims), {"kind": "health-pass", "answer": answer, "name": name, "birth_date": person.birth_date}
            )
        )
    return codes


def _of_person(text: str, person: Person) -> tuple[str, dict[str, object]]:
    return text, {"kind": "person", **asdict(person), "warnings": list(person.warnings)}


def _sex(person: Person) -> str:
    return {None: "0", "male": "1", "female": "2"}[person.sex]


def _national(person: Person, chance: random.Random) -> tuple[str, dict[str, object]]:
    card = chance.choice((None, f"DN4{chance.randrange(10**12):012}", f"{chance.randrange(10**10):010}"))
    declared: DeclaredBy = chance.choice(("self", "other"))
    proxy = f"{chance.randrange(10**18):018}" if declared == "other" else ""
    person = replace(person, card_number=card, declared_by=declared)
    head = f"{person.id_number}|{person.name}|{person.birth_date}|{'01'[declared == 'other']}|{person.qid}"
    kept = f"{_sex(person)}<{card or ''}<{person.phone}"
    place_left_out = not proxy and chance.random() < 0.5  # some apps write no place for a proxy who is not there
    signature = chance.choice(("", "<", "<c2lnbmF0dXJl"))
    return _of_person(f"{head}|{kept if place_left_out else f'{proxy}<{kept}'}{signature}", person)


def _national_numbered(number: Callable[[random.Random], str]) -> Callable[[Person, random.Random], tuple[str, dict[str, object]]]:
    return lambda person, chance: _national(replace(person, id_number=number(chance)), chance)


def _passport(chance: random.Random) -> str:
    letters = "".join(chance.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(chance.randint(1, 2)))
    return f"{letters}{chance.randrange(10**7):07}"


def _national_hidden(person: Person, chance: random.Random) -> tuple[str, dict[str, object]]:
    number = chance.choice(
        (f"******{person.id_number[6:]}", f"{person.id_number[:3]}*****{person.id_number[8:]}", f"******{person.id_number[-3:]}")
    )
    birth = chance.choice(("****-**-**", f"{(person.birth_date or '')[:4]}-**-**"))
    name = f"{person.name.split()[0]} *** {person.name.split()[-1]}"
    phone = f"{(person.phone or '')[:4]}******"
    hidden = replace(person, id_number=number, name=name, birth_date=None, phone=phone, warnings=("hidden-values",))
    return _of_person(f"{number}|{name}|{birth}|0|{person.qid}|<{_sex(person)}<<{phone}", hidden)


def _cccd(person: Person, chance: random.Random) -> tuple[str, dict[str, object]]:
    year, month, day = (person.birth_date or "").split("-")
    word = {"male": "Nam", "female": "Nữ"}[person.sex or "male"]
    address = chance.choice(("", "Thôn 3, Xã Ví Dụ, Huyện Mẫu, Tỉnh Thử", "Số 1 đường Thử"))
    text = f"{person.id_number}|{person.old_id or ''}|{person.name}|{day}{month}{year}|{word}|{address}|{chance.randint(1, 28):02}052021"
    return _of_person(text, person)


def _cccd_2024(person: Person, chance: random.Random) -> tuple[str, dict[str, object]]:
    text, meaning = _cccd(person, chance)
    return f"{text}|{chance.choice(('', 'Nguyễn Văn Cha'))}|{chance.choice(('', 'Trần Thị Mẹ'))}||", meaning


def _bhyt(person: Person, chance: random.Random) -> tuple[str, dict[str, object]]:
    year, month, day = (person.birth_date or "").split("-")
    if chance.random() < 0.3:
        person, birth = replace(person, birth_date=year), year
    else:
        birth = f"{day}/{month}/{year}"
    name, address = person.name.encode().hex(), chance.choice(("-", "Xã Ví Dụ".encode().hex()))
    valid_from = f"01/{chance.randint(1, 12):02}/2021"
    tail = f"{address}|01 - 001|{valid_from}|-|{valid_from}|-|-|4|01/01/2025|{chance.getrandbits(64):x}-7102|$"
    return _of_person(f"{person.card_number}|{name}|{birth}|{_sex(person)}|{tail}", person)


def _signed(prefix: str) -> Callable[[random.Random], str]:
    return lambda chance: prefix + base45.encode(chance.randbytes(chance.randint(80, 160)))


def _wifi(chance: random.Random) -> str:
    word = "".join(chance.choice("abcdefghij|;:012345") for _ in range(12))
    return f"{chance.choice(('WIFI', 'wifi', 'Wifi'))}:T:WPA;S:cho-{word};P:{word[::-1]};;"


def _anything(chance: random.Random) -> str:
    number = chance.randrange(10**9)
    return chance.choice(
        (
            f"https://example.org/{number}",
            f"tel:{number}",
            f"{number}",
            f"MECARD:N:{number};;",
            f"BEGIN:VCARD\tN:{number}",
            f"GATE1:X:{number}",
        )
    )


_PEOPLE: dict[CodeForm, tuple[Scheme, Callable[[Person, random.Random], tuple[str, dict[str, object]]]]] = {
    CodeForm.NATIONAL: (Scheme.NATIONAL, _national),
    CodeForm.NATIONAL_PASSPORT: (Scheme.NATIONAL, _national_numbered(_passport)),
    CodeForm.NATIONAL_OLD_ID: (Scheme.NATIONAL, _national_numbered(lambda chance: f"{chance.randrange(10**9):09}")),
    CodeForm.NATIONAL_HIDDEN: (Scheme.NATIONAL, _national_hidden),
    CodeForm.CCCD: (Scheme.CCCD, _cccd),
    CodeForm.CCCD_2024: (Scheme.CCCD, _cccd_2024),
    CodeForm.BHYT: (Scheme.BHYT, _bhyt),
}
_NOBODY: dict[CodeForm, tuple[str, Callable[[random.Random], str]]] = {
    CodeForm.SITE_CODE: ("site-code", _signed("GATE1:S:")),
    CodeForm.TICKET: ("enrolment-ticket", _signed("GATE1:T:")),
    CodeForm.WIFI: ("wifi", _wifi),
    CodeForm.OTHER: ("unknown", _anything),
}
