"""The station page's name in multicast DNS: what other machines' resolvers hear, packet by packet."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from edge_agent.station.announce import Announcer

GROUP, PORT, A, UNICAST, ANSWER_S = "224.0.0.251", 5353, 1, 0x8000, 10.0
NAME = "gate-3f9a.local"


def question(name: str) -> bytes:
    """RFC 1035: one question, answered to us alone (RFC 6762, section 5.4)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", A, 1 | UNICAST)


def first_answer(*names: str) -> bytes:
    """The first thing the network says when it is asked for one name after the other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        resolver.bind(("127.0.0.1", 0))
        resolver.settimeout(ANSWER_S)
        for name in names:
            resolver.sendto(question(name), (GROUP, PORT))
        return resolver.recv(9000)


def test_a_resolver_is_told_our_address_and_nothing_about_other_names() -> None:
    async def heard() -> bytes:
        announcer = Announcer(NAME, 8443)
        await announcer.at(["127.0.0.1"])
        try:
            return await asyncio.to_thread(first_answer, "gate-0000.local", NAME)
        finally:
            await announcer.stop()

    answer = asyncio.run(heard())
    assert socket.inet_aton("127.0.0.1") in answer
    assert b"gate-3f9a" in answer
    assert b"gate-0000" not in answer


def test_a_network_that_is_not_there_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    async def moved() -> None:
        announcer = Announcer(NAME, 8443)
        for addresses in ([], ["192.0.2.77"], []):  # no address of this machine
            await announcer.at(addresses)
        await announcer.stop()

    asyncio.run(moved())
    assert caplog.records == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the library leaves that socket to the collector
def test_a_port_that_somebody_keeps_for_himself_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def kept() -> None:
        announcer = Announcer(NAME, 8443)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as greedy:
            greedy.bind(("", PORT))
            for _ in range(2):
                await announcer.at(["127.0.0.1"])
        await announcer.at(["127.0.0.1"])
        assert announcer._at == ("127.0.0.1",)
        await announcer.stop()

    asyncio.run(kept())
    assert [record.getMessage() for record in caplog.records] == [
        "station page: gate-3f9a.local is announced to nobody (Address already in use); it answers at 127.0.0.1"
    ]
