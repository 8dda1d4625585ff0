"""The page's streams: so many and no more however they come and end, and a region is drawn once for all who see the same."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from page_world import WAIT_S, Desk, open_desk, told, until
from province_world import founded
from starlette.requests import Request
from starlette.responses import StreamingResponse

from edge_agent.serving import server
from edge_agent.serving.changes import Changes
from edge_agent.serving.guard import Refused
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.fleet.views import Views
from province.web import live, serving
from province.web.live import Drawings, Drawn, Region, Streams

in_a_loop = pytest.mark.anyio
SCOPE = {"type": "http", "asgi": {"spec_version": "2.3"}}
ONE = Drawn("<p id=a>a</p>", {"a": "<p id=a>a</p>"})


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def yes() -> bool:
    return True


def region(draw: Callable[[], Drawn] = lambda: ONE, key: object = "k", state: Callable[[], object] = lambda: 0) -> Region:
    return Region(key, state, draw)


@dataclass
class Client:
    """The other end of a stream.

    Attributes:
        reads: False: nothing that is sent is ever taken.
        gone: sends OSError back, as a connection that is lost.
    """

    reads: bool = True
    gone: bool = False
    came: list[bytes] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.began.set()
        if self.gone:
            raise ConnectionResetError
        if not self.reads:
            await asyncio.Event().wait()
        self.came.append(message.get("body", b""))
        self.news.set()

    async def shows(self, text: bytes) -> None:
        async with asyncio.timeout(WAIT_S):
            while text not in b"".join(self.came):
                self.news.clear()
                await self.news.wait()

    def follow(self, streams: Streams, what: Region | None = None, still: Callable[[], Awaitable[bool]] = yes) -> asyncio.Task[None]:
        return asyncio.create_task(streams.open("lan", what or region(), still)(SCOPE, self.receive, self.send))


async def over(*tasks: asyncio.Task[None]) -> list[BaseException | None]:
    async with asyncio.timeout(WAIT_S):
        return list(await asyncio.gather(*tasks, return_exceptions=True))


@asynccontextmanager
async def full(streams: Streams) -> AsyncIterator[list[tuple[Client, asyncio.Task[None]]]]:
    """As many of one operator's as there may be, none of which reads."""
    clients = [Client(reads=False) for _ in range(live._MOST_OF_ONE)]
    tasks = [client.follow(streams) for client in clients]
    try:
        async with asyncio.timeout(WAIT_S):
            await asyncio.gather(*(client.began.wait() for client in clients))
        yield list(zip(clients, tasks, strict=True))
    finally:
        for task in tasks:
            task.cancel()
        await over(*tasks)


@in_a_loop
async def test_however_many_come_at_once_and_read_nothing_no_more_than_may_be_are_let_in() -> None:
    streams = Streams(Changes())
    late = [Client(reads=False) for _ in range(5)]
    async with full(streams):
        refused = await over(*(client.follow(streams) for client in late))
        assert [type(each) for each in refused] == [Refused] * 5
    async with full(streams):
        pass  # every place was given back


async def no() -> bool:
    return False


def _fails() -> Drawn:
    raise ProvinceError("busy")


@in_a_loop
@pytest.mark.parametrize("ending", ["left", "cancelled", "connection lost", "out", "cannot be drawn"])
async def test_every_end_of_a_stream_gives_its_place_back(ending: str) -> None:
    streams = Streams(Changes(), most=1)
    client = Client(gone=ending == "connection lost")
    task = client.follow(streams, region(_fails) if ending == "cannot be drawn" else None, no if ending == "out" else yes)
    await client.began.wait()
    if ending == "left":
        client.left.set()
    elif ending == "cancelled":
        task.cancel()
    await over(task)
    assert not streams._of
    again = Client()
    task = again.follow(streams)
    await again.began.wait()
    again.left.set()
    assert await over(task) == [None]


@in_a_loop
async def test_what_many_see_is_drawn_once_for_each_change() -> None:
    changes, drawn = Changes(), Counter[str]()
    streams = Streams(changes, each_s=0.0)

    def shown(key: str) -> Region:
        def draw() -> Drawn:
            drawn[key] += 1
            part = f"<p id=a>{key} {drawn[key]}</p>"
            return Drawn(part, {"a": part})

        return region(draw, key, lambda: changes.number)

    hue, bus = [Client() for _ in range(9)], [Client()]
    tasks = [client.follow(streams, shown("hue")) for client in hue] + [client.follow(streams, shown("bus")) for client in bus]
    for number in range(1, 4):
        for client, word in [*((each, "hue") for each in hue), (bus[0], "bus")]:
            await client.shows(f"{word} {number}<".encode())
        assert drawn == {"hue": number, "bus": number}
        changes.tell()
    assert not any(b"bus" in each for client in hue for each in client.came)
    for client in hue + bus:
        client.left.set()
    await over(*tasks)


@in_a_loop
async def test_who_hangs_up_takes_the_drawing_from_nobody_and_a_failed_one_is_tried_again() -> None:
    drawings, may, counted = Drawings(), threading.Event(), list[int]()

    def draw() -> Drawn:
        assert may.wait(WAIT_S)
        counted.append(1)
        if len(counted) == 1:
            raise ProvinceError("busy")
        return ONE

    first, second = (asyncio.create_task(drawings.of(region(draw))) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    may.set()
    with pytest.raises(ProvinceError):
        await second
    assert await drawings.of(region(draw)) is ONE
    assert await drawings.of(region(draw)) is ONE
    assert len(counted) == 2


@in_a_loop
async def test_no_more_drawings_are_kept_than_may_be() -> None:
    drawings, drawn = Drawings(most=3), Counter[int]()

    def numbered(key: int) -> Region:
        def draw() -> Drawn:
            drawn[key] += 1
            return ONE

        return region(draw, key)

    for key in (0, 1, 2, 0, 3, 0, 1):  # 1 was unseen longest when 3 came
        await drawings.of(numbered(key))
    assert len(drawings._kept) == 3
    assert drawn == {0: 1, 1: 2, 2: 1, 3: 1}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("streams")
    with open_desk(founded(folder / "province")) as desk:
        yield desk


def test_on_the_page_one_organisation_and_language_share_a_drawing_and_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, draw = list[tuple[str, int, bool]](), Views.fleet

    def noted(self: Views, view: Any, picked: Any, *others: Any) -> Drawn:
        drawn.append((view.words.language, picked.found, view.operator is None and view.session is None))
        return draw(self, view, picked, *others)

    browsers = {name: desk.browser(name) for name in ("lan", "minh", "hung", "truc-ban")}
    monkeypatch.setattr(Views, "fleet", noted)
    asked = [("lan", "/vi"), ("minh", "/vi"), ("lan", "/en"), ("hung", "/vi"), ("truc-ban", "/vi")]
    with ExitStack() as last_first:
        texts = [last_first.enter_context(browsers[name].stream(f"{language}/stream/fleet"))()[1] for name, language in asked]
        assert sorted(drawn) == [("en", 18, True), ("vi", 6, True), ("vi", 18, True), ("vi", 24, True)]
        assert texts[0] == texts[1]
        assert len(set(texts)) == 4
        assert not any("xe-buyt" in text for text in texts[:3])
        name = next(device for device in desk.devices if device.org == "cho-hue")
        desk.store.told(name, told(3, now_ms()), None, now_ms())
        until(lambda: {each[1] for each in drawn[4:]} == {6, 18, 24})


def test_on_the_page_the_one_too_many_is_refused_until_one_ends(desk: Desk) -> None:
    lan = desk.browser("lan")
    with ExitStack() as last_first:
        for _ in range(live._MOST_OF_ONE - 1):
            last_first.enter_context(lan.stream("/vi/stream/alerts"))
        with lan.stream("/vi/stream/alerts"):
            assert lan.get("/vi/stream/alerts").status == 429
        until(lambda: _is_let_in(lan))


def _is_let_in(browser: Any) -> bool:
    with suppress(AssertionError), browser.stream("/vi/stream/alerts"):
        return True
    return False


@in_a_loop
async def test_a_client_that_never_reads_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real connection: the server's own buffers fill, and then somebody must end it."""
    monkeypatch.setattr(server, "_TAKE_S", 0.2)
    ended = asyncio.Event()

    async def pictures() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b":" * 65_536
                await asyncio.sleep(0)  # somebody may have hung up
        finally:
            ended.set()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await StreamingResponse(pictures())(Request(scope).scope, receive, send)

    async with AsyncExitStack() as last_first:
        listener = last_first.enter_context(serving._listening(serving.Place("127.0.0.1", 0)))
        answering = server.Server(app, None, keep_alive_s=5, connections=10)
        task = asyncio.create_task(answering.serve_on(listener))
        await answering.begun.wait()
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(WAIT_S):
                await ended.wait()
        answering.should_exit = answering.force_exit = True
        await task
