"""Keeps the province's private keys and register from other users of its machine, whenever a service starts."""

from __future__ import annotations

from pathlib import Path

from edge_agent.base import private_files
from province.base.layout import Layout


def folders(layout: Layout) -> list[Path]:
    """Every folder that holds a private key."""
    return [
        layout.root_folder, layout.officers, layout.authority, layout.broker,
        *(layout.collector_of(number) for number in (1, 2)), layout.registrar, layout.commander, layout.fleet, layout.fleet_page,
        layout.web, layout.api, layout.checkin, layout.door, layout.keystore, layout.offline,
    ]  # fmt: skip


def tighten(layout: Layout) -> None:
    """Takes others' rights away from every folder and file that holds a secret, and logs each where they had some.

    A link is followed: the keystore belongs on an encrypted volume, and a link is how it gets there. What this process's unit hides from
    it is the others' business.
    """
    every = folders(layout)
    keys = [file for folder in every for file in _files(folder) if file.suffix == ".key"]
    days = [file for file in _files(layout.keystore) if file.suffix == ".json"]
    private_files.tighten(path.resolve() for path in (layout.root, *every, *keys, *days, layout.register, layout.register_address))


def _files(folder: Path) -> list[Path]:
    """What a folder holds; nothing where it is not there or not to be seen."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []
