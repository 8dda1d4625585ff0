"""Whether the broker lets us in, asked of a real one; and the agent, who is signed in there, notices nothing."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from real_broker import Authority, Broker, Events, free_port
from sealed_examples import NAME

from edge_agent.device.broker_probe import NotLetIn, Unreachable, probe
from edge_agent.link.broker_link import BrokerLink, Connected, Message

AUTHORITY = Authority()
TRIES = 20  # what the two ends say crosses on the wire: no order of it may tell another tale


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("broker"), AUTHORITY)
    broker.start()
    yield broker
    broker.end()


def test_a_broker_that_knows_us_lets_us_in_each_time(broker: Broker) -> None:
    endpoint = broker.endpoint(str(NAME))
    assert {probe(endpoint) for _ in range(TRIES)} == {"TLSv1.3"}


def test_the_agent_stays_signed_in(broker: Broker) -> None:
    endpoint, events = broker.endpoint(str(NAME)), Events()
    link = BrokerLink(endpoint, str(NAME), [], events.put)
    link.start()
    events.next(Connected)
    probe(endpoint)
    assert link.publish_and_wait(Message(f"gate/v1/{NAME}/status", b"{}"), 10)
    assert events.queue.empty()
    link.stop()
    link._client._reset_sockets()  # paho leaves that to the collector of garbage


def test_a_certificate_of_another_province_is_not_let_in(broker: Broker, tmp_path: Path) -> None:
    endpoint = Authority("another province").endpoint(tmp_path, broker.port, str(NAME))
    with pytest.raises(NotLetIn, match="its certificate is not one of this province"):
        probe(endpoint)
    endpoint.authority_file.write_text(AUTHORITY.certificate)
    for _ in range(TRIES):
        with pytest.raises(NotLetIn, match="does not accept our certificate"):
            probe(endpoint)


def test_a_broker_of_another_name_is_not_believed(broker: Broker) -> None:
    with pytest.raises(NotLetIn, match="localhost"):
        probe(replace(broker.endpoint(str(NAME)), host="localhost"))


def test_files_that_cannot_be_used_are_named(broker: Broker) -> None:
    endpoint = broker.endpoint(str(NAME))
    endpoint.key_file.write_text("torn")
    with pytest.raises(NotLetIn, match=r"tls\.key"):
        probe(endpoint)


@pytest.mark.parametrize("host", ["gate.invalid", "a" * 70 + ".vn"])
def test_a_name_that_leads_nowhere_is_unreachable(broker: Broker, host: str) -> None:
    with pytest.raises(Unreachable, match=host):
        probe(replace(broker.endpoint(str(NAME)), host=host))


def test_nobody_there_or_somebody_silent_is_unreachable(broker: Broker) -> None:
    endpoint = broker.endpoint(str(NAME))
    with pytest.raises(Unreachable, match="nothing listens"):
        probe(replace(endpoint, port=free_port()))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(Unreachable, match="no answer within"):
            probe(replace(endpoint, port=silent.getsockname()[1]), 0.2)


def test_a_service_that_may_use_no_network_says_so(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = broker.endpoint(str(NAME))

    def forbidden(*_words: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")  # as RestrictAddressFamilies= answers

    monkeypatch.setattr(socket, "create_connection", forbidden)
    with pytest.raises(Unreachable, match="this process may use no network"):
        probe(endpoint)
