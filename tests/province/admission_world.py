"""A province with its door open, its tickets and answers, for the tests of who is let in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from province_world import free_port

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.enrolment import knock
from edge_agent.link import door_link
from edge_agent.wire import ticket
from edge_agent.wire.authority import Power
from edge_agent.wire.joining import Answer, Membership, Outcome
from edge_agent.wire.ticket import Ticket
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.layout import Layout
from province.joining import door
from province.joining.admission import Addresses, Admission
from province.keys.officers import load_officer, read_root_public
from province.keys.tls_authority import TlsAuthority
from province.registry import devices, tickets, waiting_room
from province.registry.tickets import LIFE_MS, Grant
from province.store import database

GRANT = Grant(DeviceName("bus-co", "scanner-1"), "Tuyến 8", "Cửa trước")


def new_keys() -> DeviceKeys:
    return DeviceKeys(Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1()))


@dataclass
class Province:
    """A province with its door open and a clock of its own."""

    layout: Layout
    stack: ExitStack
    port: int = 0
    now_ms: int = 0

    def __post_init__(self) -> None:
        self.port, self.now_ms = free_port(), now_ms()
        self.officer = load_officer(self.layout, Power.TICKETS)
        self.root = read_root_public(self.layout)
        self.authority = TlsAuthority.load(self.layout.authority_key, self.layout.authority_certificate)
        addresses = Addresses(("mqtt.example.vn", 8883), ("127.0.0.1", self.port))
        self.admission = Admission(self.layout, self.authority, self.officer, addresses, timedelta(days=30))
        self.open("server", self.port)

    def open(self, name: str, port: int) -> None:
        files = self.layout.door / f"{name}.crt", self.layout.door / "server.key"
        shown = x509.load_pem_x509_certificate(files[0].read_bytes()).public_bytes(Encoding.DER)
        greeting, key_hash = door_link.greet(self.root, shown, self.officer), door_link.tls_key_hash(shown)
        opened = door.Door(
            ("127.0.0.1", port), door.tls(*map(str, files)), greeting,
            lambda message: self.admission.at_the_door(message, key_hash, self.now_ms),
        )  # fmt: skip
        opened.start()
        self.stack.callback(opened.stop)

    def ticket(self, grant: Grant | None = GRANT, serial: str | None = None, key: bytes | None = None) -> str:
        made = Ticket(ticket.fingerprint(self.root), "127.0.0.1", self.port, self.now_ms + LIFE_MS, None, serial, key)
        if grant is not None:
            with closing(database.connect(self.layout.register)) as connection:
                made = replace(made, number=tickets.give_out(connection, grant, made.expires_ms))
        return ticket.issue(made, self.officer.key)

    def ask(self, text: str, keys: DeviceKeys) -> Answer:
        return knock.with_ticket(text, keys).answer

    def welcome(self, text: str, keys: DeviceKeys) -> Membership:
        answer = self.ask(text, keys)
        assert answer.membership is not None, answer.reason
        return answer.membership

    def refused(self, text: str, keys: DeviceKeys) -> str:
        answer = self.ask(text, keys)
        assert answer.outcome is Outcome.REFUSED
        return answer.reason

    def device(self, name: DeviceName = GRANT.name) -> devices.Device | None:
        with closing(database.connect(self.layout.register)) as connection:
            return devices.find(connection, name)

    def approve(self, keys: DeviceKeys, grant: Grant = GRANT) -> None:
        with closing(database.connect(self.layout.register)) as connection:
            one = next(one for one in waiting_room.every(connection, self.now_ms) if one.public_key == keys.signing.public_key())
            waiting_room.approve(connection, one, grant, self.now_ms)


@pytest.fixture
def province(layout: Layout) -> Iterator[Province]:
    with ExitStack() as stack:
        yield Province(layout, stack)
