"""What commands and configurations from afar go through between two power cuts: taken, begun, ended, told; tried, kept, taken back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crash_device import STATE, say

from edge_agent.base import disk
from edge_agent.commands import command_store
from edge_agent.commands.command_store import CommandStore, Kept
from edge_agent.commands.config_keeper import ConfigKeeper
from edge_agent.device import overlay

WANTED = {"gate": {"held_s": 2.0}}


class _Store(CommandStore):
    def _put(self, value: Mapping[str, Any]) -> None:
        said = json.loads(json.dumps(value))
        say("begun", store=command_store.FILE_NAME, name=command_store.DOCUMENT, value=said)
        super()._put(value)
        say("done", store=command_store.FILE_NAME, name=command_store.DOCUMENT, value=said)


class _Keeper(ConfigKeeper):
    def _put(self, value: Mapping[str, Any]) -> None:
        say("begun", store=overlay.FILE_NAME, name=overlay.DOCUMENT, value=dict(value))
        super()._put(value)
        say("done", store=overlay.FILE_NAME, name=overlay.DOCUMENT, value=dict(value))


def _made(folder: Path) -> Path:
    state = folder / STATE
    state.mkdir()
    disk.sync_folder(folder)
    return state


def commands(folder: Path) -> None:
    """Two commands, each through all its states: with its counter, or not taken at all."""
    store = _Store(_made(folder))
    for counter in (3, 4):
        kept = Kept("0011223344556677", counter, f"{counter:064x}", "restart-device", (), 10**12)
        store.accept(kept)
        store.running(kept, {"boot": "before"})
        store.done(kept, "cut-short" if counter == 4 else "", "words")
        store.told(kept)


def configurations(folder: Path) -> None:
    """One is tried and kept, one is tried and taken back, one refused."""
    state = _made(folder)
    keeper = _Keeper(folder / "gate.toml", state, folder, lambda: True, lambda _said: None)
    keeper._store(seen=3, trial={"counter": 3, "tables": WANTED, "starts": 0, "sources": ["in"], "connected": True})
    keeper._store(trial=None, applied=WANTED, verdict={"state": "applied", "counter": 3, "errors": []})
    keeper._store(seen=4, trial={"counter": 4, "tables": {}, "starts": 0, "sources": ["in"], "connected": True})
    keeper._store(trial=None, verdict={"state": "rolled-back", "counter": 4, "errors": ["lane in: it read before, and does not"]})
    keeper._refuse(5, ["gate.held_s: 99 is not allowed"])
