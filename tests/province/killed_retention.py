"""Kills a retention run at each line it executes, and looks at what is left. A program of its own, so that it may fork.

Prints one JSON line: at how many moments it was killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.day_keys import DayKeys
from province.keys.keystore import Absent, Keystore
from province.records.retention import Retention
from province.store import database

WATCHED = {"retention.py", "keystore.py", "files.py", "database.py"}


def close_all(layout: Layout) -> None:
    with closing(database.connect(layout.register)) as connection:
        retention = Retention(connection, layout.register, Keystore(layout.keystore), 21, now_ms())
        for _closed in retention.close(retention.due()):
            pass
        retention.sweep()
        database.fold(connection)


def die_at(line: int) -> None:
    """Kills this process when it comes to its so many-th line."""
    seen = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal seen
        if Path(frame.f_code.co_filename).name not in WATCHED:
            return None
        if event == "line":
            seen += 1
            if seen == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def killed_at(layout: Layout, line: int) -> bool:
    child = os.fork()
    if child == 0:
        die_at(line)
        close_all(layout)
        os._exit(0)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def days_of(layout: Layout) -> dict[str, int]:
    with closing(database.connect(layout.register)) as connection:
        return {row[0]: row[1] for row in connection.execute("SELECT epoch, count(*) FROM entry GROUP BY epoch")}


def check(layout: Layout, old: set[str], young: dict[str, int], *, finished: bool) -> None:
    keystore = Keystore(layout.keystore)
    for epoch in old:
        found = keystore.load(epoch)
        assert found is not Absent.MISSING, f"{epoch} is only missing: nobody knows whether it was destroyed"
        assert not finished or found is Absent.DESTROYED, epoch
        assert not finished or not any(layout.keystore.glob(f"*{epoch}.json*")), epoch
    for epoch, count in young.items():
        assert isinstance(keystore.load(epoch), DayKeys), epoch
        assert days_of(layout)[epoch] == count
    assert not finished or not old & set(days_of(layout)), days_of(layout)


def main(root: Path, first_kept: str) -> int:
    before = days_of(Layout(root))
    old, young = {epoch for epoch in before if epoch < first_kept}, {epoch: n for epoch, n in before.items() if epoch >= first_kept}
    assert old
    assert young
    moments, line = 0, 1
    while True:
        layout = Layout(root.with_name("copy"))
        shutil.copytree(root, layout.root)
        killed = killed_at(layout, line)
        check(layout, old, young, finished=not killed)
        if killed:
            close_all(layout)
            check(layout, old, young, finished=True)
        shutil.rmtree(layout.root)
        if not killed:
            print(json.dumps({"moments": moments}))  # noqa: T201 - its one answer
            return 0
        moments, line = moments + 1, line + max(1, line // 12)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
