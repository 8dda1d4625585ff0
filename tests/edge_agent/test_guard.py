"""The guard before all pages: what it refuses before a page runs, and that no fault of a page hides another's."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse

from edge_agent.base.logs import Lines
from edge_agent.serving.guard import HEADERS, MAX_BODY_BYTES, MAX_HEAD_BYTES, Guard

HOST = b"pages.example:8443"
Headers = tuple[tuple[bytes, bytes], ...]


def asked(
    app: Any, path: str = "/", method: str = "GET", headers: tuple[tuple[bytes, bytes], ...] = ((b"host", HOST),)
) -> tuple[int, dict[str, str]]:
    """What a request is answered: status and headers."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    guard = Guard(app, {HOST.decode()}, lambda _path, status, _why: PlainTextResponse("no", status))
    scope = {"type": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "method": method, "headers": list(headers)}
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


async def well(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("well")(scope, receive, send)


def fails(error: Callable[[], None]) -> Any:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        error()

    return app


def test_a_fault_does_not_hide_another_and_a_flood_of_one_is_bounded() -> None:
    def one() -> None:
        raise KeyError("0912345678")

    def other() -> None:
        raise ValueError("Nguyễn Văn A")

    written = io.StringIO()
    handler = Lines(written, "terminal")
    log = logging.getLogger("edge_agent.serving.guard")
    log.addHandler(handler)
    try:
        for _ in range(100):
            assert asked(fails(one))[0] == 500
        assert asked(fails(other))[0] == 500
    finally:
        log.removeHandler(handler)
        handler.close()
    said = written.getvalue()
    assert "ValueError" in said
    assert 0 < said.count("KeyError") < 100
    assert "0912345678" not in said
    assert "Nguyễn" not in said


@pytest.mark.parametrize("path,method,headers,status", [
    ("/", "GET", ((b"host", HOST),), 200),
    ("/", "GET", ((b"host", HOST.upper()),), 200),
    ("/", "GET", (), 400),
    ("/", "GET", ((b"host", HOST), (b"host", HOST)), 400),
    ("/", "GET", ((b"host", b"other.example"),), 400),
    ("/\0", "GET", ((b"host", HOST),), 400),
    ("/", "DELETE", ((b"host", HOST),), 400),
    ("/", "POST", ((b"host", HOST),), 403),
    ("/", "POST", ((b"host", HOST), (b"origin", b"https://other.example")), 403),
    ("/", "POST", ((b"host", HOST), (b"origin", b"https://" + HOST)), 200),
    ("/", "GET", ((b"host", HOST), (b"content-length", b"-1")), 413),
    ("/", "GET", ((b"host", HOST), (b"content-length", b"%d" % (MAX_BODY_BYTES + 1))), 413),
    ("/" + "x" * MAX_HEAD_BYTES, "GET", ((b"host", HOST),), 413),
])  # fmt: skip
def test_what_no_browser_of_ours_sends_is_refused_and_each_answer_is_dressed(path: str, method: str, headers: Headers, status: int) -> None:
    found, told = asked(well, path, method, headers)
    assert (found, HEADERS.items() <= told.items()) == (status, True)


@given(st.text(max_size=20), st.lists(st.tuples(st.sampled_from([b"host", b"origin", b"content-length", b"x"]), st.binary(max_size=20))))
def test_whatever_is_asked_is_answered(path: str, headers: list[tuple[bytes, bytes]]) -> None:
    assert asked(well, "/" + path.encode("utf-8", "replace").decode(), "POST", tuple(headers))[0] in {200, 400, 403, 413}
