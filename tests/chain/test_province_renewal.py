"""The province's own certificates are renewed while everything runs: scanner, broker, collector and door go on, under new keys too."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from chain_world import WAIT_S, Chain, Gate, chain
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from province_world import Log, cli, scanner, session, wait_for_keyring
from test_joining import enrol
from test_renewal import give_certificate

from edge_agent.device.identity import BROKER_CA, FOLDER
from edge_agent.link.broker_link import BrokerLink, Disconnected, Event
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import receipt
from edge_agent.wire.authority import Power
from edge_agent.wire.cose import Forged
from province.base.clock import now_ms
from province.base.layout import COLLECTOR
from province.demo.synthetic import synthetic_people
from province.keys import officers
from province.keys.terms import DAY_MS


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Chain]:
    with chain(tmp_path) as made:
        made.broker.start()
        yield made


def renew(world: Chain, *words: str) -> None:
    done = cli("certificates", "renew", world.layout.root, *words)
    assert done.returncode == 0, done.stderr


def ticket(world: Chain) -> str:
    place = ("--id", "cho", "--org", "cho", "--name", "Chợ", "--category", "market", "--address", "Huế", "--gate", "Cổng", "--new-org")
    assert cli("site", "add", world.layout.root, *place).returncode == 0
    made = cli("ticket", world.layout.root, "--site", "cho", "--gate", "Cổng", "--device", "cong-1", "--json")
    return str(json.loads(made.stdout)["ticket"])


def is_let_in(endpoint: Endpoint) -> bool:
    """Tells whether the broker takes the collector's name from whoever has these files."""
    seen: queue.SimpleQueue[Event] = queue.SimpleQueue()
    link = BrokerLink(endpoint, COLLECTOR, [], seen.put)
    link.start()
    try:
        return not isinstance(seen.get(timeout=WAIT_S), Disconnected)
    finally:
        link.stop()


def test_everything_goes_on_while_every_key_is_exchanged(world: Chain, tmp_path: Path) -> None:
    world.collect()
    world.admit()
    gate, people = world.gate, synthetic_people(3, seed=11)
    gate.agent.start()
    gate.open()
    gate.pass_by(people[:1])
    world.wait_until_receipted()
    stolen = tmp_path / "stolen.crt", tmp_path / "stolen.key"
    for file, copy in zip(("client.crt", "client.key"), stolen, strict=True):
        copy.write_bytes((world.layout.collector_of(1) / file).read_bytes())

    renew(world, "--all", "--new-keys")  # the root is where `init` left it; the broker is told by SIGHUP
    gate.pass_by(people[1:2])
    world.wait_until_receipted()  # in the session that was open, by the collector that was running
    assert world.collecting is not None
    assert "receipts.cert" in world.collecting.log()
    world.broker.stop()
    world.broker.start()
    gate.pass_by(people[2:])
    world.wait_until_receipted()  # all have come back, to a broker with another key
    assert world.passages_of(people) == [1, 1, 1]
    with Gate.bare(tmp_path / "another") as another:
        joined = enrol(another, "--ticket", ticket(world))
        assert joined.returncode == 0, joined.stderr
    world.stop_collecting()
    endpoint = Endpoint("127.0.0.1", world.broker.port, world.layout.authority_certificate, *stolen)
    ours = replace(
        endpoint, certificate_file=world.layout.collector_of(1) / "client.crt", key_file=world.layout.collector_of(1) / "client.key"
    )
    assert (is_let_in(endpoint), is_let_in(ours)) == (False, True)


def test_receipts_of_an_officer_whose_time_has_ended_are_good_again_once_it_is_renewed(world: Chain, tmp_path: Path) -> None:
    root = load_pem_private_key(world.layout.root_key.read_bytes(), None)
    assert isinstance(root, Ed25519PrivateKey)
    officers.renew(world.layout, Power.RECEIPTS, root, now_ms() - DAY_MS, now_ms() - 1000)
    world.collect()
    world.admit()
    device = scanner(world.layout, tmp_path)
    wait_for_keyring(device)  # now the collector listens
    made = Log.new(device).append()
    with session(device) as connected:
        connected.send(made)
        with pytest.raises(Forged, match="not valid now"):
            connected.next_receipt()
        renew(world, "receipts")
        connected.send(made)
        arrived = connected.arrived.get(timeout=WAIT_S).payload
    assert receipt.verify(arrived, device.root, device.name, now_ms()).ranges[0].last == 1
    assert world.collecting is not None
    assert "certificate of receipts ended on" in world.collecting.log()
    assert world.admitting is not None
    world.admitting.wait_until_logged("certificate of receipts ended on")


def test_a_renewed_authority_reaches_scanners_with_their_own_next_certificate(world: Chain) -> None:
    give_certificate(world, timedelta(days=300), timedelta(days=366))
    world.admit()
    pinned = world.gate.state / FOLDER / BROKER_CA
    before = pinned.read_bytes()
    renew(world, "authority")
    now = world.layout.authority_certificate.read_bytes()
    assert now != before
    world.gate.agent.start()
    world.gate.agent.wait_until_logged("new certificate until")
    assert pinned.read_bytes() == now
    world.broker.stop()
    world.broker.start()
    world.collect()
    world.gate.open()
    world.gate.pass_by(synthetic_people(1, seed=12))
    world.wait_until_receipted()
