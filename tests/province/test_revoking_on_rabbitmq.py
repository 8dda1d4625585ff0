"""A stolen device is shut out of a RabbitMQ while it is connected, by its name."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from province_world import cli, scanner
from rabbit_world import MISSING, Client, Rabbit, is_installed

from edge_agent.topics import DeviceName, Leaf
from province import database, devices

pytestmark = pytest.mark.skipif(not is_installed(), reason=MISSING)


def joined(rabbit: Rabbit, folder: Path, device: str) -> DeviceName:
    """Registers a device and makes it known to RabbitMQ, as the officer does after each join."""
    name = scanner(rabbit.layout, folder, device).name
    told = cli("rabbitmq", rabbit.layout.root)
    assert (told.returncode, told.stderr) == (0, "")
    file = folder / "definitions.json"
    file.write_text(told.stdout)
    subprocess.run([*shlex.split(rabbit.control()), "import_definitions", str(file)], check=True, capture_output=True)
    return name


def test_a_revoked_device_is_cut_off_while_it_is_connected_and_does_not_come_back(rabbit: Rabbit, tmp_path: Path) -> None:
    stolen, honest = joined(rabbit, tmp_path, "stolen-1"), joined(rabbit, tmp_path, "honest-1")
    with closing(Client(rabbit, str(stolen))) as thief, closing(Client(rabbit, str(honest))) as other:
        assert thief.writes(stolen.topic(Leaf.ENTRIES))
        assert other.connects()
        done = cli("device", "revoke", rabbit.layout.root, stolen, "--rabbitmqctl", rabbit.control())
        assert done.returncode == 0, done.stderr
        assert f"Revoked {stolen}" in done.stdout
        assert thief.is_over()
        assert not thief.connects()
        assert other.writes(honest.topic(Leaf.ENTRIES))
        assert other.connections == 1, "nobody else notices"
    assert cli("device", "revoke", rabbit.layout.root, stolen, "--rabbitmqctl", rabbit.control()).returncode == 0  # again: harmless
    with closing(database.connect(rabbit.layout.register)) as connection:
        devices.set_status(connection, stolen, devices.ACTIVE)  # as when another device has joined under its name
    told = cli("rabbitmq", rabbit.layout.root)
    assert f"{stolen}: an earlier certificate of this name was revoked" in told.stderr


@pytest.mark.parametrize("control, why", [("false", "ended with 1"), ("/nowhere/rabbitmqctl", "cannot be run")])
def test_a_rabbitmq_that_cannot_be_told_is_said_and_the_signatures_are_refused_all_the_same(
    rabbit: Rabbit, tmp_path: Path, control: str, why: str
) -> None:
    stolen = scanner(rabbit.layout, tmp_path, f"stolen-{why.replace(' ', '-')}").name
    done = cli("device", "revoke", rabbit.layout.root, stolen, "--rabbitmqctl", control)
    assert (done.returncode, why in done.stderr, "Its signatures count no more" in done.stderr) == (1, True, True)
    with closing(database.connect(rabbit.layout.register)) as connection:
        found = devices.find(connection, stolen)
    assert found is not None
    assert found.status == devices.REVOKED
