"""What a device goes through between two power cuts as a member: it makes its keys, joins by a ticket, is moved by one, renews.

Door and broker are left out, nothing of theirs is on the device's disk: the province's answers are real, and handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from unittest import mock

from crash_device import STATE, keyring_message, say
from cryptography.hazmat.primitives.serialization import Encoding
from sealed_examples import NAME, ROOT_PUBLIC, officer

from edge_agent.device import device_keys, identity
from edge_agent.device.device_keys import DeviceKeys
from edge_agent.enrolment import join, knock
from edge_agent.enrolment.certificate_keeper import CertificateKeeper
from edge_agent.enrolment.knock import Heard
from edge_agent.link.broker_link import Message
from edge_agent.wire import joining, ticket
from edge_agent.wire.authority import Power
from edge_agent.wire.joining import Answer, Membership, Outcome, Wish
from edge_agent.wire.ticket import Ticket
from province.keys.tls_authority import TlsAuthority

GATES = ("Cổng Nam", "Cổng Bắc")
_OFFICER = officer(Power.TICKETS)
_LIFE = timedelta(days=90)
_LATER_MS = 4 * 10**12  # in the last third of every certificate's life


@lru_cache
def _authority() -> TlsAuthority:
    return TlsAuthority.create("Crash", datetime.now(UTC), _LIFE)


def _granted(message: bytes, gate: str) -> tuple[bytes, dict[str, str]]:
    """The province's answer to a request, and what the device is once it has taken it."""
    certificate = _authority().certify(joining.tls_key(joining.read_request(message)), str(NAME), datetime.now(UTC), _LIFE)
    one = Membership(
        NAME, "Chợ Bến Thành", gate, "localhost", 8883, "localhost", 8884,
        certificate.public_bytes(Encoding.DER), _authority().certificate.public_bytes(Encoding.DER), keyring_message(7),
    )  # fmt: skip
    answer = joining.reply(Answer(sha256(message).digest(), Outcome.WELCOME, membership=one), _OFFICER)
    return answer, {"gate": gate, "certificate": f"{certificate.serial_number:x}"}


@contextmanager
def _door(gate: str, grants: Callable[[dict[str, str]], None]) -> Iterator[list[dict[str, str]]]:
    """A door behind which every device gets a place at a gate; yields what it granted, each of which is told before."""
    granted: list[dict[str, str]] = []

    def with_ticket(text: str, keys: DeviceKeys, member: str | None = None) -> Heard:
        message = keys.request(Wish.JOIN, door=bytes(32), ticket=ticket.to_bytes(text), member=member)
        answer, become = _granted(message, gate)
        grants(become)
        granted.append(become)
        return Heard(joining.read_answer(answer, message, ROOT_PUBLIC), ROOT_PUBLIC)

    with mock.patch.object(knock, "with_ticket", with_ticket):
        yield granted


def join_at(gate: str, state: Path, grants: Callable[[dict[str, str]], None] = lambda _become: None) -> dict[str, str]:
    """Shows the device a ticket; returns what it is then, which `grants` was told before it was."""
    text = ticket.issue(Ticket(ticket.fingerprint(ROOT_PUBLIC), "localhost", 8884, 2**40, bytes(16)), _OFFICER.key)
    with _door(gate, grants) as granted:
        join.until_answered(text, state, lambda _seconds: True)
    return granted[-1]


def _label(state: Path) -> None:
    keys = device_keys.load_or_make(state)
    say("done", store="key", value=keys.signing.public_key().public_bytes_raw().hex())


def _begun(become: dict[str, str]) -> None:
    say("begun", store="membership", value=become)


def joining_by_ticket(folder: Path) -> None:
    """A new device gets its label, joins at one gate, and is moved to another."""
    _label(folder / STATE)
    for gate in GATES:
        say("done", store="membership", value=join_at(gate, folder / STATE, _begun))


class _Broker:
    """The part of the connection that the keeper needs: what is asked for over it."""

    asked = b""

    def publish(self, message: Message) -> None:
        self.asked = message.payload

    def renew(self) -> None:
        """Nothing of it is on the disk."""


def renewal(folder: Path) -> None:
    """A member gets new certificates, each after a start of the agent."""
    state = folder / STATE
    _label(state)
    say("done", store="membership", value=join_at(GATES[0], state, _begun))
    for _ in range(4):
        broker, keeper = _Broker(), CertificateKeeper(identity.load(state), state, lambda: _LATER_MS)
        keeper.use(broker)
        keeper.look()
        answer, become = _granted(broker.asked, GATES[0])
        _begun(become)
        keeper.answered(answer)
        say("done", store="membership", value=become)
