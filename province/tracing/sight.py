"""Whose case a case is: who may see it, and who may approve it. A case belongs to the unit of the tracer who opened it."""

from __future__ import annotations

from functools import cached_property

from province.accounts.account import Account, Role
from province.registry import units
from province.registry.units import Unit
from province.store.opened import Connection
from province.tracing.cases import Case, Details, State


class Sight:
    """What somebody's account may see, as units are now: they are read once, however many cases are asked about.

    Args:
        connection: the register.
        account: theirs.
    """

    def __init__(self, connection: Connection, account: Account) -> None:
        self._connection, self._account = connection, account

    def sees(self, case: Case) -> bool:
        """Whether they may see that there is this case.

        Who opened or approved it does, tracers of its unit and of units above, and who administers (numbers masked). While it waits, so
        does every tracer who may approve it. Of a case that tells nothing any more (closed, its day's keys gone) nobody knows the unit:
        who administers alone.
        """
        if self._account.role is Role.ADMIN:
            return True
        if self._account.role is not Role.TRACER or case.details is None:
            return False
        return self._account.id in {case.details.opened_by, case.details.approved_by} or self._is_above(case.details, case.state)

    @cached_property
    def _units(self) -> list[Unit]:
        return units.every(self._connection)

    def _is_above(self, details: Details, state: State) -> bool:
        known = self._units
        path = [one.id for one in units.path_of(known, details.unit or None)] or [one.id for one in known if one.parent is None]
        is_of_top = len(path) == 1  # nobody is above: a tracer from below is the second
        return self._account.unit in {*path, details.unit} or (is_of_top and state is State.WAITING)
