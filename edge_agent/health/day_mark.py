"""Counts the entries of today: how far the log was when the day began, kept over restarts.

The day is Vietnam's (decision 0007). Written once a day, and when a new log begins.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.wire.entry import LogHead
from edge_agent.wire.keyring import day_of

DOCUMENT = "day-mark"


class DayMark:
    """Where the log was at the first look of the day.

    Args:
        state: the device's state folder.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._mark: dict[str, Any] | None = None
        self._last_seq = 0

    def entries_today(self, head: LogHead, wall_ms: int | None) -> int | None:
        """How many entries were numbered today, notes included; those before the first look at this day are yesterday's.

        Args:
            head: of the log now.
            wall_ms: the time, milliseconds since 1970 UTC; None when it cannot be trusted.

        Returns:
            The number; None when nobody knows which day it is.
        """
        if wall_ms is None:
            return None
        day, log = day_of(wall_ms).isoformat(), head.log.hex()
        mark = self._mark if self._mark is not None else self._stored()
        if mark is None or mark["day"] != day:
            mark = {"day": day, "log": log, "seq": head.seq, "before": 0}
        elif mark["log"] != log:  # what the log before had of today is known as far as we saw it
            mark = {"day": day, "log": log, "seq": 0, "before": mark["before"] + max(0, self._last_seq - mark["seq"])}
        if mark != self._mark:
            self._store(mark)
        self._mark, self._last_seq = mark, head.seq
        return int(mark["before"]) + max(0, head.seq - int(mark["seq"]))

    def _stored(self) -> dict[str, Any] | None:
        try:
            with closing(Documents(self._state)) as documents:
                mark = documents.get(DOCUMENT)
            if mark is None:
                return None
            return {"day": mark["day"], "log": mark["log"], "seq": int(mark["seq"]), "before": int(mark["before"])}
        except (OSError, DocumentsDamaged, KeyError, TypeError, ValueError):
            return None

    def _store(self, mark: dict[str, Any]) -> None:
        try:
            with closing(Documents(self._state)) as documents:
                if documents.get(DOCUMENT) != mark:
                    documents.put(DOCUMENT, mark)
        except (OSError, DocumentsDamaged):
            return  # then it is counted from the next start on
