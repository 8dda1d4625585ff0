"""However a device goes away, also between two connections or on a line that is full, the broker keeps the word that it is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import uplink_world
from real_broker import Broker
from sealed_examples import WAIT_S
from tcp_proxy import TcpProxy
from tcp_pump import Way
from uplink_world import ENTRIES, QUICK, Agent, Province

from edge_agent.carry import carrying
from edge_agent.carry.connecting import Work, connect
from edge_agent.carry.intake import Intake
from edge_agent.device import identity
from edge_agent.link.broker_link import Connected, Message
from edge_agent.wire import telemetry

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
quick, broker, state, province = uplink_world.quick, uplink_world.broker, uplink_world.state, uplink_world.province
IN_FLIGHT = 20  # so many messages paho has under way unacknowledged; the next one waits


@pytest.fixture
def network(broker: Broker) -> Iterator[TcpProxy]:
    with TcpProxy(broker.port) as network:
        yield network


def test_a_connection_given_up_leaves_the_word_that_we_are_away_until_we_are_back(state: Path, province: Province) -> None:
    with closing(Agent(state)) as agent:
        agent.until(lambda it: it.connected)
        assert province.status() == ("online", None)
        agent.link.renew()
        told = [province.status()]
        while told[-1] != ("online", None):
            told.append(province.status())  # a broker that still spoke to us when we had closed says it once more, by the will
        assert set(told[:-1]) == {("offline", "lost")}
    leave = agent.link.leave
    assert leave is not None
    assert telemetry.decode_status(leave.payload).returning


@pytest.mark.parametrize("full", [False, True], ids=["before the uplink knows of the connection", "behind entries on their way"])
def test_who_stops_takes_leave(full: bool, state: Path, province: Province, network: TcpProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    who, work = identity.load(state), Intake[Work]()
    link = connect(replace(who, endpoint=replace(who.endpoint, port=network.port)), QUICK, work)
    link.start()
    assert isinstance(work.get(timeout=WAIT_S), Connected)
    if full:
        monkeypatch.setattr(carrying, "_GOODBYE_S", 0.1)
        network.part(Way.DOWN)  # no acknowledgement comes through
        for number in range(IN_FLIGHT):
            link.publish(Message(ENTRIES, bytes([number])))
    carrying._take_leave(who, link)
    link.stop()
    assert province.status() == ("offline", "stopped")
