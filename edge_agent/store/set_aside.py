"""The folders of damaged outboxes set aside: named in the order of time, and removed again before they fill the card.

`damaged-…` while salvage is at work on one, `salvaged-…` once all that could be read is committed to the new outbox. Only the latter
are ever removed. They hold sealed bytes only, and are kept for what a laboratory may still read.
"""

from __future__ import annotations

import shutil
from pathlib import Path

AT_WORK, DONE = "damaged-", "salvaged-"
KEPT = 2  # the newest
KEPT_WITHOUT_ROOM = 1


def _number(folder: Path) -> int:
    number = folder.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def unfinished(parent: Path) -> Path | None:
    """The folder of a salvage that was cut short, if there is one."""
    return min(parent.glob(f"{AT_WORK}*"), key=_number, default=None)


def next_number(parent: Path, wall_ms: int) -> int:
    """Names the next folder: later than all others, whatever the clock says."""
    return max([wall_ms, *(_number(folder) + 1 for state in (AT_WORK, DONE) for folder in parent.glob(f"{state}*"))])


def remove_older(parent: Path, keep: int) -> int:
    """Removes all finished folders but the newest; returns how many. One that the disk does not let go stays, to be tried again."""
    folders = sorted(parent.glob(f"{DONE}*"), key=_number)
    older = folders[: max(0, len(folders) - keep)]
    for folder in older:
        shutil.rmtree(folder, ignore_errors=True)
    return sum(not folder.exists() for folder in older)
