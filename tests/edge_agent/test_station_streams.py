"""The regions of the station page that follow what happens, and the page that follows the settings."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import gate_fixtures
import pytest
from gate_world import Enrolled
from station_world import COUNTERS, LANES, Phone, Site, open_site

from edge_agent.station.app import MOST_STREAMS
from edge_agent.station.beginning import Page

enrolled = gate_fixtures.enrolled
PASSAGE = {
    "type": "passage", "lane": "cong-2", "direction": "out", "method": "paper", "at_ms": 1_634_000_000_000,
    "masked": {"name": "Nguyễn ***", "number": "0010990 ***"},
}  # fmt: skip


@pytest.fixture
def site(enrolled: Enrolled) -> Iterator[Site]:
    with open_site(enrolled.settings(*LANES)) as site:
        yield site


def follow(phone: Phone, last_first: ExitStack) -> http.client.HTTPResponse:
    """A stream as a browser opens it."""
    connection = last_first.enter_context(closing(phone.connection()))
    connection.request("GET", "/en/stream/gate", headers={"Host": phone.host, "Cookie": phone.cookie})
    return connection.getresponse()


def test_a_stream_sends_the_region_again_when_it_changes(site: Site) -> None:
    phone = site.phone()
    site.firmware.says(COUNTERS)
    connection = phone.connection()
    connection.request("GET", "/en/stream/gate", headers={"Host": phone.host, "Cookie": phone.cookie})
    response = connection.getresponse()
    assert response.getheader("content-type", "").startswith("text/event-stream")
    while b"Last passages" not in response.readline():
        pass
    site.firmware.says(PASSAGE)
    while b"0010990" not in response.readline():
        pass
    connection.close()


def test_a_phone_that_never_reads_its_stream_keeps_nobody_waiting(site: Site) -> None:
    slow, quick = site.phone(), site.phone()
    with closing(slow.connection()) as connection:
        connection.request("GET", "/en/stream/gate", headers={"Host": slow.host, "Cookie": slow.cookie})
        for number in range(3000):
            site.firmware.says({**PASSAGE, "lane": f"lane-{number}", "masked": {"name": "x" * 100, "number": "y" * 100}})
        shown = ""
        while "the-last" not in shown:  # told again as often as it was lost in the flood
            site.firmware.says({**PASSAGE, "lane": "the-last"})
            shown = quick.get("/en/gate").text


def test_one_stream_too_many_is_asked_to_come_again_and_gets_in_when_another_has_gone(site: Site) -> None:
    phone = site.phone()
    with ExitStack() as last_first:
        first = last_first.enter_context(ExitStack())
        follow(phone, first).readline()
        for _ in range(MOST_STREAMS - 1):
            follow(phone, last_first).readline()
        with ExitStack() as one_more:
            answer = follow(phone, one_more)
            assert (answer.status, answer.read()) == (200, b"retry: 10000\n\n")  # 204 would have the page load itself again and again
        first.close()

        def gets_in() -> bool:
            with ExitStack() as again:
                return follow(phone, again).readline().startswith(b"data:")

        site.until(gets_in)


def test_a_lane_that_was_turned_round_from_afar_is_so_on_the_form(enrolled: Enrolled) -> None:
    def ways() -> list[str]:
        site.until(lambda: page._station is not None and page._station.wait_until_it_serves(0.1))
        assert page._station is not None
        phone = site.phone()
        phone.port = page._station.port
        assert phone.enter(site.digits).status == 303
        return re.findall(r'name="way".*?</b> ([\w-]+)</span>', phone.get("/vi/paper").text)

    page = Page()
    with open_site(enrolled.settings(*LANES)) as site:
        page.show(site.settings)
        try:
            assert ways() == ["cong-1", "cong-2", "cong-2"]
            begun = page._station
            page.show(replace(site.settings))
            assert page._station is begun
            page.show(replace(site.settings, lanes=(replace(LANES[0], direction="button"), LANES[1])))
            assert ways() == ["cong-1", "cong-1", "cong-2", "cong-2"]
        finally:
            page.end()
