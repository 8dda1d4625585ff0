"""Invented people for the demonstration, trials and tests.

Names, numbers, dates and phones are drawn at random from lists; any likeness to someone who lives is chance. The phone
numbers begin with 010, which Vietnam withdrew in 2018. The same seed gives the same people on every machine.
"""

from __future__ import annotations

import random
from calendar import monthrange

from firmware.person_codes import Person, Scheme, Sex
from firmware.person_codes.citizen_id import provinces
from firmware.person_codes.national import bare_capitals

_FAMILY_NAMES = (
    "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đinh Trịnh Đoàn Lưu Mạc Tạ Quách Thạch Giàng Lò Ksor Châu"
)
_MIDDLE_NAMES: dict[Sex, str] = {
    "male": "Văn Hữu Đức Công Quốc Minh Thành Xuân Đình Quang Tuấn Gia Bảo Anh",
    "female": "Thị Ngọc Thu Phương Mỹ Kim Thanh Hồng Diệu Bích Quỳnh Khánh Như Cẩm",
}
_GIVEN_NAMES: dict[Sex, str] = {
    "male": "An Bình Cường Dũng Đạt Giang Hải Hiếu Huy Khải Kiệt Lâm Long Mạnh Nghĩa Phước Quân Sơn Tâm Thắng Tín Trí Tùng Vượng Vỹ Ưng",
    "female": "Ánh Châu Duyên Đào Hạnh Hiền Hương Lan Liễu Mai Nga Ngân Nguyệt Nhung Oanh Phượng Quyên Thảo Thủy Trâm Tuyết Uyên Vân Yến Ý",
}


def synthetic_people(count: int, seed: int = 1, scheme: Scheme | None = None) -> list[Person]:
    """Returns people who do not exist, no two with the same number; `write_person` makes their codes.

    Args:
        count: how many, at least 0.
        seed: another seed, other people; the first people of a seed are the same whatever the count.
        scheme: the form of all their codes; None gives every third a national code, the others an ID card.

    Raises:
        ValueError: count is below 0.

    Example:
        >>> people = synthetic_people(3)
        >>> people == synthetic_people(5)[:3], [str(person.scheme) for person in people]
        (True, ['cccd', 'cccd', 'national'])
    """
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    chance = random.Random(seed)  # noqa: S311 - repeatable inventions; nothing secret hangs on them
    people: dict[str, Person] = {}
    while len(people) < count:
        form = scheme or (Scheme.NATIONAL if len(people) % 3 == 2 else Scheme.CCCD)  # every third
        person = _person(chance, form)
        people.setdefault(person.id_number, person)
    return list(people.values())


def _person(chance: random.Random, scheme: Scheme) -> Person:
    sex: Sex = chance.choice(("male", "female"))
    year, month = chance.randint(1940, 2015), chance.randint(1, 12)
    day = chance.randint(1, monthrange(year, month)[1])
    century_and_sex = 2 * (year // 100 - 19) + (sex == "female")
    serial = chance.randint(1, 999_999)
    id_number = f"{chance.choice(provinces())}{century_and_sex}{year % 100:02}{serial:06}"
    name = " ".join(chance.choice(names.split()) for names in (_FAMILY_NAMES, _MIDDLE_NAMES[sex], _GIVEN_NAMES[sex]))
    old_id, phone, qid = (f"{chance.randrange(10**9):09}", f"010{chance.randrange(10**7):07}", f"{chance.randrange(10**18):018}")
    birth_date = f"{year}-{month:02}-{day:02}"
    if scheme is Scheme.CCCD:
        return Person(scheme, id_number, name, birth_date, sex, old_id=old_id if chance.random() < 0.5 else None)
    if scheme is Scheme.BHYT:
        insured = chance.choice((id_number, f"{chance.randrange(10**10):010}"))
        letters = chance.choice(("DN4", "HT2", "GD4", "HS4")) if len(insured) == 10 and chance.random() < 0.5 else ""
        return Person(
            scheme, insured, name, birth_date, sex, card_number=f"{letters}{chance.randint(1, 96):02}{insured}" if letters else insured
        )
    return Person(scheme, id_number, bare_capitals(name), birth_date, sex, phone=phone, qid=qid, declared_by="self")
