"""Sixteen random bytes made once a boot: a command that carries them was signed in this boot, whatever the clock says.

In the runtime folder, which is memory: an agent that starts anew goes on with them, a device that starts anew makes others.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from edge_agent.base.disk import write_private
from edge_agent.wire.command import NONCE_BYTES

FILE_NAME = "boot.nonce"


def of_this_boot(runtime: Path) -> bytes:
    """The nonce; where the folder cannot be written, one that only this process knows."""
    file = runtime / FILE_NAME
    with suppress(OSError):
        found = file.read_bytes()
        if len(found) == NONCE_BYTES:
            return found
    made = secrets.token_bytes(NONCE_BYTES)
    with suppress(OSError):
        write_private(file, made)
    return made
