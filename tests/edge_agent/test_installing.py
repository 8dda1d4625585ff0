"""Root's part of an update believes nothing that the agent's user can write, and leaves the version in use whatever comes of it."""

from __future__ import annotations

import base64
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sealed_examples import ROOT, officer
from test_release import PART, made

from edge_agent.device import identity
from edge_agent.device.documents import Documents
from edge_agent.update import release_check
from edge_agent.update.installing import FETCHED, SIGNED, Installer, Makers, NotInstalled
from edge_agent.update.slots import Slots, slot_of
from edge_agent.wire import release
from edge_agent.wire.authority import Power
from edge_agent.wire.release import Part, Release

ATTEMPT = "ab" * 8


class Device:
    """A device with something fetched."""

    def __init__(self, folder: Path) -> None:
        self.state, self.slots = folder / "state", Slots(folder / "slots", folder / "wheels")
        self.slots.folder.mkdir()
        (self.state / FETCHED / "parts").mkdir(parents=True)
        self.belongs_to(ROOT)
        self.steps: list[str] = []
        (self.slots.folder / "current").write_text("before\n")
        (self.slots.folder / "before").mkdir()

    def belongs_to(self, root: Ed25519PrivateKey) -> None:
        with closing(Documents(self.state)) as documents:
            documents.put(identity.ENROLMENT, {"root": base64.b64encode(root.public_key().public_bytes_raw()).decode()})

    def fetched(self, wanted: Release, data: bytes = b"", power: Power = Power.UPDATE) -> str:
        message = release.issue(wanted, officer(power))
        (self.state / FETCHED / SIGNED).write_bytes(message)
        for part in wanted.parts:
            (self.state / FETCHED / "parts" / f"{part.digest.hex()}.whl").write_bytes(data)
        return slot_of(release.identity_of(message))

    def install(self) -> None:
        Installer(self.slots, self.state, step=self.steps.append).install(ATTEMPT)

    def refuses(self, reason: str) -> None:
        """It is not on trial, the version in use is what it was, and the agent can tell why."""
        with pytest.raises(NotInstalled) as caught:
            self.install()
        back = self.slots.back()
        assert back is not None
        assert (caught.value.reason, back.attempt, back.reason) == (reason, ATTEMPT, reason)
        assert (self.slots.current(), self.slots.trial()) == ("before", None)


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setitem(release_check.ARCHITECTURES, "x86_64", "amd64")
    return Device(tmp_path)


def test_a_list_that_another_key_signed_is_refused(device: Device) -> None:
    device.fetched(made(), power=Power.CONFIGURE)
    device.refuses("bad-signature")


def test_a_spoilt_list_is_refused_whatever_it_is(device: Device) -> None:
    file = device.state / FETCHED / SIGNED
    device.refuses("incomplete")
    for bytes_there in (b"", b"x" * 1000, release.issue(made(), officer(Power.UPDATE))[:-1]):
        file.write_bytes(bytes_there)
        device.refuses("bad-signature")
    file.unlink()
    file.symlink_to("/etc/hostname")  # the agent's user lays a way to somebody else's file
    device.refuses("incomplete")


def test_a_part_that_is_not_as_it_was_signed_is_refused(device: Device) -> None:
    data = b"PK not a wheel"
    device.fetched(made(parts=(Part.of(PART.name, data),)), data[:-1] + b"X")
    device.refuses("incomplete")
    assert device.steps[-1].startswith("copy")


def test_of_a_file_longer_than_was_signed_no_more_is_copied(device: Device) -> None:
    """The agent's user may lay a file of holes there that is larger than the disk."""
    data = b"PK not a wheel"
    part = Part.of(PART.name, data)
    slot = device.fetched(made(parts=(part,)), data)
    with (device.state / FETCHED / "parts" / f"{part.digest.hex()}.whl").open("r+b") as file:
        file.truncate(64 * 2**20)
    device.refuses("incomplete")
    assert (device.slots.folder / slot / "wheels" / PART.name).stat().st_size == len(data) + 1


def test_a_step_that_does_not_end_is_told(device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "python3"
    slow.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    slow.chmod(0o755)
    monkeypatch.setattr("edge_agent.update.installing._TRIAL_S", 0.05)
    data = b"PK not a wheel"
    device.fetched(made(parts=(Part.of(PART.name, data),)), data)
    with pytest.raises(NotInstalled) as caught:
        Installer(device.slots, device.state, Makers(python=slow)).install(ATTEMPT)
    back = device.slots.back()
    assert back is not None
    assert (caught.value.reason, back.attempt, back.reason) == ("too-slow", ATTEMPT, "too-slow")


def test_a_province_that_the_agents_user_made_up_is_not_obeyed(device: Device) -> None:
    """Root has noted the province's key the first time; later the state folder may say what it likes."""
    device.fetched(made(), power=Power.CONFIGURE)
    device.refuses("bad-signature")
    device.belongs_to(Ed25519PrivateKey.generate())
    device.refuses("other-root")


def test_one_below_the_floor_is_refused_by_root_too(device: Device) -> None:
    (device.slots.folder / "floor").write_text("8\n")
    device.fetched(made(counter=7, floor=0))
    device.refuses("downgrade")


def test_one_too_large_for_the_disk_is_refused_before_anything_is_removed(device: Device) -> None:
    device.fetched(made(unpacked=10**15))
    device.refuses("no-room")
    assert "remove" not in device.steps


def test_what_pip_cannot_unpack_is_refused(device: Device) -> None:
    data = b"not a wheel"
    device.fetched(made(parts=(Part.of(PART.name, data),)), data)
    device.refuses("not-made")


def test_a_device_that_is_nobodys_installs_nothing(device: Device) -> None:
    device.fetched(made())
    (device.state / "documents.json").unlink()
    device.refuses("not-enrolled")
