"""Tries a new environment before a gate uses it: a code drawn and read, every library loaded, the entries already recorded understood."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path

from edge_agent.device.settings import DEFAULT_PATH
from edge_agent.device.settings_file import device_of
from edge_agent.store.outbox import FILE_NAME, OutboxDamaged, OutboxError
from edge_agent.store.outbox_view import look_into
from firmware.__main__ import main as firmware

# loaded by some gates only, and late: a gate must not find out at night that one is missing
_LATE = (
    *("edge_agent.shell.run_command", "firmware.run_command"),
    *(
        "av",
        "cwt",
        "gpiozero",
        "luma.oled.device",
        "paho.mqtt.client",
        "pkcs11",
        "pynmea2",
        "pyzbar.pyzbar",
        "serial",
        "tinydb",
        "zxingcpp",
    ),
)


def _entries_are_understood(outbox: Path) -> None:
    """Reads an outbox that is there as its folder's owner, so that nothing beside it becomes root's. A damaged one is firmware's work.

    The folder's: whoever owns that may have laid a way to a file of root's in place of the outbox.
    """
    if not outbox.exists():
        return
    owner = outbox.parent.stat()
    os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)
    try:
        look_into(outbox)
    except (FileNotFoundError, OutboxDamaged):
        return
    except OutboxError as error:
        sys.exit(f"{error}")


def _state(words: list[str]) -> Path:
    """The state folder: the one that an update names, else the one of this device's configuration, as far as that can be read."""
    return Path(words[0]) if words else device_of(Path(os.environ.get("GATE_CONFIG") or DEFAULT_PATH)).state


def _a_code_is_read() -> None:
    with tempfile.TemporaryDirectory() as folder:
        picture = str(Path(folder) / "code.png")
        if firmware(["test-code", picture]) or firmware(["read", picture]):
            sys.exit("a code that this software drew is not read by it")


if __name__ == "__main__":
    for library in (*_LATE, *(("lgpio",) if os.uname().machine == "aarch64" else ())):
        importlib.import_module(library)
    _a_code_is_read()
    _entries_are_understood(_state(sys.argv[1:]) / FILE_NAME)
