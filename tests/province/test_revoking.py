"""A stolen device is shut out while it is connected: its session, its certificates, its signatures."""

from __future__ import annotations

import queue
import socket
from collections.abc import Callable
from contextlib import closing

import pytest
from conftest import World
from province_world import WAIT_S, Log, Scanner, cli, session

from edge_agent.link.broker_link import Connected, Disconnected, Event
from edge_agent.link.broker_tls import tls_context
from province.base.clock import now_ms
from province.registry import devices
from province.store import database
from province.trust.revoking import Broker, reload_by_pid, revoke


class Stolen:
    """A device in the hands of a thief: connected, and connecting again whenever it is cut off."""

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.link = scanner.link(self.events.put)
        self.link.start()
        assert isinstance(self.events.get(timeout=WAIT_S), Connected)

    def until(self, wanted: Callable[[Event], bool]) -> list[Event]:
        seen: list[Event] = []
        while not seen or not wanted(seen[-1]):
            seen.append(self.events.get(timeout=WAIT_S))
        return seen


def test_a_revoked_device_is_cut_off_while_it_is_connected_and_does_not_come_back(world: World) -> None:
    stolen, honest = world.new_scanner(), world.new_scanner()
    thief = Stolen(stolen)
    try:
        with session(honest) as other:
            done = cli("device", "revoke", world.layout.root, stolen.name)
            assert done.returncode == 0, done.stderr
            assert f"Revoked {stolen.name}" in done.stdout
            events = thief.until(lambda event: isinstance(event, Disconnected) and "revoked" in event.why)
            assert isinstance(events[0], Disconnected)  # the session that was open is ended
            other.deliver(Log.new(honest).append())  # nobody else notices
            thief.until(lambda event: isinstance(event, Disconnected))  # it tries again, in vain
    finally:
        thief.link.stop()
    assert not any(isinstance(event, Connected) for event in _rest(thief.events))
    assert "revoked" in cli("device", "list", world.layout.root).stdout
    assert cli("device", "revoke", world.layout.root, stolen.name).returncode == 0  # again: harmless


def test_the_open_session_is_ended_also_when_the_broker_acts_on_the_new_list_at_once(world: World) -> None:
    """Then the probe is refused before it can take the session over by chance: the successor's certificate alone ends it."""
    stolen = world.new_scanner()
    thief = Stolen(stolen)
    ended_already: list[bool] = []

    def reload() -> None:
        reload_by_pid(world.layout)
        while not _refused_in_tls(stolen):
            pass
        ended_already.append(not thief.events.empty())

    try:
        revoke(world.layout, stolen.name, Broker(("127.0.0.1", world.broker.port), reload), now_ms())
        assert ended_already == [False], "a new list alone ends no session"
        thief.until(lambda event: isinstance(event, Disconnected))
    finally:
        thief.link.stop()


def _refused_in_tls(scanner: Scanner) -> bool:
    """Whether the broker refuses its certificate; no MQTT is spoken, so that no session is taken over."""
    with socket.create_connection(("127.0.0.1", scanner.endpoint.port), WAIT_S) as raw:
        try:
            with tls_context(scanner.endpoint).wrap_socket(raw, server_hostname="127.0.0.1") as stream:
                stream.settimeout(0.2)
                return stream.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


def _rest(events: queue.SimpleQueue[Event]) -> list[Event]:
    seen = []
    while not events.empty():
        seen.append(events.get())
    return seen


def test_a_revoked_signature_counts_no_more_even_when_its_message_gets_through(world: World) -> None:
    """As from a broker that could not be reached, or from entries that were on their way."""
    stolen = world.new_scanner()
    made = Log.new(stolen).append()
    with session(stolen) as connected:
        connected.deliver(Log.new(stolen).append())
        with closing(database.connect(world.layout.register)) as connection:
            devices.set_status(connection, stolen.name, devices.REVOKED)
        connected.send(made)
        while (event := world.collecting.events.get(timeout=WAIT_S))["event"] != "quarantined":
            pass
    assert event["reason"] == "device-not-active"


@pytest.mark.parametrize("words", [("no-such/device",), ("nonsense",), ("a/b/c",)])
def test_whom_nobody_knows_cannot_be_revoked(world: World, words: tuple[str, ...]) -> None:
    done = cli("device", "revoke", world.layout.root, *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_broker_that_cannot_be_reached_is_said_and_the_signatures_are_refused_all_the_same(world: World) -> None:
    stolen = world.new_scanner()
    done = cli("device", "revoke", world.layout.root, stolen.name, "--reload", "false")
    assert done.returncode == 1
    assert "Its signatures count no more" in done.stderr
    assert cli("device", "revoke", world.layout.root, stolen.name, "--broker", "127.0.0.1:1").returncode == 1
    assert cli("device", "revoke", world.layout.root, stolen.name).returncode == 0
