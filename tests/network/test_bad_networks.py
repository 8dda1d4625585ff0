"""Bad networks between agent and broker: each green entry is registered exactly once, and the outbox empties."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator

import pytest
from network_world import NetworkWorld, network_world
from province_world import Broker, free_port
from tcp_pump import Act, Way

SHORTEST_WAIT_S = 0.5


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetworkWorld]:
    with network_world(tmp_path_factory.mktemp("network")) as made:
        yield made


@pytest.fixture
def world(running: NetworkWorld) -> Iterator[NetworkWorld]:
    """The one world, its network whole before and after each test."""
    yield running
    running.network.heal()


def test_a_partition_that_heals(world: NetworkWorld) -> None:
    world.record(3)
    world.network.part()
    world.record(20)
    world.network.heal()
    world.settle()


def test_a_partition_that_outlives_the_connection(world: NetworkWorld) -> None:
    connects, connections = world.network.seen.connects, world.connections()
    world.network.part()
    world.record(5)
    world.network.until(lambda seen: seen.connects > connects)  # it gave the connection up and knocks at the partition
    world.record(5)
    world.network.heal()
    world.until_connected_again(connections)
    world.settle()


def test_a_half_open_link_of_an_idle_gate_is_given_up_by_keep_alive(world: NetworkWorld) -> None:
    connections = world.connections()
    world.network.swallow()
    world.until_connected_again(connections)
    world.record(10)
    world.settle()


def test_what_was_sent_into_a_half_open_link_is_sent_again(world: NetworkWorld) -> None:
    world.network.swallow(Way.UP)
    world.record(10)
    world.settle()


@pytest.mark.parametrize("way", list(Way), ids=lambda way: way.name)
@pytest.mark.parametrize("after", [0, 400])
def test_a_stall_in_the_middle_of_a_message(world: NetworkWorld, way: Way, after: int) -> None:
    trapped = world.network.seen.trapped
    world.network.trap(way, after, Act.STALL)
    world.record(5)
    world.network.until(lambda seen: seen.trapped > trapped)
    world.network.heal()
    world.settle()


@pytest.mark.parametrize("after, act", [(1, Act.RESET), (700, Act.RESET), (3000, Act.CLOSE)])
def test_a_cut_in_the_middle_of_a_message(world: NetworkWorld, act: Act, after: int) -> None:
    trapped = world.network.seen.trapped
    world.network.trap(Way.UP, after, act)
    world.record(10)
    world.network.until(lambda seen: seen.trapped > trapped)
    world.network.heal()
    world.settle()


@pytest.mark.parametrize("way", list(Way), ids=lambda way: way.name)
def test_cuts_in_the_middle_of_the_handshake(world: NetworkWorld, way: Way) -> None:
    connections, trapped = world.connections(), world.network.seen.trapped
    world.network.trap(way, 200, Act.RESET)
    world.network.reset()
    world.record(5)
    world.network.until(lambda seen: seen.trapped > trapped)
    world.network.heal()
    world.until_connected_again(connections)
    world.settle()


def test_late_as_on_2g(world: NetworkWorld) -> None:
    world.network.reset()  # the handshake has to come through it too
    world.network.slow(delay_s=0.6)
    world.record(30)
    world.settle()


def test_on_a_kilobyte_a_second_what_waits_in_the_line_is_not_sent_again_and_again(world: NetworkWorld) -> None:
    sent = world.counters().get("sent", 0)
    world.network.slow(bytes_per_s=1000)
    world.record(4)
    world.settle()
    assert world.counters()["sent"] <= sent + 2 * 4, "once more at most: while its receipt is under way"


def test_a_storm_of_connects_that_all_fail_is_bounded(world: NetworkWorld) -> None:
    began_s, connects, connections = time.monotonic(), world.network.seen.connects, world.connections()
    world.network.turn_away()
    world.network.reset()
    world.record(5)
    seen = world.network.until(lambda seen: seen.connects >= connects + 3)
    assert seen.connects - connects <= 1 + (time.monotonic() - began_s) / SHORTEST_WAIT_S
    world.network.heal()
    world.until_connected_again(connections)
    world.settle()


def test_a_broker_that_takes_entries_and_brings_no_receipts_is_left(world: NetworkWorld) -> None:
    """A node split off from its cluster: it acknowledges everything, and the province never hears of it."""
    connections = world.connections()
    with Broker(world.layout, free_port()) as split_off:
        world.network.turn_to(split_off.port)
        world.network.reset()
        world.until_connected_again(connections)
        world.network.turn_to(world.broker.port)
        world.record(5)
        world.settle()
    assert "have no receipt: connecting anew" in world.agent.log()


def test_a_broker_that_restarts_without_its_store(world: NetworkWorld) -> None:
    connections = world.connections()
    world.record(5)
    world.broker.stop(signal.SIGKILL)
    world.record(5)
    shutil.rmtree(world.layout.broker_store)
    world.layout.broker_store.mkdir()
    world.broker.start()
    world.until_connected_again(connections)
    world.settle()
