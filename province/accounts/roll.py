"""The roll of accounts in the register: added, changed, found by phone or id. Names and phones are closed at rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from sqlalchemy import delete, func, insert, select, update

from edge_agent.wire.cbor import encode
from province.accounts import passwords, second
from province.accounts.account import Account, Role, Taken, Unfit
from province.accounts.rights import Rights, forget
from province.keys import people_rights
from province.keys.people_keys import PeopleKeys
from province.store.accounts_tables import account as table
from province.store.accounts_tables import account_phone, account_recovery, account_site
from province.store.database import transaction
from province.store.opened import Connection, Row

ID_LETTERS = 8


@dataclass(frozen=True, slots=True)
class Member:
    """An account with what it comes in by.

    Attributes:
        hashed: of the password.
        totp: the secret of the second step, None where it is not set up.
        totp_step: of the last code that was taken.
        mark: another one when role, reach, password or second step have changed: whoever is in with the one before is out.
    """

    account: Account
    hashed: str = field(repr=False)
    totp: bytes | None = field(repr=False)
    totp_step: int
    mark: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Roll:
    """All accounts of a province. A change is part of the transaction that is open, such as its audit line's, or has one of its own.

    Args:
        path: the register, for messages.
        keys: find and read them.
    """

    path: Path
    keys: PeopleKeys = field(repr=False)

    # ── finding ──

    def find(self, connection: Connection, id_: str) -> Member | None:
        """By id; None where there is none."""
        row = connection.row(select(table).where(table.c.id == id_))
        return None if row is None else self._member(row, self._sites(connection, id_))

    def by_phone(self, connection: Connection, phone: str) -> Member | None:
        """By one of their numbers; None where it is nobody's."""
        id_ = connection.value(select(account_phone.c.account).where(account_phone.c.token == self.keys.token(phone)))
        return None if id_ is None else self.find(connection, id_)

    def every(self, connection: Connection) -> list[Member]:
        """All, oldest first."""
        sites: dict[str, set[str]] = {}
        for row in connection.rows(select(account_site)):
            sites.setdefault(row["account"], set()).add(row["site"])
        rows = connection.rows(select(table).order_by(table.c.made_ms, table.c.id))
        return [self._member(row, frozenset(sites.get(row["id"], ()))) for row in rows]

    def some(
        self, connection: Connection, *, role: Role | None = None, site: str | None = None, skip: int = 0, most: int = 50
    ) -> tuple[list[Member], int]:
        """Some of them, oldest first, and how many there are in all: of a role, of a site, or of both."""
        wanted = select(table)
        if role is not None:
            wanted = wanted.where(table.c.role == str(role))
        if site is not None:
            wanted = wanted.where(table.c.id.in_(select(account_site.c.account).where(account_site.c.site == site)))
        count = int(connection.value(select(func.count()).select_from(wanted.subquery())))
        rows = connection.rows(wanted.order_by(table.c.made_ms, table.c.id).offset(skip).limit(most))
        return [self._member(row, self._sites(connection, row["id"])) for row in rows], count

    def all_phones(self, connection: Connection) -> dict[str, list[str]]:
        """Everybody's numbers, by account, in order."""
        found: dict[str, list[str]] = {}
        for row in connection.rows(select(account_phone)):
            found.setdefault(row["account"], []).append(self.keys.open(row["phone"], "phone", row["account"]))
        return {id_: sorted(numbers) for id_, numbers in found.items()}

    def phones(self, connection: Connection, id_: str) -> list[str]:
        """Their numbers, in order."""
        rows = connection.rows(select(account_phone.c.phone).where(account_phone.c.account == id_))
        return sorted(self.keys.open(row["phone"], "phone", id_) for row in rows)

    @staticmethod
    def _sites(connection: Connection, id_: str) -> frozenset[str]:
        return frozenset(each["site"] for each in connection.rows(select(account_site.c.site).where(account_site.c.account == id_)))

    def _member(self, row: Row, sites: frozenset[str]) -> Member:
        id_ = row["id"]
        one = Account(
            id_, self.keys.open(row["name"], "name", id_), Role(row["role"]), row["org"], row["unit"], sites, bool(row["commands"])
        )
        totp = None if row["totp"] is None else bytes.fromhex(self.keys.open(row["totp"], "totp", id_))
        parts = [one.role, one.org, one.unit, sorted(sites), one.commands, row["hashed"], row["totp"]]
        return Member(one, row["hashed"], totp, row["totp_step"], sha256(encode(parts)).hexdigest())

    # ── changing ──

    def add(self, connection: Connection, one: Account, phones: Sequence[str], hashed: str, now_ms: int) -> None:
        """Adds an account.

        Args:
            connection: the register.
            one: the account, of a new id.
            phones: their numbers, at least one, as `account.phone` writes them.
            hashed: what is kept of their password.
            now_ms: milliseconds since 1970 UTC.

        Raises:
            Taken: a number is another's, or the unit has a tracing officer.
            Unfit: no number.
            RegisterBusy: not now.
        """
        if not phones:
            raise Unfit("phone", "--phone: at least one, by which they come in.")
        with self._within(connection):
            self._check_unit(connection, one)
            row = {
                "id": one.id, "name": self.keys.close(one.name, "name", one.id), "role": str(one.role), "org": one.org, "unit": one.unit,
                "commands": int(one.commands), "hashed": hashed, "made_ms": now_ms,
            }  # fmt: skip
            connection.execute(insert(table), row)
            self._set_sites(connection, one)
            for number in phones:
                self._add_phone(connection, one.id, number)

    @contextmanager
    def _changing(self, connection: Connection, id_: str, seen: str | None, *, ends: bool = False) -> Iterator[None]:
        """A change of an account's rights, all or nothing, noted.

        Args:
            connection: the register.
            id_: whose account.
            seen: its mark when who changes it saw it; None: whatever it is now.
            ends: whether they are an administrator no more after it.

        Raises:
            Unfit: it has changed since, is gone, or is the last administrator's.
        """
        try:
            with self._within(connection):
                before = self._check(connection, id_, seen, ends=ends).mark
                yield
                self.rights.note(connection, id_, before)
        finally:
            if not connection.in_transaction:
                self.rights.settle(connection)

    @contextmanager
    def _within(self, connection: Connection) -> Iterator[None]:
        """The transaction that is open, or one of its own."""
        if connection.in_transaction:
            yield
        else:
            with transaction(connection, self.path):
                yield

    def _check(self, connection: Connection, id_: str, seen: str | None, *, ends: bool = False) -> Member:
        found = self.find(connection, id_)
        if found is None or (seen is not None and found.mark != seen):
            raise Unfit("changed", f"{id_}: somebody changed or removed this account meanwhile. Look at it again.")
        others = select(table.c.id).where(table.c.role == str(Role.ADMIN), table.c.id != id_)
        if ends and found.account.role is Role.ADMIN and not connection.has(others):
            raise Unfit(
                "last-admin", f"{id_}: the last administrator; nobody could make accounts on the pages. If it must be: --last-admin."
            )
        return found

    def change(self, connection: Connection, one: Account, *, seen: str | None = None, last_admin: bool = False) -> None:
        """Gives an account another name, role or reach; whoever is in with the one before is out.

        Args:
            connection: the register.
            one: the account as it is to be.
            seen: its mark when who changes it saw it, here and below; None: whatever it is now.
            last_admin: whether it may leave the province without an administrator.

        Raises:
            Taken: the unit has a tracing officer.
            Unfit: here and below: the account has changed since, or is gone; or it is the last administrator's.
            RegisterBusy: not now.
        """
        with self._changing(connection, one.id, seen, ends=one.role is not Role.ADMIN and not last_admin):
            self._check_unit(connection, one)
            values = {
                "name": self.keys.close(one.name, "name", one.id), "role": str(one.role), "org": one.org, "unit": one.unit,
                "commands": int(one.commands),
            }  # fmt: skip
            connection.execute(update(table).where(table.c.id == one.id).values(**values))
            connection.execute(delete(account_site).where(account_site.c.account == one.id))
            self._set_sites(connection, one)

    def set_password(self, connection: Connection, id_: str, hashed: str, *, seen: str | None = None) -> None:
        """Gives them another password, of which what is kept is given (`passwords.hashed`); whoever is in with the one before is out.

        Raises:
            RegisterBusy: not now.
        """
        with self._changing(connection, id_, seen):
            connection.execute(update(table).where(table.c.id == id_).values(hashed=hashed))

    def set_second(
        self, connection: Connection, id_: str, secret: bytes | None, step: int = 0, codes: Sequence[str] = (), *, seen: str | None = None
    ) -> None:
        """Sets up the second step anew, or takes it away; whoever is in with the one before is out.

        Args:
            connection: the register.
            id_: whose.
            secret: what the phone makes its codes from, None for none.
            step: of the code that showed that the phone has it.
            codes: recovery codes, in clear; what is kept are their hashes.
            seen: as `change` says.

        Raises:
            RegisterBusy: not now.
        """
        closed = None if secret is None else self.keys.close(secret.hex(), "totp", id_)
        with self._changing(connection, id_, seen):
            connection.execute(update(table).where(table.c.id == id_).values(totp=closed, totp_step=step))
            connection.execute(delete(account_recovery).where(account_recovery.c.account == id_))
            if codes:
                connection.execute(insert(account_recovery), [{"account": id_, "hash": second.recovery_hash(code)} for code in codes])

    def take_code(self, connection: Connection, id_: str, code: str, now_ms: int) -> bool:
        """Whether a code of the phone, or one from paper, lets them in now; it does so once, whoever else asks meanwhile.

        Raises:
            RegisterBusy: not now.
        """
        with transaction(connection, self.path):
            member = self.find(connection, id_)
            if member is None or member.totp is None:
                return False
            step = second.step_of(member.totp, code, now_ms, member.totp_step)
            if step is not None:
                connection.execute(update(table).where(table.c.id == id_).values(totp_step=step))
                return True
            hash_ = second.recovery_hash(code)
            its = (account_recovery.c.account == id_, account_recovery.c.hash == hash_)
            if not connection.has(select(account_recovery.c.account).where(*its)):
                return False
            connection.execute(delete(account_recovery).where(*its))
            self.rights.note(connection, id_, member.mark, people_rights.short(hash_))
            return True

    def codes_left(self, connection: Connection, id_: str) -> int:
        """How many codes on paper they have left."""
        return int(connection.value(select(func.count()).select_from(account_recovery).where(account_recovery.c.account == id_)))

    def add_phone(self, connection: Connection, id_: str, phone: str, *, seen: str | None = None) -> None:
        """Gives them one more number.

        Raises:
            Taken: it is another's, or theirs.
            RegisterBusy: not now.
        """
        with self._within(connection):
            self._check(connection, id_, seen)
            self._add_phone(connection, id_, phone)

    def remove_phone(self, connection: Connection, id_: str, phone: str, *, seen: str | None = None) -> None:
        """Takes a number from them.

        Raises:
            Unfit: it is not theirs, or their last.
            RegisterBusy: not now.
        """
        own = account_phone.c.account == id_
        with self._within(connection):
            self._check(connection, id_, seen)
            kept = {bytes(row["token"]) for row in connection.rows(select(account_phone.c.token).where(own))}
            token = self.keys.token(phone)
            if token not in kept:
                raise Unfit("not-theirs", "--phone: not a number of this account.")
            if len(kept) == 1:
                raise Unfit("last-phone", "--phone: their last number. Add another first, or remove the account.")
            connection.execute(delete(account_phone).where(own, account_phone.c.token == token))

    def remove(self, connection: Connection, id_: str, *, seen: str | None = None, last_admin: bool = False) -> None:
        """Removes an account; whoever is in with it is out.

        Raises:
            RegisterBusy: not now.
        """
        with self._changing(connection, id_, seen, ends=not last_admin):
            forget(connection, id_)

    # ── what a restore must not undo ──

    @property
    def rights(self) -> Rights:
        """What the keystore notes of them."""
        return Rights(self.path, self.keys.keystore, self._mark)

    def _mark(self, connection: Connection, id_: str) -> str:
        found = self.find(connection, id_)
        return "" if found is None else found.mark

    def _set_sites(self, connection: Connection, one: Account) -> None:
        if one.sites:
            connection.execute(insert(account_site), [{"account": one.id, "site": site} for site in sorted(one.sites)])

    def _add_phone(self, connection: Connection, id_: str, phone: str) -> None:
        token = self.keys.token(phone)
        if connection.has(select(account_phone.c.account).where(account_phone.c.token == token)):
            raise Taken("phone-taken", "--phone: the number is an account's already. `gate-province account list` shows them, masked.")
        row = {"token": token, "account": id_, "phone": self.keys.close(phone, "phone", id_)}
        connection.execute(insert(account_phone), row)

    def _check_unit(self, connection: Connection, one: Account) -> None:
        """One tracing officer a unit, so one at each level of a place."""
        if one.role is not Role.TRACER:
            return
        others = select(table.c.id).where(table.c.role == str(Role.TRACER), table.c.unit == one.unit, table.c.id != one.id)
        if (other := connection.value(others)) is not None:
            raise Taken("unit-taken", f"--unit {one.unit}: has its tracing officer, account {other}. Give that one another role first.")


def new_id() -> str:
    """An id that no account has."""
    return passwords.letters(ID_LETTERS)
