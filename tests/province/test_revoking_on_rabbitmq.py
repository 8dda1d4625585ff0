"""A stolen device is shut out of a RabbitMQ while it is connected, by its name."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from province_world import cli, scanner
from rabbit_world import MISSING, Client, Rabbit, is_installed

from edge_agent.link.broker_tls import tls_context
from edge_agent.wire.topics import DeviceName, Leaf
from province.keys.tls_authority import TlsAuthority
from province.registry import devices
from province.store import database
from province.trust import rabbitmq_rules

pytestmark = pytest.mark.skipif(not is_installed(), reason=MISSING)


def joined(rabbit: Rabbit, folder: Path, device: str) -> DeviceName:
    """Registers a device and makes it known to RabbitMQ, as the officer does after each join."""
    name = scanner(rabbit.layout, folder, device).name
    let_in(rabbit, folder)
    return name


def let_in(rabbit: Rabbit, folder: Path) -> None:
    """Tells RabbitMQ who is registered now."""
    for step in (("--rights",), ()):
        told(rabbit, folder, *step)


def told(rabbit: Rabbit, folder: Path, *step: str) -> None:
    """One of the two imports."""
    done = cli("rabbitmq", rabbit.layout.root, *step)
    assert done.returncode == 0, done.stderr
    file = folder / "definitions.json"
    file.write_text(done.stdout)
    subprocess.run([*shlex.split(rabbit.control()), "import_definitions", str(file)], check=True, capture_output=True)


def test_by_its_topic_rights_alone_nobody_gets_in_and_with_them_nobody_goes_too_far(rabbit: Rabbit, tmp_path: Path) -> None:
    new = scanner(rabbit.layout, tmp_path, "new-1").name
    told(rabbit, tmp_path, "--rights")
    with closing(Client(rabbit, str(new))) as client:
        assert not client.connects()
        told(rabbit, tmp_path)
        assert client.writes(new.topic(Leaf.ENTRIES))
        assert not client.writes("gate/v1/bus-co/scanner-1/receipts")


def take_name(rabbit: Rabbit, name: DeviceName) -> None:
    """Another device joins under the name."""
    with closing(database.connect(rabbit.layout.register)) as connection:
        before = devices.find(connection, name)
        assert before is not None
        devices.put(connection, replace(before, public_key=Ed25519PrivateKey.generate().public_key(), status=devices.ACTIVE))


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
    take_name(rabbit, stolen)
    asked = cli("rabbitmq", rabbit.layout.root)
    assert asked.returncode == 0
    assert f"{stolen}: an earlier certificate of this name was revoked" in asked.stderr


def test_a_revoked_certificate_stays_refused_when_another_device_has_taken_its_name(rabbit: Rabbit, tmp_path: Path) -> None:
    stolen = scanner(rabbit.layout, tmp_path, "stolen-2")
    let_in(rabbit, tmp_path)
    with closing(Client(rabbit, str(stolen.name), tls_context(stolen.endpoint))) as thief:
        assert thief.connects()
        assert cli("device", "revoke", rabbit.layout.root, stolen.name, "--rabbitmqctl", rabbit.control()).returncode == 0
        assert thief.is_over()
        take_name(rabbit, stolen.name)
        let_in(rabbit, tmp_path)
        assert not thief.connects()
    with closing(Client(rabbit, str(stolen.name))) as successor:
        assert successor.connects()


@pytest.mark.parametrize("name", ["Tỉnh Thừa Thiên Huế", "ĐẮK  LẮK", " a\tB  c ", "x" * 64, "Đ" * 32])
def test_the_list_has_the_name_that_openssl_gives_it(name: str, tmp_path: Path) -> None:
    authority = TlsAuthority.create(name, datetime.now(UTC), timedelta(days=1))
    (tmp_path / "crl").write_bytes(authority.revocation_list(datetime.now(UTC), timedelta(days=1)))
    asked = subprocess.run(["openssl", "crl", "-in", str(tmp_path / "crl"), "-noout", "-hash"], capture_output=True, text=True, check=True)
    assert rabbitmq_rules.list_name(authority.certificate) == f"{asked.stdout.strip()}.r0"


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
