"""Where phones come in at the station page: the certificate, the door, this machine's addresses."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gate_fixtures
import pytest
from cryptography import x509
from gate_world import Enrolled
from station_world import LANES, WAIT_S, open_site

from edge_agent.serving import server
from edge_agent.station import certificate
from edge_agent.station.addresses import own_addresses
from edge_agent.station.listener import KEPT, MOST, MOST_OF_ONE, Door

NOW_S = 1_766_282_400.0
enrolled = gate_fixtures.enrolled


def test_a_certificate_stays_until_it_ends_soon_or_the_device_has_another_address(tmp_path: Path) -> None:
    def made(now_s: float, *addresses: str, name: str = "") -> x509.Certificate:
        return certificate.make_sure(tmp_path, name, addresses, now_s)

    first = made(NOW_S, "192.168.1.7")
    name, addresses = certificate.covered(first)
    assert name.startswith("gate-")
    assert name.endswith(".local")
    assert addresses == ("192.168.1.7",)
    day_s = 86_400.0
    assert made(NOW_S + 700 * day_s, "192.168.1.7") == made(NOW_S) == first
    moved = made(NOW_S, "192.168.4.1")
    assert certificate.covered(moved) == (name, ("192.168.1.7", "192.168.4.1"))
    assert made(NOW_S, "192.168.1.7") == moved
    renewed = made(NOW_S + 750 * day_s, "192.168.1.7")
    assert renewed.public_key() == first.public_key()
    assert renewed.not_valid_after_utc > datetime.fromtimestamp(NOW_S, UTC) + timedelta(days=1500)
    assert renewed.not_valid_after_utc - renewed.not_valid_before_utc <= timedelta(days=825)
    assert made(0.0, "192.168.1.7").not_valid_before_utc.year < 1971  # a clock at 1970 is no reason to have no page
    assert certificate.covered(made(NOW_S, name="cho-mai.local"))[0] == "cho-mai.local"


def test_of_many_addresses_the_certificate_drops_the_one_it_was_made_for_first(tmp_path: Path) -> None:
    seen = [f"192.168.{network}.1" for network in (200, *range(10, 20))]  # the last of the alphabet comes first
    made = [certificate.make_sure(tmp_path, "", [address], NOW_S) for address in seen]
    assert certificate.covered(made[-1])[1] == tuple(seen[-9:])


def test_a_damaged_key_or_certificate_is_made_anew(tmp_path: Path) -> None:
    for file in certificate.files(tmp_path):
        before = certificate.make_sure(tmp_path, "", (), NOW_S)
        file.write_text("torn")
        after = certificate.make_sure(tmp_path, "", (), NOW_S)
        assert after != before
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*certificate.files(tmp_path))


def test_the_door_takes_so_many_and_makes_room_when_one_goes() -> None:
    with Door("127.0.0.1", 0) as door:
        phones = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(MOST_OF_ONE + 1)]
        taken = [door.accept()[0] for _ in range(MOST_OF_ONE)]
        assert all(0 < each.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60_000 for each in taken)
        with pytest.raises(ConnectionAbortedError):
            door.accept()
        assert phones[-1].recv(1) == b""
        taken.pop().close()
        phones.append(socket.create_connection(("127.0.0.1", door.port)))
        taken.append(door.accept()[0])
        assert door.connections() == MOST_OF_ONE <= MOST
        with pytest.raises(BlockingIOError):
            door.accept()
        for each in (*taken, *phones):
            each.close()
        assert door.connections() == 0


class DoorOnTheInternet(Door):
    """A door whose next caller comes from an address of the test's choice; the connection is a real one."""

    peer = ""

    def _accept(self) -> tuple[int, tuple[str, int]]:
        descriptor, (_peer, port) = super()._accept()  # type: ignore[misc]
        return descriptor, (self.peer, port)


@pytest.mark.parametrize("peer, answered", [("8.8.8.8", False), ("100.64.0.1", False), ("172.32.0.1", False), ("192.168.1.7", True)])
def test_the_door_answers_neighbours_and_nobody_on_the_internet(peer: str, answered: bool) -> None:
    with DoorOnTheInternet("127.0.0.1", 0) as door, socket.create_connection(("127.0.0.1", door.port), WAIT_S) as phone:
        door.peer = peer
        if answered:
            door.accept()[0].close()
        else:
            with pytest.raises(ConnectionAbortedError):
                door.accept()
            assert phone.recv(1) == b""
        assert door.connections() == 0


def test_strangers_cannot_take_the_places_of_who_is_in() -> None:
    with DoorOnTheInternet("127.0.0.1", 0) as door, ExitStack() as last_first:

        def comes(peer: str) -> bool:
            door.peer = peer
            last_first.enter_context(socket.create_connection(("127.0.0.1", door.port), WAIT_S))
            try:
                last_first.enter_context(door.accept()[0])
            except ConnectionAbortedError:
                return False
            return True

        door.knows("192.168.1.7")
        strangers = [comes(f"192.168.2.{number}") for number in range(MOST)]
        assert strangers == [True] * (MOST - KEPT) + [False] * KEPT
        assert [comes("192.168.1.7") for _ in range(KEPT + 1)] == [True] * KEPT + [False]


def test_a_port_that_is_taken_is_told_with_what_to_change() -> None:
    with Door("127.0.0.1", 0) as door, pytest.raises(OSError, match=r"127\.0\.0\.1:\d+: cannot be had .*station\.port"):
        Door("127.0.0.1", door.port)


def test_the_machines_addresses_are_private_ones() -> None:
    assert all(not address.startswith("127.") for address in own_addresses())


def test_a_phone_that_is_in_is_known_at_the_door(enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[str] = []
    monkeypatch.setattr(Door, "knows", lambda _door, peer: known.append(peer))
    with open_site(enrolled.settings(*LANES)) as site:
        stranger, phone = site.phone(entered=False), site.phone()
        stranger.get("/vi/gate")
        assert known == []
        phone.get("/vi/gate")
        assert known == ["127.0.0.1"]


def test_whoever_takes_forever_to_ask_is_hung_up_on(
    enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "_REQUEST_S", 0.2)
    with open_site(enrolled.settings(*LANES)) as site:
        head = b"POST /vi/pin HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://127.0.0.1\r\n"
        head += b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n"
        for part in (b"", b"GET /vi/pin HT", head + b"pin"):
            with closing(site.phone(entered=False).connection()) as connection:
                connection.connect()
                connection.sock.sendall(part)
                with suppress(ConnectionResetError):
                    assert connection.sock.recv(100) == b""
    assert "unexpected" not in caplog.text


def test_whoever_connects_and_never_begins_tls_is_hung_up_on(enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_HANDSHAKE_S", 0.2)
    with open_site(enrolled.settings(*LANES)) as site:
        for part in (b"", b"\x16\x03\x01\x02\x00\x01"):  # nothing, and the beginning of a hello
            with socket.create_connection(("127.0.0.1", site.station.port), WAIT_S) as silent:
                silent.sendall(part)
                with suppress(ConnectionResetError):
                    assert silent.recv(100) == b""
        assert site.phone().get("/vi/gate").status == 200
