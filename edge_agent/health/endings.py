"""Counts why our services have ended since the board started: a stop, a crash, the watchdog. In memory only.

systemd tells it to `ExecStopPost=` as SERVICE_RESULT (systemd.exec(5), "Environment Variables Set or Propagated by the Service Manager").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from drivers import system_clock
from edge_agent.base.process_lock import alone

_FILE = "endings.json"
UNITS = ("agent", "firmware")
_RESULTS = {
    "success": "stopped", "protocol": "protocol", "timeout": "timeout", "exit-code": "exit", "signal": "signal", "core-dump": "signal",
    "watchdog": "watchdog", "start-limit-hit": "start-limit", "resources": "resources", "oom-kill": "memory",
}  # fmt: skip


def note(runtime: Path, unit: str, result: str) -> None:
    """Counts one end.

    Args:
        runtime: the runtime folder, which is in memory.
        unit: one of `UNITS`.
        result: systemd's SERVICE_RESULT; one that is not known counts as `other`.

    Raises:
        OSError: it cannot be written.
    """
    with alone(runtime / f"{_FILE}.lock"):
        counts = dict(read(runtime))
        cause = f"{unit}_{_RESULTS.get(result, 'other')}"
        counts[cause] = counts.get(cause, 0) + 1
        new = runtime / f"{_FILE}.new"
        new.write_text(json.dumps({"boot": system_clock.boot_id().hex(), "counts": counts}), encoding="ascii")
        new.replace(runtime / _FILE)


def read(runtime: Path) -> Mapping[str, int]:
    """How often each service ended for which cause since the board started, such as `firmware_watchdog`."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        noted = json.loads((runtime / _FILE).read_text(encoding="ascii"))
        if noted["boot"] == system_clock.boot_id().hex():
            return {str(cause): int(count) for cause, count in noted["counts"].items()}
    return {}
