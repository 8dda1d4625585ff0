"""For `make deb-check`: lets invented people pass a running gate with a simulated camera, and says what its outbox holds."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_agent.store.outbox import FILE_NAME, opened_to_read
from edge_agent.store.outbox_view import look_into
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

_OUTBOX = Path("/var/lib/gate-scanner") / FILE_NAME
_PATIENCE_S = 60.0
_LOOK_S = 0.05


def _entries() -> list[tuple[int, str]]:
    try:
        look_into(_OUTBOX)
    except FileNotFoundError:  # the gate is still making it
        return []
    with opened_to_read(_OUTBOX, by_itself=not _OUTBOX.with_name(f"{FILE_NAME}-wal").exists()) as connection:
        rows = connection.execute("SELECT ordinal, envelope FROM sealed ORDER BY ordinal").fetchall()
    return [(ordinal, hashlib.sha256(envelope).hexdigest()) for ordinal, envelope in rows]


def _wait(what: str, happened: Callable[[], bool]) -> None:
    end_s = time.monotonic() + _PATIENCE_S
    while not happened():
        if time.monotonic() > end_s:
            sys.exit(f"waited {_PATIENCE_S:g} s for {what}")
        time.sleep(_LOOK_S)  # another process's file offers no event to a check with no library


def _holds(entries: int) -> bool:
    return len(_entries()) >= entries


def _pass(view: Path, first: int, count: int) -> None:
    _wait("the gate to look through its camera", view.is_fifo)
    _wait("the gate to note its start", partial(_holds, 1))
    with view.open("w", encoding="utf-8", buffering=1) as camera:
        for person in synthetic_people(first + count, seed=7)[first:]:
            more = len(_entries()) + 1
            camera.write(write_person(person) + "\n")
            _wait("a passage to be recorded", partial(_holds, more))
            camera.write("\n")


if __name__ == "__main__":
    if sys.argv[1] == "list":
        for ordinal, digest in _entries():
            print(ordinal, digest)
    else:
        _pass(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
