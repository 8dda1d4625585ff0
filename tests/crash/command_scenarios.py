"""What commands and configurations from afar go through between two power cuts: taken, begun, ended, told; tried, kept, taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from aftermath import Broken, Check, Outcome, Promised, check_documents
from crash_device import STATE, say

from edge_agent.base import disk
from edge_agent.commands import command_store
from edge_agent.commands.command_store import CommandStore, Kept
from edge_agent.commands.config_keeper import ConfigKeeper
from edge_agent.device import overlay, taken
from edge_agent.device.documents import Documents

_Found = TypeVar("_Found")
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
    taken.note_config(state, 3)
    keeper._store(seen=3, trial={"counter": 3, "tables": WANTED, "starts": 0, "sources": ["in"], "connected": True})
    keeper._store(trial=None, applied=WANTED, verdict={"state": "applied", "counter": 3, "errors": []})
    taken.note_config(state, 4)
    keeper._store(seen=4, trial={"counter": 4, "tables": {}, "starts": 0, "sources": ["in"], "connected": True})
    keeper._store(trial=None, verdict={"state": "rolled-back", "counter": 4, "errors": ["lane in: it read before, and does not"]})
    keeper._refuse(5, ["gate.held_s: 99 is not allowed"])


def check_commands(folder: Path, promises: Promised) -> Outcome:
    """As each document; no cut alone has the device ask for nonces, and a file that goes from the card afterwards is missed."""
    state = folder / STATE
    if state.is_dir():
        with closing(Documents(state, command_store.FILE_NAME)) as documents:
            taken_any = bool((documents.get(command_store.DOCUMENT) or {}).get("issuers"))
        if CommandStore(state).is_lost("anybody"):
            raise Broken(Outcome.LOST, "it counts as lost after a mere cut")
        if taken_any and not _without(state, command_store.FILE_NAME, lambda: CommandStore(state).is_lost("anybody")):
            raise Broken(Outcome.LOST, "commands were taken, and without their file nobody misses them")
    return check_documents(folder, promises)


def check_configurations(folder: Path, promises: Promised) -> Outcome:
    """As each document; and of those before the last nothing is taken again when the file goes from the card."""
    state = folder / STATE
    if state.is_dir():
        with closing(Documents(state, overlay.FILE_NAME)) as documents:
            seen = (documents.get(overlay.DOCUMENT) or {}).get("seen", 0)
        keeper = ConfigKeeper(folder / "gate.toml", state, folder, lambda: True, lambda _said: None)
        if _without(state, overlay.FILE_NAME, lambda: keeper._seen(keeper._stored())) < seen - 1:
            raise Broken(Outcome.LOST, "an older configuration would be taken again without the file")
    return check_documents(folder, promises)


def _without(state: Path, name: str, look: Callable[[], _Found]) -> _Found:
    """What is found while a document's files are away."""
    kept = {file: file.read_bytes() for file in state.glob(f"{name}*")}
    for file in kept:
        file.unlink()
    found = look()
    for file in state.glob(f"{name}*"):
        file.unlink()
    for file, data in kept.items():
        file.write_bytes(data)
    return found


CHECKS: Mapping[str, Check] = {"commands": check_commands, "configurations": check_configurations}
