"""Who may look at the fleet: operators with a password of their own, each of one organisation or of the province's staff.

The page asks `Accounts` alone, so that another source of accounts can take this file's place. Passwords are made here and shown once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from edge_agent.base.process_lock import alone
from edge_agent.base.stamp import Stamp
from edge_agent.wire.topics import PROVINCE, is_name
from province.accounts import passwords
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError
from province.base.files import keep_folder, write_atomically
from province.base.layout import Layout


class Operator(msgspec.Struct, frozen=True):
    """Somebody who may look.

    Attributes:
        name: what they type to come in.
        org: the one organisation they see; None sees all, for the province's staff.
        commands: whether they may send commands too.
        hashed: of the password, in PHC form; another one ends their sessions.
    """

    name: Annotated[str, Meta(pattern="^[a-z0-9](?:[a-z0-9.-]{0,38}[a-z0-9])?$")]
    org: str | None
    commands: bool
    hashed: str


class _File(msgspec.Struct, frozen=True):
    version: int
    operators: list[Operator]


class Accounts(Protocol):
    """Where operators come from."""

    def counted_as(self, name: str) -> str:
        """By what tries at a name are counted: the same for every spelling that comes to the same operator.

        Raises:
            ProvinceError: it cannot be told now.
        """

    def enter(self, name: str, password: str, code: str = "") -> Operator | None:
        """Whom these let in, None when nobody; takes as long for a name that there is not.

        Args:
            name: what they type to come in.
            password: theirs.
            code: of the second step, where they have one.

        Raises:
            MustWait: the password is theirs, and the code was not looked at.
            ProvinceError: it cannot be told now.
        """

    def find(self, name: str) -> Operator | None:
        """An operator as they are now, None when there is none of this name any more."""


class AccountsFile:
    """The operators of a province, in one file that its commands write and the page reads; a change counts at once.

    Args:
        layout: the province.
    """

    def __init__(self, layout: Layout) -> None:
        self._file = layout.fleet_page / "operators.json"
        self._stamp = Stamp(self._file)
        self._known: dict[str, Operator] = {}
        self._reading = threading.Lock()
        self._check = passwords.Check()

    def counted_as(self, name: str) -> str:
        """By what tries at a name are counted: it is found as it is typed alone."""
        return f"name {name}"

    def enter(self, name: str, password: str, code: str = "") -> Operator | None:  # noqa: ARG002 - these have no second step
        """Whom these let in."""
        found = self.find(name)
        return found if self._check.is_of(password, None if found is None else found.hashed) else None

    def find(self, name: str) -> Operator | None:
        """An operator as they are now."""
        return self.all().get(name)

    def all(self) -> dict[str, Operator]:
        """Every operator, by name.

        Raises:
            ProvinceError: the file is damaged or cannot be read.
        """
        with self._reading:
            if self._stamp.changed():
                self._known = _read(self._file)
                self._stamp.taken()
            return self._known

    def add(self, name: str, org: str | None, *, commands: bool) -> str:
        """Lets somebody in, and returns their password, which is nowhere else.

        Raises:
            AlreadyThere: there is one of this name.
            NotAProvince: no name of an operator, or of an organisation.
            ProvinceError: it cannot be written.
        """
        if org is not None and (not is_name(org) or org == PROVINCE):
            raise NotAProvince(f"--org {org}: not an organisation's name. `gate-province device list` shows them.")
        password = passwords.made()
        with self._changing() as known:
            if name in known:
                raise AlreadyThere(f"{name}: is an operator already. A new password: gate-province login password DIR {name}")
            known[name] = _checked(Operator(name, org, commands, passwords.hashed(password)))
            self._write(known)
        return password

    def renew(self, name: str) -> str:
        """Gives somebody a new password, and returns it; where they are in they are out.

        Raises:
            NotAProvince: there is none of this name.
            ProvinceError: it cannot be written.
        """
        password = passwords.made()
        with self._changing() as known:
            known[name] = msgspec.structs.replace(_existing(known, name), hashed=passwords.hashed(password))
            self._write(known)
        return password

    def hand_over(self, name: str, take: Callable[[Operator], None]) -> None:
        """Gives an operator to another source of accounts, and keeps them no more once that has taken them.

        Raises:
            NotAProvince: there is none of this name.
            ProvinceError: it cannot be written, or the other takes them not.
        """
        with self._changing() as known:
            take(_existing(known, name))
            del known[name]
            self._write(known)

    def remove(self, name: str) -> None:
        """Lets somebody in no more, and puts them out where they are in.

        Raises:
            NotAProvince: there is none of this name.
            ProvinceError: it cannot be written.
        """
        with self._changing() as known:
            del known[_existing(known, name).name]
            self._write(known)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Operator]]:
        """The operators, for whoever changes them alone."""
        try:
            keep_folder(self._file.parent)
            with alone(self._file.with_suffix(".lock")):
                yield dict(_read(self._file))
        except OSError as error:
            raise ProvinceError(f"{self._file.parent}: cannot be written ({error.strerror}). Check the disk and the rights.") from None

    def _write(self, known: dict[str, Operator]) -> None:
        try:
            write_atomically(self._file, msgspec.json.format(msgspec.json.encode(_File(1, list(known.values())))) + b"\n")
        except OSError as error:
            raise ProvinceError(f"{self._file}: cannot be written ({error.strerror}). Check the disk and the rights.") from None


def _read(file: Path) -> dict[str, Operator]:
    try:
        return {each.name: each for each in msgspec.json.decode(file.read_bytes(), type=_File).operators}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ProvinceError(f"{file}: cannot be read ({error.strerror}). Run this as the folder's owner.") from None
    except msgspec.DecodeError:
        raise ProvinceError(f"{file}: damaged, nobody is let in. Restore it from a backup, or remove it and add all anew.") from None


def _existing(known: dict[str, Operator], name: str) -> Operator:
    if name not in known:
        raise NotAProvince(f"{name}: no operator of this name. `gate-province login list DIR` shows them.")
    return known[name]


def _checked(operator: Operator) -> Operator:
    try:
        return msgspec.convert(msgspec.to_builtins(operator), Operator)
    except msgspec.ValidationError:
        raise NotAProvince(f"{operator.name!r}: not a name: 1 to 40 of a–z, 0–9, and within also . and -") from None
