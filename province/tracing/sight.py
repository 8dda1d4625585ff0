"""Whose case a case is: who may see it, and who may approve it. A case belongs to the unit of the tracer who opened it."""

from __future__ import annotations

from province.accounts.account import Account, Role
from province.registry import units
from province.store.opened import Connection
from province.tracing.cases import Case, Details, State


def sees(connection: Connection, account: Account, case: Case) -> bool:
    """Whether somebody's account may see that there is this case.

    Who opened or approved it does, tracers of its unit and of units above, and who administers (numbers masked). While it waits, so does
    every tracer who may approve it. Of a case that tells nothing any more (closed, its day's keys gone) nobody knows the unit: who
    administers alone.
    """
    if account.role is Role.ADMIN:
        return True
    if account.role is not Role.TRACER or case.details is None:
        return False
    return account.id in {case.details.opened_by, case.details.approved_by} or _is_above(connection, account, case.details, case.state)


def _is_above(connection: Connection, account: Account, details: Details, state: State) -> bool:
    known = units.every(connection)
    path = [one.id for one in units.path_of(known, details.unit or None)] or [one.id for one in known if one.parent is None]
    is_of_top = len(path) == 1  # nobody is above: a tracer from below is the second
    return account.unit in {*path, details.unit} or (is_of_top and state is State.WAITING)
