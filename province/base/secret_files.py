"""Keeps the province's private keys and register from other users of its machine, whenever a service starts."""

from __future__ import annotations

from edge_agent.base import private_files
from province.base.layout import Layout


def tighten(layout: Layout) -> None:
    """Takes others' rights away from every folder and file that holds a secret, and logs each where they had some.

    A link is followed: the keystore belongs on an encrypted volume, and a link is how it gets there.
    """
    folders = [
        layout.root_folder, layout.officers, layout.authority, layout.broker,
        *(layout.collector_of(number) for number in (1, 2)), layout.registrar, layout.commander, layout.fleet, layout.fleet_page,
        layout.web, layout.door, layout.keystore, layout.offline,
    ]  # fmt: skip
    keys = [file for folder in folders if folder.is_dir() for file in folder.iterdir() if file.suffix == ".key"]
    days = layout.keystore.glob("*.json") if layout.keystore.is_dir() else ()
    private_files.tighten(path.resolve() for path in (layout.root, *folders, *keys, *days, layout.register, layout.register_address))
