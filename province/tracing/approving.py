"""Who may approve which case, and if not, why: the one rule for the home page, the case's page, the approval itself and the shell."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from province.base.errors import NotAProvince
from province.records import audit
from province.records.audit import MOST_NUMBER
from province.store.opened import Connection
from province.tracing.cases import Case, State

CLI = "cli:"  # stands before the name of an officer of the command line
_DAY_MS = 86_400_000
_PIECE = 500  # lines read at once


@dataclass(slots=True)
class Changes:
    """What others did to an account: its password, second step, number or role.

    The log is read from its newest line on, and no further than somebody asked: its length does not count.

    Args:
        connection: the register.
        account: its id.
    """

    connection: Connection
    account: str
    _below: int = field(default=MOST_NUMBER, init=False)
    _reached_ms: int = field(default=MOST_NUMBER, init=False)
    _newest_ms: int | None = field(default=None, init=False)

    def since(self, at_ms: int) -> bool:
        """Whether there is one since a time, milliseconds since 1970 UTC."""
        while self._newest_ms is None and self._reached_ms >= at_ms:
            self._read_on()
        return self._newest_ms is not None and self._newest_ms >= at_ms

    def _read_on(self) -> None:
        piece = audit.piece(self.connection, self._below, self.account, _PIECE)
        self._below, self._reached_ms = piece.first, piece.latest_ms
        changed = (line for line in piece.lines if line.action.startswith("account-") and line.officer != self.account)
        self._newest_ms = max((line.at_ms for line in changed if line.reason.split(" ", 1)[0] == self.account), default=None)


class Why(StrEnum):
    """Why somebody may not approve a case."""

    WAITS_NOT = "waiting"  # it is open or closed, or tells nothing any more
    OWN = "own"  # they opened it
    ELSEWHERE = "elsewhere"  # opened by the other way, pages or command line, where names are others
    FRESH = "fresh"  # somebody else made or changed their account since the day before it was opened


class NotTheirs(NotAProvince):
    """Somebody may not approve a case.

    Attributes:
        why: not.
    """

    def __init__(self, case: Case, officer: str, why: Why) -> None:
        said = {
            Why.WAITS_NOT: "does not wait for anybody",
            Why.OWN: f"must be approved by another officer than {officer}, who opened it",
            Why.ELSEWHERE: "must be approved where it was opened, on the pages or at the command line",
            Why.FRESH: f"account {officer} was made or changed by another since the day before it was opened",
        }
        super().__init__(f"case {case.id}: {said[why]}.")
        self.why = why


class Approver:
    """Somebody who may approve some cases; what the audit log says of them is read once, however many are asked about.

    Args:
        connection: the register.
        officer: as they stand in a case they open or approve: an account's id, or `CLI` and a name.
    """

    def __init__(self, connection: Connection, officer: str) -> None:
        self._officer, self._changes = officer, Changes(connection, officer)

    def why_not(self, case: Case) -> Why | None:
        """Why they may not approve a case that they may see; None: they may."""
        if case.state is not State.WAITING or case.details is None:
            return Why.WAITS_NOT
        if case.details.opened_by == self._officer:
            return Why.OWN
        by_shell = self._officer.startswith(CLI)
        if case.details.opened_by.startswith(CLI) != by_shell:
            return Why.ELSEWHERE
        return Why.FRESH if not by_shell and self._changes.since(case.opened_ms - _DAY_MS) else None
