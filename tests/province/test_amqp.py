"""Entries by AMQP from a real RabbitMQ's quorum queue: receipted by whoever commits them, kept by the queue, never dropped."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count

import pytest
from amqp_world import DEVICES, AmqpWorld
from pika.adapters.blocking_connection import BlockingChannel
from province_world import ROOT, WAIT_S, Collecting, Log, Scanner, Session, cli, free_port, scanner, session, wait_for_keyring
from rabbit_world import MISSING, Client, is_installed

from edge_agent.wire import topics
from edge_agent.wire.receipt import Status
from province.base.amqp_names import ENTRIES_QUEUE, EXCHANGE
from province.base.broker_address import amqp_addresses
from province.base.errors import NotAProvince

pytestmark = pytest.mark.skipif(not is_installed(), reason=MISSING)
_MANY = 300


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AmqpWorld]:
    made = AmqpWorld(tmp_path_factory.mktemp("amqp"))
    made.rabbit.start()
    try:
        yield made
    finally:
        made.rabbit.stop()


@pytest.fixture(scope="module")
def new_scanner(world: AmqpWorld) -> Callable[[], Scanner]:
    numbers = count(1)
    return lambda: scanner(world.layout, world.folder, f"scanner-{next(numbers)}")


def registered(world: AmqpWorld, log: Log) -> tuple[int, int]:
    """Rows of a log, and different entries of it."""
    with closing(sqlite3.connect(world.layout.register)) as connection:
        rows, entries = connection.execute("SELECT count(*), count(DISTINCT hash) FROM entry WHERE log = ?", (log.log,)).fetchone()
    return rows, entries


def emptied(world: AmqpWorld, collecting: Collecting) -> bool:
    """Whether the queue became empty while the collector ran: what is acknowledged is gone from it a moment later."""
    for _ in range(40):  # each asks RabbitMQ, which takes a second
        if world.waiting() == 0:
            return True
        assert collecting.process.poll() is None, collecting.log()
    return False


def statuses(connected: Session, entries: int) -> set[Status]:
    return {part.status for part in connected.receipts_until(entries)}


def test_what_waits_in_the_queue_is_receipted_once_a_collector_comes_and_the_keyring_is_there(
    world: AmqpWorld, new_scanner: Callable[[], Scanner]
) -> None:
    device, witness = new_scanner(), new_scanner()
    log = Log.new(device)
    with session(device) as connected:
        connected.send(*(log.append() for _ in range(_MANY)))
        with world.collecting(1, free_port()) as collecting:  # the first node does not answer
            assert statuses(connected, _MANY) == {Status.REGISTERED}
            assert wait_for_keyring(witness) == world.layout.keyring.read_bytes()
            assert emptied(world, collecting)
    assert registered(world, log) == (_MANY, _MANY)
    assert "nothing listens there" in collecting.log()


def test_one_that_is_killed_takes_nothing_with_it_and_the_device_need_not_send_again(
    world: AmqpWorld, new_scanner: Callable[[], Scanner]
) -> None:
    device = new_scanner()
    log = Log.new(device)
    with ExitStack() as stack:
        connected = stack.enter_context(session(device))
        doomed, other = (stack.enter_context(world.collecting(number)) for number in (1, 2))
        doomed.wait_until_logged(f"reading from {ENTRIES_QUEUE}", times=2)  # both write into one log
        made = [log.append() for _ in range(_MANY)]
        covered: set[int] = set()

        def receipted(count: int) -> None:
            while len(covered) < count:
                covered.update(seq for part in connected.next_receipt().ranges for seq in range(part.first, part.last + 1))

        sent = 0
        while doomed.events.empty():  # the queue deals them out in turn, and a batch may be all one's
            assert sent < _MANY // 2, "the one that is to be killed is given nothing"
            connected.send(*made[sent : sent + 10])
            sent += 10
            receipted(sent)
        connected.send(*made[sent : (sent + _MANY) // 2])
        doomed.process.send_signal(signal.SIGKILL)
        connected.send(*made[(sent + _MANY) // 2 :])
        receipted(_MANY)
        assert not other.events.empty()
    assert registered(world, log) == (_MANY, _MANY)


def test_a_connection_that_is_ended_while_entries_come_costs_nothing(world: AmqpWorld, new_scanner: Callable[[], Scanner]) -> None:
    device = new_scanner()
    log = Log.new(device)
    with session(device) as connected, world.collecting() as collecting:
        collecting.wait_until_logged(f"reading from {ENTRIES_QUEUE}")
        connected.send(*(log.append() for _ in range(_MANY // 2)))
        world.rabbit.controlled("close_all_user_connections", "province/collector", "maintenance")
        connected.send(*(log.append() for _ in range(_MANY // 2)))
        covered: set[int] = set()
        while len(covered) < _MANY:
            covered |= {seq for part in connected.next_receipt().ranges for seq in range(part.first, part.last + 1)}
        assert emptied(world, collecting)
    assert "ended the connection (320" in collecting.log()
    assert registered(world, log) == (_MANY, _MANY)


def test_what_nobody_can_believe_goes_to_quarantine_and_out_of_the_queue(world: AmqpWorld, new_scanner: Callable[[], Scanner]) -> None:
    device = new_scanner()
    log = Log.new(device)
    with session(device) as connected, world.collecting() as collecting:
        connected.send(b"no entry", b"", log.append())
        assert statuses(connected, 1) == {Status.REGISTERED}
        assert emptied(world, collecting)
        events = [collecting.events.get(timeout=WAIT_S) for _ in range(3)]
    *refused, believed = sorted(str(event["event"]) for event in events)
    assert (refused, believed in {"registered", "repeated"}) == (["quarantined", "quarantined"], True)  # a queue delivers at least once


def test_what_was_delivered_in_vain_many_times_is_still_there(world: AmqpWorld, new_scanner: Callable[[], Scanner]) -> None:
    """RabbitMQ 4 drops what was delivered twenty times, unless the queue says otherwise."""
    device = new_scanner()
    log = Log.new(device)
    with session(device) as connected:
        connected.send(log.append())

        def hand_back(channel: BlockingChannel) -> None:
            for _ in range(50):
                method, _properties, body = next(channel.consume(ENTRIES_QUEUE, inactivity_timeout=WAIT_S))
                assert method is not None
                assert body
                channel.basic_nack(method.delivery_tag, requeue=True)

        assert world.tries("province/collector", hand_back) == 0
        with world.collecting():
            assert statuses(connected, 1) == {Status.REGISTERED}
    assert '"x-delivery-limit"' in (said := world.rabbit.controlled("list_queues", "--formatter", "json", "name", "arguments")), said


def test_a_broker_short_of_memory_takes_no_receipts_and_the_queue_is_emptied_all_the_same(
    world: AmqpWorld, new_scanner: Callable[[], Scanner]
) -> None:
    device = new_scanner()
    log = Log.new(device)
    made = [log.append() for _ in range(_MANY)]
    with session(device) as connected:
        connected.send(*made)
        world.rabbit.controlled("set_vm_memory_high_watermark", "0.00001")
        try:
            with world.collecting() as collecting:
                collecting.wait_until_logged("short of memory or disk")
                for _ in made:
                    collecting.events.get(timeout=WAIT_S)
                assert emptied(world, collecting)
                world.rabbit.controlled("set_vm_memory_high_watermark", "0.6")
                collecting.wait_until_logged("takes receipts again")
                connected.send(*made)  # as a device does that hears nothing
                assert statuses(connected, _MANY) == {Status.REGISTERED}
        finally:
            world.rabbit.controlled("set_vm_memory_high_watermark", "0.6")
    assert registered(world, log) == (_MANY, _MANY)


@pytest.mark.parametrize(
    "role, deed",
    [
        ("province/collector", lambda channel: channel.queue_declare("another", durable=True)),
        ("province/collector", lambda channel: channel.queue_delete(ENTRIES_QUEUE)),
        ("province/collector", lambda channel: channel.queue_purge("mqtt-subscription-bus-co/scanner-1qos1")),
        ("province/collector", lambda channel: channel.basic_publish(EXCHANGE, "gate.v1.bus-co.scanner-1.commands", b"open")),
        ("province/collector-2", lambda channel: channel.basic_publish("", ENTRIES_QUEUE, b"made up")),
        (DEVICES[0], lambda channel: channel.basic_get(ENTRIES_QUEUE)),
        (DEVICES[0], lambda channel: channel.queue_bind(ENTRIES_QUEUE, EXCHANGE, "#")),
        (DEVICES[0], lambda channel: channel.basic_publish(EXCHANGE, "gate.v1.bus-co.scanner-1.receipts", b"receipt")),
    ],
)
def test_by_amqp_nobody_may_more_than_they_need(world: AmqpWorld, role: str, deed: Callable[[BlockingChannel], object]) -> None:
    assert world.tries(role, deed) == 403


def test_by_mqtt_a_collector_leaves_the_keyring_and_can_do_nothing_else(world: AmqpWorld) -> None:
    with closing(Client(world.rabbit, "province/collector-2")) as client:
        assert client.writes(topics.KEYRING)
        assert not client.reads(topics.ALL_ENTRIES)
        assert not client.reads(topics.KEYRING)
        assert not client.writes("gate/v1/bus-co/scanner-1/commands")


def test_a_collector_without_its_queue_says_what_to_import_and_reads_once_it_is_there(
    world: AmqpWorld, new_scanner: Callable[[], Scanner]
) -> None:
    device = new_scanner()
    log = Log.new(device)
    world.rabbit.controlled("delete_queue", ENTRIES_QUEUE)
    with world.collecting() as collecting, session(device) as connected:
        collecting.wait_until_logged("gate-province rabbitmq DIR --amqp")
        world.rabbit.controlled("import_definitions", str(world.rabbit.home / "definitions" / "2-definitions.json"))
        collecting.wait_until_logged(f"reading from {ENTRIES_QUEUE}")
        assert connected.deliver(log.append())[0].status is Status.REGISTERED


def test_what_the_guide_says_for_after_a_power_cut_is_a_command_that_finds_nothing_to_mend(world: AmqpWorld) -> None:
    guide = (ROOT / "hw_docs/deployment.md").read_text()
    found = re.search(r"rabbitmqctl eval '([^']+)'", guide)
    assert found
    assert world.rabbit.controlled("eval", found[1]).strip() == "[]"


@pytest.mark.parametrize(
    "address", ["amqp://mq1.example.vn", "amqps://", "amqps://me:secret@mq1", "amqps://mq1,,mq2", "mq1.example.vn:5671"]
)
def test_an_address_that_cannot_be_is_told_with_what_it_should_look_like(address: str) -> None:
    with pytest.raises(NotAProvince, match="amqps://HOST:PORT"):
        amqp_addresses(address)


def test_the_command_says_so_too(world: AmqpWorld) -> None:
    told = cli("collect", world.layout.root, "--amqp", "amqp://mq1")
    assert (told.returncode, "amqps://HOST:PORT" in told.stderr, "Traceback" in told.stderr) == (2, True, False)


def test_one_who_is_no_user_there_is_told_so(world: AmqpWorld) -> None:
    world.rabbit.controlled("delete_user", "province/collector-2")
    try:
        with world.collecting(2) as collecting:
            collecting.wait_until_logged("does not take our certificate as a user's")
    finally:
        world.rabbit.controlled("import_definitions", str(world.rabbit.home / "definitions" / "2-definitions.json"))
