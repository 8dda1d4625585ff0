"""What a tracing officer does: opens a case, has it approved, looks, closes it. Each look is in the audit log before anything is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from firmware.person_codes import NotAPersonCode, fields
from firmware.person_codes.bhyt import insured_number
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.keys.identifiers import Identifier, canonical
from province.keys.keystore import Keystore
from province.looks import looking
from province.looks.looking import NUMBER_MOST, Looker
from province.records.opened_rows import LookKeys
from province.store.opened import Connection
from province.tracing import cases, officers
from province.tracing.approving import Approver, NotTheirs, Why
from province.tracing.cases import Case, Details, State
from province.tracing.contacts import Contacts
from province.tracing.gaps import Gaps
from province.tracing.rules import Rules
from province.tracing.trace import Movements, Trace

NO_DAY = "9999-12-31"  # later than every day that a case is of
_PHONE = re.compile(r"\+?[0-9]{8,15}", re.ASCII)  # as a check-in page takes it


def check_number(given: str) -> str:
    """A number that a case can be about, without the spaces, dots and hyphens it was typed with.

    Raises:
        NotAProvince: it has the form of no citizen, old, passport, phone or health card number.
    """
    number = canonical(Identifier.ID_NUMBER, given)
    if "*" not in number and len(given) <= NUMBER_MOST:
        if _PHONE.fullmatch(number) or insured_number(number):
            return number
        with suppress(NotAPersonCode):
            return fields.identity_number(number)
    raise NotAProvince("--id: has the form of no citizen, old, passport, phone or health card number.")


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known of a case.

    Attributes:
        officers: what to call who opened and approved it, by what stands in it.
    """

    case: Case
    movements: Movements
    contacts: Contacts
    gaps: Gaps
    officers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Desk:
    """The officer's desk.

    Attributes:
        connection: the register, with what was erased erased in it (`erasures.connect`).
        now_ms: the time, milliseconds since 1970 UTC.
        way: stands before an officer's name in a case: accounts' ids have nothing, names from the command line `CLI`.
    """

    layout: Layout
    keystore: Keystore
    connection: Connection
    rules: Rules
    now_ms: int
    way: str = ""

    @property
    def _keys(self) -> LookKeys:
        return LookKeys(self.keystore)

    def open(self, who: Looker, number: str, days: int | None = None, unit: str = "") -> Case:
        """Opens a case of a unit for the person of a number; where the rules say so, it waits for a second officer.

        Raises:
            NotAProvince: as `check_number` says.
            RegisterBusy, KeystoreAway, ProvinceError: it is not open.
        """
        number = check_number(number)
        self._enter(who, "trace-open", number)
        second = "" if who.second is None else self.way + who.second[0]
        details = Details(number, who.reason, self.rules.window_days if days is None else days, self.way + who.officer, second, unit)
        state = State.WAITING if self.rules.second_officer and not second else State.OPEN
        return cases.add(self.connection, self.layout.register, self._keys, details, state, self.now_ms)

    def latest(self, below: int | None = None, *, readable: bool = False) -> Iterator[Case]:
        """The cases, the newest first, opened as they are taken.

        Args:
            below: only those of a smaller number.
            readable: only those that can still be read.
        """
        oldest = next(iter(self.keystore.epochs()), NO_DAY) if readable else None
        return cases.latest(self.connection, self._keys, below=below, readable_from=oldest)

    def officers(self, some: Iterable[Case]) -> dict[str, str]:
        """What to call who opened and approved some cases, by what stands in them.

        Raises:
            KeystoreAway, KeyDamaged: the keys of people's names cannot be read.
        """
        return officers.names(self.connection, self.layout.register, self.keystore, some)

    def find(self, number: int) -> Case:
        """A case.

        Raises:
            NotAProvince: there is none of this number.
        """
        return cases.find(self.connection, self._keys, number)

    def may_approve(self, case: Case, who: Looker) -> Why | None:
        """Why somebody may not approve a case that they may see; None: they may."""
        return Approver(self.connection, self._approver(who)).why_not(case)

    def _approver(self, who: Looker) -> str:
        return self.way + (who.officer if who.second is None else who.second[0])

    def approve(self, who: Looker, case: Case) -> None:
        """Lets another officer's case be looked at.

        Raises:
            NotTheirs: `may_approve` says why.
            NotAProvince: somebody else approved or closed it meanwhile.
            RegisterBusy, KeystoreAway, ProvinceError: not now.
        """
        officer = self._approver(who)

        def approve() -> None:
            if (why := self.may_approve(case, who)) is not None:
                raise NotTheirs(case, officer, why)
            cases.approve(self.connection, self._keys, case, officer, self.now_ms)

        self._enter(who, "trace-approve", None if case.details is None else case.details.number, approve)

    def report(self, who: Looker, case: Case, action: str = "trace-show") -> Report:
        """Looks: where the person was, and who shared air with them.

        Raises:
            CaseShut: it may not be looked at.
            SeveralPeople: its number is shared.
            RegisterBusy, KeystoreAway, ProvinceError: not now.
        """
        details = case.readable()
        self._enter(who, action, details.number)
        trace = Trace(self.connection, self.keystore, self.rules, case.opened_ms, self.now_ms)
        movements = trace.movements(details.number, details.days)
        found = trace.contacts(movements)
        return Report(case, movements, found, trace.gaps(movements, found), self.officers([case]))

    def close(self, who: Looker, case: Case) -> None:
        """Closes a case for good.

        Raises:
            NotAProvince: it is closed already.
            RegisterBusy, KeystoreAway, ProvinceError: not now.
        """
        number = None if case.details is None else case.details.number
        self._enter(who, "trace-close", number, lambda: cases.close(self.connection, case, self.now_ms))

    def _enter(self, who: Looker, action: str, number: str | None, also: Callable[[], object] = lambda: None) -> None:
        looking.enter(self.connection, self.layout, self.keystore, who, action, number, also)


def because(case: Case, officer: str) -> Looker:
    """Who looks at a case again, for its reason."""
    reason = "" if case.details is None else f": {case.details.reason}"
    return Looker(officer, f"case {case.id}{reason}"[:200])
