"""Commands from the page at a real Mosquitto: signed, carried, told back live; and what is said when they cannot be sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from conftest import World
from page_world import Desk, open_desk, told, until
from province_world import WAIT_S, Log, Scanner, free_port, session

from edge_agent.base.process_lock import ProcessLock
from edge_agent.link.broker_link import Arrived, Connected, Event, Message
from edge_agent.wire import command, results
from edge_agent.wire.command import Action
from edge_agent.wire.results import Result, State
from edge_agent.wire.topics import Leaf
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.fleet.orders import Orders, new_ref
from province.records import audit
from province.store import database
from province.watch.fleet_rules import Seen


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


def test_more_than_may_wait_are_refused_and_it_still_ends(world: World, scanner: Scanner) -> None:
    """The thread is busy at a broker that does not answer: nobody takes anything from what waits."""
    busy = Orders(world.layout, ("127.0.0.1", 1))
    given = [busy.give(new_ref(), scanner.name, Action.IDENTIFY, "", "lan").ref for _ in range(50)]
    with pytest.raises(ProvinceError, match="too many"):
        busy.give("one more", scanner.name, Action.IDENTIFY, "", "lan")
    ended = threading.Thread(target=busy.stop, daemon=True)
    ended.start()
    ended.join(WAIT_S)
    assert not ended.is_alive()
    assert busy.find(None, "one more") is None
    assert all(busy.find(None, ref) is not None for ref in given)


def test_it_goes_on_sending_after_more_commands_than_it_shows(world: World, scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("province.fleet.orders._MOST", 2)
    monkeypatch.setattr("province.commands.operating._CONNECT_S", 0.2)
    orders = Orders(world.layout, ("127.0.0.1", free_port()))  # nobody is there: each is told so
    refs = [orders.give(new_ref(), scanner.name, Action.IDENTIFY, "", "lan").ref for _ in range(5)]
    orders.start()
    try:
        until(lambda: all(found.trouble for ref in refs if (found := orders.find(None, ref)) is not None))
        last = orders.give(new_ref(), scanner.name, Action.IDENTIFY, "", "lan").ref
        until(lambda: (found := orders.find(None, last)) is not None and found.trouble != "")
    finally:
        orders.stop()


def test_while_somebody_else_commands_it_says_so_and_sends_nothing(world: World, desk: Desk, scanner: Scanner) -> None:
    lan, done = desk.browser("lan"), list[Action | str]()
    page = f"/en/device/{scanner.name}/order/identify"
    with obeying(scanner, done), ProcessLock(world.layout.commands_lock, "gate-province command or config"):
        where = lan.post(page, lan.hidden(page)).headers["location"]
        until(lambda: "its end is not known" in lan.get(where).text)
    assert "gate-province command or config" in lan.get(where).text
    assert done == []
