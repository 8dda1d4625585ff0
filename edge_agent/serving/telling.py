"""Says in the log what a page could not do: each fault of its own at the first, second, fourth … time, so that none hides another."""

from __future__ import annotations

import logging

from edge_agent.base.seldom import Seldom
from edge_agent.base.trouble import where


class Telling:
    """What one server's pages have told.

    Args:
        log: where to.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log, self._seldom = log, Seldom()

    def unexpected(self, error: Exception) -> None:
        """A fault of ours; its message may hold what a form said, so the place alone is told."""
        if count := self._seldom.worth_a_line(where(error)):
            self._log.error("page: unexpected %s, %d times until now; please report it", where(error, 3), count)

    def cannot(self, error: Exception) -> None:
        """What cannot be done now; its message is for who looks after the place, and holds no person's data."""
        if count := self._seldom.worth_a_line(where(error)):
            self._log.error("page: not possible, %d times until now: %s", count, error)
