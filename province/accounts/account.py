"""What an account is: somebody who works with the province, their role, and how far it reaches."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from edge_agent.wire.topics import NAME_RULE, PROVINCE, is_name
from province.base.errors import AlreadyThere, NotAProvince
from province.keys.identifiers import domestic

NAME_CHARACTERS = 100
_ID = re.compile(r"[a-hj-km-np-z2-9]{8}")
_UNIT = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z.-]{0,38}[0-9A-Za-z])?")
_PHONE = re.compile(r"0\d{9,10}")


class Unfit(NotAProvince):
    """An account cannot be so.

    Attributes:
        key: what is wrong, for pages that say it in their own words.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class Taken(AlreadyThere):
    """Another account has it; `key` as in `Unfit`."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class Role(StrEnum):
    """What somebody may do."""

    KEEPER = "keeper"  # sees their own sites, masked
    SPECIAL = "special"  # of a hospital or checkpoint: sees all of their own sites, each look in the audit log
    TRACER = "tracer"  # sees all within a case
    REPORTER = "reporter"  # sees sums alone
    OPERATOR = "operator"  # looks after their organisation's scanners
    ADMIN = "admin"  # registers sites and accounts; sees masked boards


HAS_SITES = frozenset({Role.KEEPER, Role.SPECIAL})
HAS_UNIT = frozenset({Role.TRACER, Role.REPORTER})
HAS_ORG = frozenset({Role.OPERATOR, Role.REPORTER})  # of whom one may be for the whole province


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who works with the province.

    Attributes:
        id: eight letters and digits, by which they stand in logs and addresses.
        name: theirs; for the screen alone.
        org: the organisation an operator or reporter is of.
        unit: the administrative unit a tracer or reporter is of, whose level is theirs. An operator or reporter of neither is for the
            whole province.
        sites: what a keeper or somebody of a special site sees.
        commands: whether an operator may send commands.

    Raises:
        Unfit: a part cannot be.
    """

    id: str
    name: str = field(repr=False)
    role: Role
    org: str | None = None
    unit: str | None = None
    sites: frozenset[str] = frozenset()
    commands: bool = False

    def __post_init__(self) -> None:
        if _ID.fullmatch(self.id) is None:
            raise Unfit("id", f"account {self.id!r}: not an account's id.")
        if not 1 <= len(self.name) <= NAME_CHARACTERS or not self.name.isprintable() or self.name != self.name.strip():
            raise Unfit("name", f"--name: must be 1 to {NAME_CHARACTERS} printable characters.")
        for option, name in (("--org", self.org), *(("--site", site) for site in sorted(self.sites))):
            if name is not None and (not is_name(name) or name == PROVINCE):
                raise Unfit(option[2:], f"{option} {name!r}: must be {NAME_RULE}, and not {PROVINCE!r}.")
        if self.unit is not None and _UNIT.fullmatch(self.unit) is None:
            raise Unfit("unit", f"--unit {self.unit!r}: not the id of an administrative unit.")
        self._check_reach()

    @property
    def reach(self) -> str:
        """How far it reaches, in ids; empty for the whole province."""
        return ", ".join(sorted(self.sites)) or " · ".join(each for each in (self.unit, self.org) if each is not None)

    def _check_reach(self) -> None:
        if self.role in HAS_SITES and not self.sites:
            raise Unfit("needs-site", f"--role {self.role}: needs --site, one or more.")
        if self.sites and self.role not in HAS_SITES:
            raise Unfit("has-no-site", f"--role {self.role}: has no --site.")
        if self.role is Role.TRACER and self.unit is None:
            raise Unfit("needs-unit", "--role tracer: needs --unit, whose tracing officer they are.")
        if self.unit is not None and self.role not in HAS_UNIT:
            raise Unfit("has-no-unit", f"--role {self.role}: has no --unit.")
        if self.commands and self.role is not Role.OPERATOR:
            raise Unfit("has-no-commands", f"--role {self.role}: has no --commands; operators have.")


def account(
    id_: str,
    name: str,
    role: Role,
    *,
    org: str | None,
    unit: str | None,
    sites: frozenset[str],
    commands: bool = False,
    whole: bool = False,
) -> Account:
    """An account to be made or changed, its name in one Unicode form (NFC) and without spaces around it.

    Whoever is of no unit and no organisation must be said to be for the whole province; what a role makes nothing of is refused.

    Raises:
        Unfit: a part cannot be.
    """
    if org is not None and role not in HAS_ORG:
        raise Unfit("has-no-org", f"--role {role}: has no --org.")
    if whole and role not in HAS_ORG:
        raise Unfit("has-no-whole", f"--role {role}: has no --whole; operators and reporters have.")
    if role in HAS_ORG and whole is not (org is None and unit is None):
        either = "--unit, --org or both" if role in HAS_UNIT else "--org"
        raise Unfit("whole", f"--role {role}: needs {either}, or else --whole, who sees the whole province.")
    return Account(id_, unicodedata.normalize("NFC", name).strip(), role, org, unit, sites, commands)


def phone(text: str) -> str:
    """A Vietnamese phone number in one spelling.

    Raises:
        Unfit: it is none. What was given is not said.

    Example:
        >>> phone("+84 912 345 678"), phone("0912.345.678"), phone("84912345678")
        ('0912345678', '0912345678', '0912345678')
    """
    digits = "".join(char for char in unicodedata.normalize("NFKC", text) if char not in " .-()")
    digits = domestic(digits)
    if not digits.isascii() or _PHONE.fullmatch(digits) is None:
        raise Unfit("phone", "--phone: must be a Vietnamese number, such as 0912345678 or +84912345678.")
    return digits
