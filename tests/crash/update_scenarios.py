"""Root puts one version after another on trial, between two power cuts; the versions themselves are there already."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from unittest import mock

from aftermath import Broken, Outcome, Promised
from crash_device import STATE
from document_scenarios import put_and_say
from enrolled_device import enrolled, kept
from sealed_examples import KEYRING_7, ROOT, officer

from edge_agent.base import disk, machine
from edge_agent.device import identity, stored_keyring
from edge_agent.device.documents import Documents
from edge_agent.update import stored_formats
from edge_agent.update.installing import FETCHED, SIGNED, Installer
from edge_agent.update.slots import Slots, slot_of
from edge_agent.wire import release
from edge_agent.wire.authority import Power
from edge_agent.wire.release import Part, Release

SLOTS, CURRENT = "slots", "before"


def _release(counter: int) -> bytes:
    wanted = Release(
        f"1.{counter}", counter, 0, next(iter(machine.ARCHITECTURES.values())), machine.python(), stored_formats.OUTBOX,
        stored_formats.DOCUMENTS, stored_formats.BASE, 1, 4 * 10**12, (Part.of("a.whl", b"x"),),
    )  # fmt: skip
    return release.issue(wanted, officer(Power.UPDATE))


def trials(folder: Path) -> None:
    """A device with a version in use tries three others."""
    slots = Slots(folder / SLOTS, folder)
    for each in (folder / STATE, folder / STATE / FETCHED, slots.folder):
        each.mkdir()
        disk.sync_folder(each.parent)
    with closing(Documents(folder / STATE)) as documents:
        documents.put(identity.ENROLMENT, enrolled(ROOT))
        documents.put(stored_keyring.DOCUMENT, kept(KEYRING_7))
    installer = Installer(slots, folder / STATE)
    put_and_say(SLOTS, "current", {"is": CURRENT}, lambda: installer._keep("current", CURRENT))
    with mock.patch.object(Installer, "_make"), mock.patch("platform.machine", return_value=next(iter(machine.ARCHITECTURES))):
        for number in range(1, 4):
            message = _release(number)
            (folder / STATE / FETCHED / SIGNED).write_bytes(message)
            words = f"{slot_of(release.identity_of(message))} {number:016x}"
            put_and_say(SLOTS, "trial", {"is": words}, lambda number=number: installer.install(f"{number:016x}"))  # type: ignore[misc]


def check(folder: Path, promises: Promised) -> Outcome:
    """Both files are whole: the version in use is what it was, on trial is what was promised, or the next."""
    outcome = Outcome.BEFORE
    for name in ("current", "trial"):
        file = folder / SLOTS / name
        now = {"is": file.read_text("utf-8").rstrip("\n")} if file.exists() else None
        promised, *more = promises.documents[SLOTS, name]
        if now != promised:
            if now not in more:
                raise Broken(Outcome.LOST, f"{name} is {now}, promised was {promised}")
            outcome = Outcome.AFTER
    return outcome
