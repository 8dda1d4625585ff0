"""Sixteen random bytes made once a boot: a command that carries them was signed in this boot, whatever the clock says.

In the runtime folder, which is memory: an agent that starts anew goes on with them, a device that starts anew makes others.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from edge_agent.command import NONCE_BYTES

FILE_NAME = "boot.nonce"


def of_this_boot(runtime: Path) -> bytes:
    """The nonce; where the folder cannot be written, one that only this process knows."""
    file = runtime / FILE_NAME
    try:
        found = file.read_bytes()
        if len(found) == NONCE_BYTES:
            return found
    except OSError:
        pass
    made = secrets.token_bytes(NONCE_BYTES)
    new = file.with_suffix(".new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            opened.write(made)
        new.rename(file)
    except OSError:
        pass
    return made
