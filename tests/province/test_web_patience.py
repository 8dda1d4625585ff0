"""Who holds a connection to the province's pages and asks for nothing, or for too much, is let go of; nobody's log hears of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from page_world import WAIT_S
from province_world import founded
from web_world import Site, served_pages

from edge_agent.serving import server
from edge_agent.serving.guard import MAX_HEAD_BYTES

_FORM = b"POST /vi/login HTTP/1.1\r\nHost: %s\r\nOrigin: https://%s\r\n"
_FORM += b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\n\r\nphone=09"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(server, "_HANDSHAKE_S", 0.2)
    with served_pages(founded(tmp_path / "province"), sections=lambda _world: (), roles=()) as site:
        yield site


@pytest.mark.parametrize("part", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "the beginning of a hello"])
def test_whoever_connects_and_never_begins_tls_is_hung_up_on(site: Site, part: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.served.port), WAIT_S) as silent:
        silent.sendall(part)
        with suppress(ConnectionResetError):
            assert silent.recv(100) == b""
    assert site.browser().get("/vi/login").status == 200


def test_a_head_that_is_too_long_is_refused_also_where_it_comes_at_once(site: Site) -> None:
    assert site.browser().get("/vi/login?" + "x" * MAX_HEAD_BYTES).status == 413


def test_a_form_that_breaks_off_is_no_fault_of_ours(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    host = b"127.0.0.1:%d" % site.served.port
    browser = site.browser()
    with closing(HTTPSConnection("127.0.0.1", site.served.port, timeout=WAIT_S, context=browser._context)) as half:
        half.connect()
        half.sock.sendall(_FORM % (host, host))
    assert browser.get("/vi/login").status == 200
    site.served.stop()
    site.served.wait()  # all requests have ended
    assert "unexpected" not in caplog.text
