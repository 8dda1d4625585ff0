"""Who is let in and who is not: at a real door, with real TLS, against tickets that are used, old, foreign or tied to somebody else."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from province_world import WAIT_S, founded, free_port

from edge_agent import joining, knock, ticket
from edge_agent.authority import Power
from edge_agent.device_keys import DeviceKeys
from edge_agent.joining import Answer, Membership, Outcome, Wish
from edge_agent.knock import NotReached, Untrusted
from edge_agent.ticket import Ticket
from edge_agent.topics import DeviceName
from province import admission, certificates, database, devices, door, tickets, waiting_room
from province.admission import Addresses, Admission
from province.clock import now_ms
from province.layout import Layout
from province.officers import load_officer, read_root_public
from province.tickets import LIFE_MS, Grant
from province.tls_authority import TlsAuthority

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
        greeting, key_hash = joining.greet(self.root, shown, self.officer), joining.tls_key_hash(shown)
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
            one = next(one for one in waiting_room.every(connection) if one.public_key == keys.signing.public_key())
            waiting_room.approve(connection, one, grant, self.now_ms)


@pytest.fixture
def province(layout: Layout) -> Iterator[Province]:
    with ExitStack() as stack:
        yield Province(layout, stack)


def test_a_ticket_makes_a_member(province: Province) -> None:
    keys = new_keys()
    granted = province.welcome(province.ticket(), keys)
    assert (granted.name, granted.site, granted.gate, granted.host) == (GRANT.name, GRANT.site, GRANT.gate, "mqtt.example.vn")
    known = province.device()
    assert known is not None
    assert known.public_key == keys.signing.public_key()
    certificate = x509.load_der_x509_certificate(granted.certificate)
    assert known.certificate_serial == str(certificate.serial_number)
    certificate.verify_directly_issued_by(province.authority.certificate)


def test_a_ticket_is_worth_something_once(province: Province) -> None:
    text, honest = province.ticket(), new_keys()
    province.welcome(text, honest)
    assert "used already" in province.refused(text, new_keys())
    assert province.welcome(text, honest).name == GRANT.name  # its answer may have been lost
    province.now_ms += LIFE_MS + 2 * 3_600_000
    assert "used by this device long ago" in province.refused(text, honest)
    known = province.device()
    assert known is not None
    assert known.public_key == honest.signing.public_key()


def test_a_ticket_ends_after_ten_minutes(province: Province) -> None:
    text = province.ticket()
    province.now_ms += 10 * 60_000 + 1
    assert "expired" in province.refused(text, new_keys())
    assert province.device() is None


def test_a_ticket_for_one_device_is_worth_nothing_to_another(province: Province) -> None:
    keys = new_keys()
    text = province.ticket(key=ticket.fingerprint(keys.signing.public_key())[: ticket.SHOWN_BYTES])
    assert "for the device with key" in province.refused(text, new_keys())
    province.welcome(text, keys)
    assert "serial number" in province.refused(province.ticket(serial="100000001234abcd"), new_keys())


def test_a_photographed_ticket_cannot_be_freed_of_the_device_it_is_for(province: Province) -> None:
    """The thief knows the number; what ties it to the label's key is the officer's signature, which the door checks again."""
    tied = province.ticket(key=ticket.fingerprint(new_keys().signing.public_key())[: ticket.SHOWN_BYTES])
    freed = ticket.issue(replace(ticket.peek(tied), key=None), Ed25519PrivateKey.generate())
    shown = x509.load_pem_x509_certificate((province.layout.door / "server.crt").read_bytes()).public_bytes(Encoding.DER)
    here = joining.tls_key_hash(shown)
    request = new_keys().request(Wish.JOIN, here, ticket.to_bytes(freed))
    answer = joining.read_answer(province.admission.at_the_door(request, here, province.now_ms), request, province.root)
    assert (answer.outcome, answer.reason) == (Outcome.REFUSED, "this ticket is not of this province")
    assert province.device() is None


def test_a_ticket_made_up_is_not_even_shown(province: Province) -> None:
    real = ticket.peek(province.ticket())
    forged = ticket.issue(replace(real, number=bytes(16)), Ed25519PrivateKey.generate())
    with pytest.raises(Untrusted, match="signature"):
        knock.with_ticket(forged, new_keys())
    unknown = ticket.issue(replace(real, number=bytes(16)), province.officer.key)
    assert "unknown here" in province.refused(unknown, new_keys())


def test_another_provinces_door_is_not_trusted_with_a_ticket(province: Province, tmp_path: Path) -> None:
    with ExitStack() as stack:
        foreign = Province(founded(tmp_path / "foreign"), stack)
        lured = ticket.issue(replace(ticket.peek(province.ticket()), port=foreign.port), province.officer.key)
        with pytest.raises(Untrusted, match="another province"):
            knock.with_ticket(lured, new_keys())


def test_who_stands_between_learns_nothing(province: Province) -> None:
    """He passes the real greeting on, under a TLS key of his own; the device hangs up before it says a word."""
    text = province.ticket()
    heard: list[bytes] = []
    between = province.authority.server(("127.0.0.1",), datetime.now(UTC), timedelta(days=1))
    files = province.layout.root.parent / "b.crt", province.layout.root.parent / "b.key"
    files[0].write_bytes(between.certificate_pem)
    files[1].write_bytes(between.key_pem)
    shown = x509.load_pem_x509_certificate((province.layout.door / "server.crt").read_bytes()).public_bytes(Encoding.DER)
    genuine = joining.greet(province.root, shown, province.officer)

    def listen(message: bytes) -> bytes:
        heard.append(message)
        return b""

    port = free_port()
    trap = door.Door(("127.0.0.1", port), door.tls(str(files[0]), str(files[1])), genuine, listen)
    trap.start()
    try:
        lured = ticket.issue(replace(ticket.peek(text), port=port), province.officer.key)
        with pytest.raises(Untrusted, match="stands between"):
            knock.with_ticket(lured, new_keys())
    finally:
        trap.stop()
    assert heard == []


def test_a_request_passed_on_from_another_door_gets_no_answer(province: Province) -> None:
    request = new_keys().request(Wish.JOIN, bytes(32), ticket.to_bytes(province.ticket()))
    assert _talk_raw(province.port, request) == b""
    assert province.device() is None


def _talk_raw(port: int, *frames: bytes) -> bytes:
    """What the door says after its greeting to somebody who sends such bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as raw, context.wrap_socket(raw) as stream:
        joining.receive_frame(stream, joining.MAX_GREETING_BYTES)
        for frame in frames:
            joining.send_frame(stream, frame)
        return stream.recv(100)


