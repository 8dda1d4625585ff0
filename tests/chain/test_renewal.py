"""Certificates end; devices go on: renewed over the broker in time, at the door after weeks in a drawer, and with a clock at 1970."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from chain_world import Chain, chain
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from province_world import cli
from real_broker import newest_tls_is

from edge_agent.device import device_keys, identity
from edge_agent.wire.ticket import fingerprint, shown
from province.demo.synthetic import synthetic_people
from province.keys.tls_authority import TlsAuthority
from province.registry import certificates, devices
from province.store import database


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Chain]:
    with chain(tmp_path) as made:
        made.broker.start()
        made.collect()
        yield made


def certificate(world: Chain) -> x509.Certificate:
    return x509.load_pem_x509_certificate((world.gate.state / identity.FOLDER / identity.TLS_CERTIFICATE).read_bytes())


def give_certificate(world: Chain, begun: timedelta, life: timedelta) -> int:
    """Replaces the device's certificate by one of another time, for the same key, as the province had given it then."""
    authority = TlsAuthority.load(world.layout.authority_key, world.layout.authority_certificate)
    key = device_keys.load(world.gate.state).tls.public_key()
    made = authority.certify(key, str(world.gate.name), datetime.now(UTC) - begun, life)
    (world.gate.state / identity.FOLDER / identity.TLS_CERTIFICATE).write_bytes(made.public_bytes(Encoding.PEM))
    with closing(database.connect(world.layout.register)) as connection:
        device = devices.find(connection, world.gate.name)
        assert device is not None
        certificates.note(connection, device.name, made)
        devices.put(connection, replace(device, certificate_serial=str(made.serial_number)))
    return made.serial_number


def test_a_certificate_is_renewed_over_the_broker_well_before_it_ends(world: Chain) -> None:
    before = give_certificate(world, timedelta(days=300), timedelta(days=366))
    world.admit()
    gate, people = world.gate, synthetic_people(2, seed=7)
    gate.agent.start()
    gate.agent.wait_until_logged("new certificate until")
    after = certificate(world)
    assert after.serial_number != before
    assert after.not_valid_after_utc > datetime.now(UTC) + timedelta(days=360)
    gate.open()
    gate.pass_by(people)
    world.wait_until_receipted()
    gate.agent.end(signal.SIGTERM)
    gate.agent.start()  # with the new certificate from the start
    gate.agent.wait_until_logged("connected to the broker")
    assert world.passages_of(people) == [1, 1]


def test_a_fresh_certificate_is_left_alone(world: Chain) -> None:
    world.admit()
    before = certificate(world).serial_number
    world.gate.agent.start()
    world.gate.agent.wait_until_logged("keyring 1 in use")
    assert "asking for a new certificate" not in world.gate.agent.log()
    assert certificate(world).serial_number == before


@pytest.mark.parametrize("tls", ["TLSv1.2", "TLSv1.3"])
def test_after_weeks_in_a_drawer_the_signing_key_gets_a_new_certificate_and_no_entry_is_lost(world: Chain, tls: str) -> None:
    world.broker.stop()
    world.broker.start(OPENSSL_CONF=str(newest_tls_is(tls, world.folder)))
    give_certificate(world, timedelta(days=60), timedelta(days=20))
    world.admit()
    gate, people = world.gate, synthetic_people(3, seed=8)
    gate.open()
    gate.pass_by(people)  # the gate does not care
    gate.agent.start()
    label = shown(fingerprint(device_keys.load(gate.state).signing.public_key()))
    gate.agent.wait_until_logged(f"gate-province approve DIR {label}")
    assert gate.waiting() > 0
    assert world.passages_of(people) == [0, 0, 0]
    done = cli("approve", world.layout.root, label)
    assert done.returncode == 0, done.stderr
    world.wait_until_receipted()
    assert world.passages_of(people) == [1, 1, 1]
    assert certificate(world).not_valid_after_utc > datetime.now(UTC)


def test_a_certificate_that_is_over_is_renewed_at_the_door_also_when_no_broker_is_there_to_refuse_it(world: Chain) -> None:
    give_certificate(world, timedelta(days=60), timedelta(days=20))
    world.admit()
    world.broker.stop()
    world.gate.agent.start()
    label = shown(fingerprint(device_keys.load(world.gate.state).signing.public_key()))
    world.gate.agent.wait_until_logged(f"gate-province approve DIR {label}")
    assert "nothing listens there" in world.gate.agent.log()


def test_a_broker_that_refuses_a_good_certificate_is_no_reason_to_ask_the_door_without_end(world: Chain) -> None:
    world.admit()
    world.broker.stop()
    rules = world.layout.broker_config.read_text()
    world.layout.broker_config.write_text(f"clientid_prefixes province\n{rules}")  # as a list or definitions that leave devices out
    world.broker.start()
    before = certificate(world).serial_number
    world.gate.agent.start()
    world.gate.agent.wait_until_logged("At the broker, look at its clock")
    assert world.admitting is not None
    assert world.admitting.log().count("welcome") == 1
    assert certificate(world).serial_number == before
