"""Commands from the page at a real Mosquitto: signed, carried, told back live; and what is said when they cannot be sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from conftest import World
from page_world import Desk, open_desk, told, until
from province_world import WAIT_S, Log, Scanner, session

from edge_agent import command, results
from edge_agent.broker_link import Arrived, Connected, Event, Message
from edge_agent.command import Action
from edge_agent.process_lock import ProcessLock
from edge_agent.results import Result, State
from edge_agent.topics import Leaf
from province import audit, database
from province.clock import now_ms
from province.fleet_rules import Seen


@contextmanager
def obeying(scanner: Scanner, done: list[Action | str]) -> Iterator[None]:
    """A device that checks each command as the real one does, and says that it has done it."""
    ready = threading.Event()

    def heard(event: Event) -> None:
        if isinstance(event, Connected):
            ready.set()
        if not isinstance(event, Arrived):
            return
        signed = command.verify(event.payload, scanner.root)
        done.append(signed.command.action)
        for state in (State.ACCEPTED, State.RUNNING, State.SUCCESSFUL):
            said = Result(signed.issuer, signed.command.counter, str(signed.command.action), state)
            proved = results.prove(said, scanner.name, scanner.signing_key)
            link.publish(Message(scanner.name.topic(Leaf.RESULTS), results.encode(proved)))

    link = scanner.link(heard, [scanner.name.topic(Leaf.COMMANDS)])
    link.start()
    try:
        assert ready.wait(WAIT_S)
        yield
    finally:
        link.stop()


@pytest.fixture(scope="module")
def scanner(world: World) -> Scanner:
    """One whose log has come, so that commands can name it."""
    made = world.new_scanner("cho-hue")
    with session(made) as connected:
        connected.deliver(Log.new(made).append())
    return made


@pytest.fixture(scope="module")
def desk(world: World, scanner: Scanner) -> Iterator[Desk]:
    with open_desk(world.layout, 0, broker=("127.0.0.1", world.layout.read_settings().port)) as desk:
        desk.store.registered([Seen(scanner.name, "Chợ", "Cổng", now_ms())])
        desk.store.told(scanner.name, told(1, now_ms()), None, now_ms())
        until(lambda: desk.browser("lan").get(f"/vi/device/{scanner.name}").status == 200)
        yield desk


def test_a_command_is_confirmed_signed_done_and_told_live(world: World, desk: Desk, scanner: Scanner) -> None:
    lan, done = desk.browser("lan"), list[Action | str]()
    page = f"/vi/device/{scanner.name}/order/close"
    with obeying(scanner, done):
        form = lan.hidden(page)
        assert done == []  # to look is not to send
        sent = lan.post(page, {**form, "reason": "ngập nước"})
        where = sent.headers["location"]
        with lan.stream(where.replace("/vi/", "/vi/stream/")) as following:
            html = following()[1]
            while "đã làm xong" not in html:
                html = following()[1]
        assert lan.post(page, form).headers["location"] == where  # the form again is the same command
        assert done == [Action.CLOSE]
    assert "đã làm xong" in desk.browser("minh").get(f"/vi/device/{scanner.name}").text
    with closing(database.connect(world.layout.register)) as connection:
        (line,) = [line for line in audit.lines(connection) if line.action == "command"]
    assert (line.officer, line.reason) == ("lan", f"{scanner.name}: close (ngập nước)")


def test_while_somebody_else_commands_it_says_so_and_sends_nothing(world: World, desk: Desk, scanner: Scanner) -> None:
    lan, done = desk.browser("lan"), list[Action | str]()
    page = f"/en/device/{scanner.name}/order/identify"
    with obeying(scanner, done), ProcessLock(world.layout.commands_lock, "gate-province command or config"):
        where = lan.post(page, lan.hidden(page)).headers["location"]
        until(lambda: "its end is not known" in lan.get(where).text)
    assert "gate-province command or config" in lan.get(where).text
    assert done == []