def test_whatever_a_stranger_sends_the_door_stays_open(province: Province) -> None:
    for rubbish in (b"", b"\0" * 100, b"\xff" * 4096, new_keys().request(Wish.JOIN)):
        assert _talk_raw(province.port, rubbish) == b""
    with socket.create_connection(("127.0.0.1", province.port), WAIT_S) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with suppress(ConnectionError):
            assert b"200" not in plain.recv(100)
    province.welcome(province.ticket(), new_keys())


def test_many_who_only_hold_the_line_do_not_keep_others_out(province: Province) -> None:
    with ExitStack() as stack:
        for _each in range(3 * door._GUESTS_MOST):
            stack.enter_context(socket.create_connection(("127.0.0.1", province.port), WAIT_S))
        province.welcome(province.ticket(), new_keys())


def test_who_takes_too_long_is_shown_out(province: Province, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_VISIT_S", 0.1)
    with socket.create_connection(("127.0.0.1", province.port), WAIT_S) as idle:
        assert idle.recv(1) == b""


def test_ten_at_once_with_one_ticket_let_one_in(province: Province) -> None:
    text, answers = province.ticket(), []
    threads = [threading.Thread(target=lambda: answers.append(province.ask(text, new_keys()))) for _each in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert sorted(answer.outcome for answer in answers) == [Outcome.REFUSED] * 9 + [Outcome.WELCOME]


def test_a_name_in_use_is_not_taken_over_by_another_key(province: Province) -> None:
    honest, text = new_keys(), province.ticket()
    province.welcome(text, honest)
    second = province.ticket()
    assert "registered with another key" in province.refused(second, new_keys())
    moved = province.welcome(province.ticket(replace(GRANT, gate="Cửa sau")), honest)  # the same device may move
    assert moved.gate == "Cửa sau"
    assert "used already" not in province.refused(second, new_keys())  # a refusal does not use a ticket up


def test_a_device_that_gets_another_name_loses_the_old_one(province: Province) -> None:
    keys = new_keys()
    province.welcome(province.ticket(), keys)
    other = replace(GRANT, name=DeviceName("bus-co", "scanner-2"))
    assert province.welcome(province.ticket(other), keys).name == other.name
    before = province.device()
    assert before is not None
    assert before.status == devices.MOVED


def test_a_member_gets_another_name_only_after_a_reset(province: Province) -> None:
    keys = new_keys()
    province.welcome(province.ticket(), keys)
    text = province.ticket(replace(GRANT, name=DeviceName("bus-co", "scanner-2")))
    answer = knock.with_ticket(text, keys, str(GRANT.name)).answer
    assert (answer.outcome, "gate-agent reset" in answer.reason) == (Outcome.REFUSED, True)
    known = province.device()
    assert known is not None
    assert known.status == devices.ACTIVE  # it goes on under the name it has
    assert province.welcome(text, keys).name.device == "scanner-2"  # nobody's now


def test_an_invitation_lets_in_whom_an_operator_approved_and_nobody_else(province: Province) -> None:
    text, honest, other = province.ticket(None), new_keys(), new_keys()
    for keys in (honest, other):
        assert province.ask(text, keys).outcome is Outcome.WAIT
    province.approve(honest)
    assert province.welcome(text, honest).name == GRANT.name
    assert province.ask(text, other).outcome is Outcome.WAIT
    province.now_ms += 25 * 3_600_000
    assert "expired" in province.refused(text, honest)


def test_a_flood_of_strangers_does_not_fill_the_waiting_room_for_ever(province: Province, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "_ROOM", 3)
    text = ticket.issue(replace(ticket.peek(province.ticket(None)), expires_ms=2**42), province.officer.key)
    for _each in range(3):
        assert province.ask(text, new_keys()).outcome is Outcome.WAIT
    assert "too many" in province.refused(text, new_keys())
    province.now_ms += 25 * 3_600_000
    assert province.ask(text, new_keys()).outcome is Outcome.WAIT


def test_an_expired_certificate_is_renewed_by_the_signing_key_after_approval(province: Province) -> None:
    keys = new_keys()
    first = province.welcome(province.ticket(), keys)
    assert knock.for_renewal(("127.0.0.1", province.port), province.root, keys).answer.outcome is Outcome.WAIT
    stranger = knock.for_renewal(("127.0.0.1", province.port), province.root, new_keys()).answer
    assert (stranger.outcome, "no active device" in stranger.reason) == (Outcome.REFUSED, True)
    province.approve(keys)
    answer = knock.for_renewal(("127.0.0.1", province.port), province.root, keys).answer
    assert answer.membership is not None
    assert answer.membership.name == GRANT.name
    assert answer.membership.certificate != first.certificate


def test_approval_to_join_is_none_to_renew(province: Province) -> None:
    keys = new_keys()
    province.ask(province.ticket(None), keys)
    province.approve(keys)
    province.welcome(province.ticket(None), keys)
    assert knock.for_renewal(("127.0.0.1", province.port), province.root, keys).answer.outcome is Outcome.WAIT


def test_over_the_broker_each_device_renews_itself_only(province: Province) -> None:
    keys, other = new_keys(), new_keys()
    province.welcome(province.ticket(), keys)
    province.welcome(province.ticket(replace(GRANT, name=DeviceName("bus-co", "scanner-2"))), other)
    message = keys.request(Wish.RENEW)
    answer = joining.read_answer(province.admission.from_broker(message, GRANT.name, province.now_ms), message, province.root)
    assert answer.outcome is Outcome.WELCOME
    message = other.request(Wish.RENEW)
    answer = joining.read_answer(province.admission.from_broker(message, GRANT.name, province.now_ms), message, province.root)
    assert answer.outcome is Outcome.REFUSED


def test_a_stolen_device_cannot_make_the_list_of_revoked_certificates_grow_past_use(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By asking over and over: measured before, 320 certificates a second, and the time to make the list grows with their square."""
    monkeypatch.setattr(admission, "_CERTIFICATES_A_DAY", 3)
    keys, other, text = new_keys(), new_keys(), province.ticket()
    province.welcome(text, keys)
    province.welcome(province.ticket(replace(GRANT, name=DeviceName("bus-co", "scanner-2"))), other)

    def renewed(asking: DeviceKeys, name: DeviceName = GRANT.name) -> Outcome:
        message = asking.request(Wish.RENEW)
        return joining.read_answer(province.admission.from_broker(message, name, province.now_ms), message, province.root).outcome

    assert [renewed(keys) for _each in range(4)] == [Outcome.WELCOME] * 2 + [Outcome.REFUSED] * 2
    assert "ask again tomorrow" in province.refused(text, keys)  # nor with the ticket it has used
    assert renewed(other, DeviceName("bus-co", "scanner-2")) is Outcome.WELCOME
    province.now_ms += 86_401_000
    assert renewed(keys) is Outcome.WELCOME


def test_a_revoked_key_gets_nothing_any_more(province: Province) -> None:
    keys = new_keys()
    province.welcome(province.ticket(), keys)
    with closing(database.connect(province.layout.register)) as connection:
        devices.set_status(connection, GRANT.name, devices.REVOKED)
        assert certificates.revoke(connection, GRANT.name, province.now_ms) == 1
    assert "was revoked" in province.refused(province.ticket(), keys)
    other = replace(GRANT, name=DeviceName("bus-co", "scanner-2"))
    assert "was revoked" in province.refused(province.ticket(other), keys)
    assert knock.for_renewal(("127.0.0.1", province.port), province.root, keys).answer.outcome is Outcome.REFUSED
    replacement = new_keys()
    assert province.welcome(province.ticket(), replacement).name == GRANT.name  # a new device takes the place


def test_a_door_that_is_closed_is_said(province: Province) -> None:
    text = ticket.issue(replace(ticket.peek(province.ticket()), port=free_port()), province.officer.key)
    with pytest.raises(NotReached, match="gate-province admit"):
        knock.with_ticket(text, new_keys())
