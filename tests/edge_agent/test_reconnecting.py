"""When to connect again, and when to give a connection up: waits grow and are bounded, silence is noticed once, and no sooner."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_broker import Authority, Broker, Events, Listener
from sealed_examples import NAME, brief
from tcp_proxy import TcpProxy
from tcp_pump import Way

from edge_agent.base.backoff import BackOff
from edge_agent.carry.send_window import SendWindow
from edge_agent.carry.silence import LONGEST_PATIENCE_S, Silence
from edge_agent.link import broker_link
from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Disconnected, Message
from edge_agent.wire.topics import Leaf

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
ENTRIES, RECEIPTS = NAME.topic(Leaf.ENTRIES), NAME.topic(Leaf.RECEIPTS)


@given(seed=st.integers(0, 10**6), first_s=st.floats(0.01, 10), factor=st.floats(4, 1000))
@brief
def test_waits_are_bounded_and_differ(seed: int, first_s: float, factor: float) -> None:
    longest_s = first_s * factor
    chance = random.Random(seed)
    waits = BackOff(first_s, longest_s, chance.uniform)
    drawn = [waits.next_s() for _ in range(200)]
    assert all(first_s <= wait_s <= longest_s for wait_s in drawn)
    assert len(set(drawn)) > 10, "no beat in which thousands come back"


@given(seed=st.integers(0, 10**6), failed=st.integers(0, 50))
@brief
def test_waits_are_short_again_only_after_a_connection_that_was_of_use(seed: int, failed: int) -> None:
    waits = BackOff(0.5, 60.0, random.Random(seed).uniform)
    for _ in range(failed):
        waits.next_s()
    assert waits.next_s(useful=True) <= 3.0


def test_a_thousand_that_lose_one_broker_come_back_over_seconds() -> None:
    chance = random.Random(7).uniform
    first = [BackOff(0.5, 60.0, chance).next_s(useful=True) for _ in range(1000)]
    fullest = max(sum(at_s <= wait_s < at_s + 0.5 for wait_s in first) for at_s in (0.5, 1.0, 1.5, 2.0, 2.5))
    assert fullest < 270, "200 in each half second"


def test_a_thousand_failures_are_a_try_a_minute_not_a_storm() -> None:
    waits = BackOff(0.5, 60.0, random.Random(7).uniform)
    assert sum(waits.next_s() for _ in range(1000)) > 1000 * 20


@pytest.mark.parametrize("first_s, longest_s", [(0, 1), (-1, 1), (2, 1)])
def test_bounds_of_waits_must_make_sense(first_s: float, longest_s: float) -> None:
    with pytest.raises(ValueError, match="first_s"):
        BackOff(first_s, longest_s)


@given(
    steps=st.lists(st.tuples(st.sampled_from(["sent", "heard", "restart", "wait"]), st.floats(0, 500)), max_size=60),
    chance=st.floats(0, 1),
)
@brief
def test_silence_is_over_exactly_when_patience_is(steps: list[tuple[str, float]], chance: float) -> None:
    silence, now_s, since_s, patience_s = Silence(60.0, lambda: chance), 0.0, None, 60.0
    for what, passing_s in steps:
        now_s += passing_s
        over = since_s is not None and now_s >= since_s + patience_s * (1 + chance / 2)
        assert silence.is_over(now_s) == over
        if over:
            since_s, patience_s = None, min(2 * patience_s, LONGEST_PATIENCE_S)
        match what:
            case "sent":
                silence.sent(now_s)
                since_s = now_s if since_s is None else since_s
            case "heard":
                silence.heard()
                since_s, patience_s = None, 60.0
            case "restart":
                silence.restart()
                since_s = None


def test_where_the_province_is_away_new_connections_become_rare() -> None:
    silence, now_s, renewed = Silence(120.0, lambda: 1.0), 0.0, 0
    for _ in range(24 * 3600 // 10):
        now_s += 10
        silence.sent(now_s)
        renewed += silence.is_over(now_s)
    assert 16 <= renewed <= 30, "an hour and a half apart at last, in a day"


def test_patience_must_be_above_0() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Silence(0)


def test_what_is_still_in_hand_stays_in_the_window_and_times_out_once_it_is_not() -> None:
    window, held = SendWindow(size=2, timeout_s=10.0), [True]
    window.sent(1, 0.0, lambda: held[0])
    window.sent(2, 0.0, lambda: False)
    window.tick(10.0)
    assert (window.under_way(1), window.under_way(2), window.room()) == (True, False, 1)
    held[0] = False
    due_s = window.next_due_s()
    assert due_s is not None
    window.tick(due_s)
    assert window.room() == 2
    assert window._in_hand == {}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker", Authority())
    broker.start()
    yield broker
    broker.end()


@pytest.fixture
def network(broker: Broker) -> Iterator[TcpProxy]:
    with TcpProxy(broker.port) as network:
        yield network


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(broker_link, "_FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(broker_link, "_LONGEST_WAIT_S", 0.2)
    yield
    gc.collect()  # paho leaves its sockets to it


class Device:
    """A link through the network, started."""

    def __init__(self, broker: Broker, network: TcpProxy) -> None:
        self.events = Events()
        endpoint = broker.authority.endpoint(broker.folder, network.port, str(NAME))
        self.link = BrokerLink(endpoint, str(NAME), [RECEIPTS], self.events.put, keepalive_s=2)
        self.link.start()
        self.events.next(Connected)

    def close(self) -> None:
        self.link.stop()


@pytest.mark.parametrize("ways", [(Way.UP,), (Way.DOWN,), (Way.UP, Way.DOWN)], ids=["up", "down", "both"])
def test_a_half_open_link_is_found_out_by_keep_alive(broker: Broker, network: TcpProxy, ways: tuple[Way, ...]) -> None:
    with closing(Device(broker, network)) as device, closing(Listener(broker)) as province:
        network.swallow(*ways)
        device.link.publish(Message(ENTRIES, b"lost"))
        assert "lost" in device.events.next(Disconnected).why
        device.events.next(Connected)
        assert device.link.publish_and_wait(Message(ENTRIES, b"found"), 20)
        while province.next(ENTRIES).payload != b"found":
            pass


def test_a_message_is_in_hand_until_the_broker_has_it(broker: Broker, network: TcpProxy) -> None:
    with closing(Device(broker, network)) as device:
        network.part(Way.DOWN)
        in_hand = device.link.publish(Message(ENTRIES, b"sealed"))
        assert in_hand()
        province = Listener(broker)
        province.publish(RECEIPTS, b"a receipt behind the acknowledgement")
        network.heal()
        device.events.next(Arrived)
        assert not in_hand()
        province.close()
    assert device.link.publish(Message(ENTRIES, b"sealed"))(), "taken, and there is no connection"


def test_a_broker_that_accepts_and_drops_is_not_asked_in_a_tight_loop(
    broker: Broker, network: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[bool] = []

    class Noting(BackOff):
        def next_s(self, *, useful: bool = False) -> float:
            noted.append(useful)
            return super().next_s(useful=useful)

    monkeypatch.setattr(broker_link, "BackOff", Noting)
    with closing(Device(broker, network)) as device:
        for _ in range(3):
            network.reset()
            device.events.next(Connected)
        with closing(Listener(broker)) as province:
            province.publish(RECEIPTS, b"of use")
        device.events.next(Arrived)
        network.reset()
        device.events.next(Connected)
    assert noted == [False, False, False, True]
