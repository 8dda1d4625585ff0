"""Somebody of each role in the living province, with throw-away logins: the phone numbers begin with 010, which nobody has."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from types import MappingProxyType

from province.accounts import passwords
from province.accounts.account import Role, account
from province.accounts.roll import Roll, new_id
from province.base.layout import Layout
from province.demo.living_places import DISTRICT, PROVINCE_UNIT
from province.keys import people_keys
from province.keys.keystore import Keystore
from province.store import database


@dataclass(frozen=True, slots=True)
class Login:
    """How somebody comes in.

    Attributes:
        who: what they are, for people, in Vietnamese and English.
        phone: their number.
        password: made for this run.
    """

    role: Role
    who: str
    id: str
    phone: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Person:
    name: str
    role: Role
    who: str
    org: str | None = None
    unit: str | None = None
    sites: frozenset[str] = frozenset()
    commands: bool = False


_MARKETS, _SPECIAL = frozenset({"cho-coc-leu", "sieu-thi"}), frozenset({"benh-vien", "chot-cau-vong"})
# Invented, like everybody here.
_PEOPLE: Mapping[str, _Person] = MappingProxyType({
    "keeper": _Person("Lò Thị Mây", Role.KEEPER, "giữ cổng chợ, siêu thị · keeper of market and supermarket", sites=_MARKETS),
    "special": _Person("Đinh Công Hải", Role.SPECIAL, "bệnh viện, chốt kiểm soát · hospital and checkpoint", sites=_SPECIAL),
    "tracer": _Person("Vũ Minh Đạt", Role.TRACER, "cán bộ truy vết huyện · tracing officer of the district", unit=DISTRICT),
    "second": _Person("Hoàng Ngọc Liễu", Role.TRACER, "cán bộ truy vết tỉnh · tracing officer of the province", unit=PROVINCE_UNIT),
    "reporter": _Person("Phan Thu Hạnh", Role.REPORTER, "cán bộ báo cáo huyện · reporter of the district", unit=DISTRICT),
    "operator": _Person("Bùi Xuân Long", Role.OPERATOR, "vận hành máy quét · operator of the scanners"),
    "admin": _Person("Trịnh Gia Bảo", Role.ADMIN, "quản trị tỉnh · administrator of the province"),
})  # fmt: skip


def add_accounts(layout: Layout, now_ms: int) -> dict[str, Login]:
    """Adds somebody of each role; the tracing officers are two, so that one can look along.

    Returns:
        Their logins, by a short word.

    Raises:
        ProvinceError: they cannot be added.
    """
    roll = Roll(layout.register, people_keys.ensure(Keystore(layout.keystore)))
    made: dict[str, Login] = {}
    with closing(database.connect(layout.register)) as connection:
        for number, (word, one) in enumerate(_PEOPLE.items(), 1):
            phone, password = f"010000000{number}", passwords.made()
            whole = one.role is Role.OPERATOR and one.org is None
            its = account(new_id(), one.name, one.role, org=one.org, unit=one.unit, sites=one.sites, commands=one.commands, whole=whole)
            roll.add(connection, its, [phone], passwords.hashed(password), now_ms)
            made[word] = Login(one.role, one.who, its.id, phone, password)
    return made
