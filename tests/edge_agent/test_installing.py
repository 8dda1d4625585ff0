"""Root's part of an update believes nothing that the agent's user can write, and leaves the version in use whatever comes of it."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from enrolled_device import enrolled, kept
from sealed_examples import KEYRING_7, NAME, ROOT, officer
from test_release import PART, made

from edge_agent.base import machine
from edge_agent.device import identity, stored_keyring
from edge_agent.device.documents import Documents
from edge_agent.update.installing import FETCHED, SIGNED, Installer, Makers, NotInstalled
from edge_agent.update.slots import Slots, slot_of
from edge_agent.wire import release
from edge_agent.wire.authority import Officer, Power
from edge_agent.wire.cose import key_id
from edge_agent.wire.keyring import Keyring
from edge_agent.wire.release import Part, Release
from edge_agent.wire.topics import DeviceName

ATTEMPT = "ab" * 8


class Device:
    """A device with something fetched."""

    def __init__(self, folder: Path) -> None:
        self.state, self.slots = folder / "state", Slots(folder / "slots", folder / "wheels")
        self.slots.folder.mkdir()
        (self.state / FETCHED / "parts").mkdir(parents=True)
        self.belongs_to(ROOT)
        self.has(KEYRING_7)
        self.steps: list[str] = []
        (self.slots.folder / "current").write_text("before\n")
        (self.slots.folder / "before").mkdir()

    def belongs_to(self, root: Ed25519PrivateKey, name: DeviceName = NAME) -> None:
        with closing(Documents(self.state)) as documents:
            documents.put(identity.ENROLMENT, enrolled(root, name))

    def has(self, ring: Keyring) -> None:
        with closing(Documents(self.state)) as documents:
            documents.put(stored_keyring.DOCUMENT, kept(ring))

    def fetched(self, wanted: Release, data: bytes = b"", power: Power = Power.UPDATE, signer: Officer | None = None) -> str:
        message = release.issue(wanted, signer or officer(power))
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
    monkeypatch.setitem(machine.ARCHITECTURES, "x86_64", "amd64")
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


def test_root_asks_for_whose_devices_its_signer_is(device: Device) -> None:
    """Also when the state folder now says that the device is theirs."""
    device.fetched(made(), power=Power.CONFIGURE)
    device.refuses("bad-signature")  # root has seen whose device it is
    device.belongs_to(ROOT, DeviceName("other-co", NAME.device))
    device.fetched(made(), signer=officer(Power.UPDATE, org="other-co"))
    device.refuses("bad-signature")
    device.fetched(made(), signer=officer(Power.UPDATE, org=NAME.org))
    device.refuses("incomplete")  # its parts are not here: the list was believed


def test_root_knows_which_keys_count_no_more(device: Device) -> None:
    signer = officer(Power.UPDATE)
    device.fetched(made(), signer=signer)
    device.has(replace(KEYRING_7, counter=8, revoked=(key_id(signer.key.public_key()),)))
    device.refuses("bad-signature")
    device.has(KEYRING_7)  # the agent's user puts the one before back, which revokes nobody
    device.refuses("old-keyring")
    with closing(Documents(device.state)) as documents:
        documents.remove(stored_keyring.DOCUMENT)
    device.refuses("no-keyring")


def test_root_knows_that_a_release_has_expired(device: Device) -> None:
    device.fetched(made(expires_ms=KEYRING_7.issued_ms + 1))
    device.refuses("incomplete")
    device.has(replace(KEYRING_7, counter=8, issued_ms=KEYRING_7.issued_ms + 2))
    device.refuses("bad-signature")


@pytest.mark.parametrize("lay", ["link", "fifo", "folder", "large"])
def test_documents_that_are_no_such_file_do_not_hold_root_up(device: Device, tmp_path: Path, lay: str) -> None:
    device.fetched(made())
    file = device.state / "documents.json"
    whole = file.rename(tmp_path / "elsewhere.json")
    (device.state / "documents.json.previous").unlink(missing_ok=True)
    if lay == "link":
        file.symlink_to(whole)
    elif lay == "fifo":
        os.mkfifo(file)
    elif lay == "folder":
        file.mkdir()
    else:
        with file.open("wb") as holes:
            holes.truncate(2**40)
    device.refuses("disk")


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
    for file in device.state.glob("documents.json*"):
        file.unlink()
    device.refuses("not-enrolled")


@pytest.mark.parametrize("works", [True, False])
def test_a_versions_own_trial_is_told_which_state_folder_is_this_devices(device: Device, tmp_path: Path, works: bool) -> None:
    slot = tmp_path / "slot"
    (slot / "bin").mkdir(parents=True)
    python = slot / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\nexit {0 if works else 1}\n')
    python.chmod(0o755)
    assert Installer(device.slots, device.state, Makers(trial=tmp_path / "trial.py"))._works(slot) is works
    assert (tmp_path / "words").read_text() == f"-I {tmp_path}/trial.py {device.state}\n"
