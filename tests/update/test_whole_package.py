"""The real package's wheels as a release, installed by the real unit in its sandbox. Needs root, systemd and `make deb ARGS=amd64`."""

from __future__ import annotations

import base64
import platform
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import test_real_systemd
from gate_world import Enrolled, Reader
from province_world import ROOT, founded
from real_systemd import Machine, booted

from edge_agent.base.machine import ARCHITECTURES
from edge_agent.device import identity, stored_keyring
from edge_agent.device.documents import Documents
from edge_agent.update.installing import FETCHED, SIGNED
from edge_agent.update.slots import slot_of
from edge_agent.wire import keyring
from province.base.clock import now_ms
from province.keys import officers
from province.release import releases
from province.release.releases import Known, Terms

SLOTS = "/var/lib/gate-scanner-slots"
PACKAGES = sorted((ROOT / "dist").glob(f"gate-scanner_*_{ARCHITECTURES.get(platform.machine(), 'none')}.deb"))
pytestmark = pytest.mark.skipif(not PACKAGES, reason="no package in dist/: make deb ARGS=amd64")
device, reader = test_real_systemd.device, test_real_systemd.reader


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, device: Enrolled, reader: Reader) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine")) as machine:
        test_real_systemd.set_up(machine, device, reader)
        machine.file("/srv/given/package.deb").write_bytes(PACKAGES[-1].read_bytes())
        machine.run("dpkg-deb", "-x", "/srv/given/package.deb", "/srv/package")
        machine.run(
            "cp",
            "-r",
            "/srv/package/usr/share/gate-scanner/wheels",
            "/srv/package/usr/share/gate-scanner/trial.py",
            "/usr/share/gate-scanner/",
        )
        yield machine


def lay_out(machine: Machine, folder: Path) -> Known:
    """What the agent has fetched, in a device's state folder."""
    layout = founded(folder / "province")
    known = releases.add(layout, releases.of_package(PACKAGES[-1]), Terms(now_ms() + 86_400_000, 2, 60), now_ms())
    state = folder / "state"
    (state / FETCHED / "parts").mkdir(parents=True)
    root = base64.b64encode(officers.read_root_public(layout).public_bytes_raw()).decode()
    with closing(Documents(state)) as documents:
        documents.put(identity.ENROLMENT, {"root": root, "org": "bus-co", "device": "scanner-1"})
        ring = layout.keyring.read_bytes()
        counter = keyring.verify(ring, officers.read_root_public(layout)).counter
        documents.put(stored_keyring.DOCUMENT, {"counter": counter, "message": base64.b64encode(ring).decode()})
    (state / FETCHED / SIGNED).write_bytes((layout.releases / f"{known.release_id}.release").read_bytes())
    there = machine.file("/var/lib/gate-scanner")
    for file in (path for path in state.rglob("*") if path.is_file()):
        target = there / file.relative_to(state)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    machine.run("chown", "-R", "gate:gate", "/var/lib/gate-scanner")
    return known


def test_the_unit_makes_a_version_of_all_its_wheels_and_puts_it_on_trial(machine: Machine, tmp_path: Path) -> None:
    known = lay_out(machine, tmp_path)
    slot = slot_of(known.release_id)
    machine.run("systemctl", "start", "gate-update.path")
    machine.run("sh", "-c", "echo install ab12 > /run/gate-scanner/.r; mv /run/gate-scanner/.r /run/gate-scanner/update-request")
    machine.run("timeout", "55", "sh", "-c", f"until [ -e {SLOTS}/trial ] || [ -e {SLOTS}/back ]; do sleep 0.2; done")
    back = machine.file(f"{SLOTS}/back")
    assert not back.exists(), back.read_text() + machine.logs()
    assert machine.run("cat", f"{SLOTS}/trial").split() == [slot, "ab12"]
    said = machine.run(f"{SLOTS}/{slot}/bin/gate-agent", "update", "status")
    assert known.release.software in said
    used = int(machine.run("du", "-sb", f"{SLOTS}/{slot}").split()[0])
    assert used <= known.release.unpacked + known.release.part_bytes
