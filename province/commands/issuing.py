"""Signs what is sent to scanners, each with a counter above all before it, kept so that a restored backup does not go back.

The counter is the time in milliseconds, or one more than the last: a folder that was put back to an older day still counts on.
"""

from __future__ import annotations

import json
from pathlib import Path

from edge_agent.base.process_lock import alone
from edge_agent.wire import command
from edge_agent.wire.command import POWER_OF, Action, Command
from edge_agent.wire.topics import DeviceName
from province.base.errors import ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.commands.scanners import Scanners
from province.keys import officers


def next_counter(layout: Layout, now_ms: int) -> int:
    """A counter that was never given out, on disk when this returns.

    Raises:
        ProvinceError: it cannot be kept.
    """
    file = layout.commands / "counter.json"
    try:
        with alone(layout.commands / "counter.lock"):
            counter = max(_last(file) + 1, now_ms)
            write_atomically(file, json.dumps({"counter": counter}).encode() + b"\n")
    except OSError as error:
        raise ProvinceError(f"{file}: cannot be written ({error.strerror}); nothing was sent. Check the disk and the rights.") from None
    return counter


def _last(file: Path) -> int:
    try:
        return int(json.loads(file.read_bytes())["counter"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0  # damaged: the time counts on


def sign(
    layout: Layout, scanners: Scanners, name: DeviceName, action: Action, arguments: tuple[str, ...], times: tuple[int, int],
    nonce: bytes | None = None,
) -> tuple[int, bytes]:  # fmt: skip
    """A new command for one scanner, issued and ending at `times`, milliseconds since 1970 UTC.

    Returns:
        Its counter, and its bytes, which are kept for `last_sent`.

    Raises:
        ProvinceError: a key is missing, or nothing is known of the scanner's log.
    """
    officer, log = officers.load_officer(layout, POWER_OF[action]), scanners.log(name)
    counter = next_counter(layout, times[0])
    message = command.issue(Command(name, log, action, counter, *times, arguments, nonce), officer)
    write_atomically(_sent_file(layout, name), message)
    return counter, message


def last_sent(layout: Layout, name: DeviceName) -> bytes:
    """The last command for a scanner, as it was sent.

    Raises:
        ProvinceError: there is none.
    """
    try:
        return _sent_file(layout, name).read_bytes()
    except OSError:
        raise ProvinceError(f"{name}: no command was sent to it from here.") from None


def _sent_file(layout: Layout, name: DeviceName) -> Path:
    return layout.commands / f"{name.org}.{name.device}.command"
