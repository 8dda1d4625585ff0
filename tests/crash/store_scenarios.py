"""What is done to the whole register while the power may go: brought up from an earlier release, and put back from a backup."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import crash_province
from crash_device import say
from crash_province import ENTRIES, NOW_MS, backup_of, layout_of
from province_scenarios import erase, step
from sealed_examples import DAY, DEVICE, LOG, NAME, PASSAGE, header

from edge_agent.wire import envelope
from edge_agent.wire.topics import DeviceName, Leaf
from province.collecting.intake import Intake
from province.collecting.register import Register
from province.keys.keystore import Keystore
from province.records import backing_up
from province.store import database
from province.store.schema import SCHEMA_VERSION


def found_old(folder: Path) -> None:
    """Makes a province whose register an earlier release made."""
    import register_of_version_3  # noqa: PLC0415 - of tests/province, which the scenarios' own process has not on its path

    layout = crash_province.found_bare(folder)
    for file in layout.root.glob("register.sqlite*"):
        file.unlink()
    register_of_version_3.make(layout.register)


def upgrade(folder: Path) -> None:
    """As `gate-province store upgrade`."""
    layout = layout_of(folder)
    with closing(database.connect_any(layout.register)) as connection, step("register", "version", SCHEMA_VERSION):
        database.upgrade(connection, layout.register)


def restore(folder: Path) -> None:
    """An entry comes after the backup, people are erased, and the backup is put back, as by `gate-province store restore`."""
    layout = layout_of(folder)
    with closing(database.connect(layout.register)) as connection:
        [before] = connection.execute("SELECT hash FROM entry WHERE seq = ?", (ENTRIES,)).fetchall()
    with Register(layout.register) as register:
        intake = Intake(register.device, Keystore(layout.keystore).load, NOW_MS)
        made = envelope.make(header(ENTRIES + 1, before["hash"], LOG), PASSAGE, DAY.sealing_key(), DEVICE)
        topic = DeviceName(NAME.org, NAME.device).topic(Leaf.ENTRIES)
        register.store([intake.examine(topic, made)], lambda: NOW_MS)
        say("done", store="register", name="newest", value=ENTRIES + 1)
    erase(folder)
    with step("register", "newest", ENTRIES):
        backing_up.put_back(layout, backup_of(folder), None, NOW_MS)
