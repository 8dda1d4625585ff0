"""What the running agent tells of itself in the runtime folder (memory): for `gate-agent status`, the keeper's page and diagnosis."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_agent.base.disk import write_private

log = logging.getLogger(__name__)
FILE_NAME = "agent.json"


class StatusFile:
    """The running agent's own side of it.

    Args:
        runtime: the runtime folder.
    """

    def __init__(self, runtime: Path) -> None:
        self._path = runtime / FILE_NAME

    def waiting_to_join(self) -> None:
        """Says that there is nothing to carry yet."""
        self.write(connected=False, trouble="running, not enrolled: waiting for a ticket", last_receipt_ms=0, counters={})

    def write(self, *, connected: bool, trouble: str, last_receipt_ms: int, counters: Mapping[str, int]) -> None:
        """Replaces it; a folder that cannot be written is said, and changes nothing else."""
        status = {
            "pid": os.getpid(),
            "connected": connected,
            "trouble": trouble,
            "last_receipt_ms": last_receipt_ms,
            "counters": dict(counters),
        }
        try:
            write_private(self._path, json.dumps(status).encode())
        except OSError as error:
            log.warning("%s: cannot be written (%s)", self._path, error.strerror)

    def remove(self) -> None:
        """Takes it away, at the agent's end."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def agent_of(runtime: Path) -> dict[str, Any] | None:
    """What the running agent tells of itself, None when none runs."""
    try:
        status: dict[str, Any] = json.loads((runtime / FILE_NAME).read_text(encoding="utf-8"))
        return status if _lives(status["pid"]) else None  # one that was killed leaves its file behind
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
