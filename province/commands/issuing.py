"""Signs what is sent to scanners, each with a counter above all before it, kept so that a restored backup does not go back.

The counter is the time in milliseconds, or one more than the last: a folder that was put back to an older day still counts on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from edge_agent.base.process_lock import alone
from edge_agent.wire import command, cose
from edge_agent.wire.command import POWER_OF, Action, Command
from edge_agent.wire.topics import DeviceName
from province.base.errors import ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.commands.scanners import Scanners
from province.keys import officers


class Sent(NamedTuple):
    """A command as it goes out.

    Attributes:
        issuer: id of the key that signed it, hex: whose counter it is.
        counter: its own.
        message: its bytes.
    """

    issuer: str
    counter: int
    message: bytes


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
) -> Sent:  # fmt: skip
    """A new command for one scanner, issued and ending at `times`, milliseconds since 1970 UTC; its bytes are kept for `last_sent`.

    Raises:
        ProvinceError: a key is missing, nothing is known of the scanner's log, or the disk takes nothing.
    """
    officer, log = officers.load_officer(layout, POWER_OF[action]), scanners.log(name)
    counter = next_counter(layout, times[0])
    message = command.issue(Command(name, log, action, counter, *times, arguments, nonce), officer)
    file = _sent_file(layout, name)
    try:
        write_atomically(file, message)
    except OSError as error:
        raise ProvinceError(f"{file}: cannot be written ({error.strerror}); nothing was sent. Check the disk and the rights.") from None
    return Sent(cose.key_id(officer.key.public_key()).hex(), counter, message)


def last_sent(layout: Layout, name: DeviceName) -> bytes:
    """The last command for a scanner, as it was sent.

    Raises:
        ProvinceError: there is none, or it cannot be read.
    """
    file = _sent_file(layout, name)
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise ProvinceError(f"{name}: no command was sent to it from here.") from None
    except OSError as error:
        raise ProvinceError(f"{file}: cannot be read ({error.strerror}). Check the disk and the rights.") from None


def _sent_file(layout: Layout, name: DeviceName) -> Path:
    return layout.commands / f"{name.org}.{name.device}.command"
