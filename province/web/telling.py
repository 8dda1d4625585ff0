"""Says in the log what a page could not do: each fault of its own at the first, second, fourth … time, so that none hides another."""

from __future__ import annotations

import logging

from edge_agent.base.trouble import where
from province.base.errors import ProvinceError
from province.base.seldom import Seldom


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

    def cannot(self, error: ProvinceError) -> None:
        """What cannot be done now; whoever looks after the province reads here why, and on no page."""
        if count := self._seldom.worth_a_line(where(error)):
            self._log.error("page: not possible, %d times until now: %s", count, error)
