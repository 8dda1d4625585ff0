"""Regions of a page that follow what happens: drawn as parts, sent to browsers as server-sent events, fewer to those that are slow.

Source: WHATWG HTML, "Server-sent events"; `static/live.js` takes them up.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from edge_agent.serving.changes import Changes
from edge_agent.serving.guard import Refused
from province.base.errors import ProvinceError

_MOST, _MOST_OF_ONE = 200, 20
_MOST_DRAWINGS = 64
_EACH_S = 0.4  # between two pictures of a region to one browser
_IDLE_S = 10.0  # then a stream says that it lives


@dataclass(frozen=True, slots=True)
class Drawn:
    """A region of a page: its whole, and its parts, each an element with the part's name as its id."""

    html: str
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Region:
    """A region that is drawn once for all who see the same.

    Attributes:
        key: what it shows and to whom: equal keys are drawn alike. Nothing that belongs to one person or one session is in the drawing.
        state: how what it shows stands now; while it is equal, the last picture is right. Asked in the event loop: quick.
        draw: makes the picture, in a thread; where it raises `Refused` or `ProvinceError`, the streams that wait for it end.
    """

    key: Hashable
    state: Callable[[], object]
    draw: Callable[[], Drawn]


class Drawings:
    """The last pictures of the regions that streams show; those unseen longest go first.

    Args:
        most: how many regions are kept.
    """

    def __init__(self, most: int = _MOST_DRAWINGS) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[object, asyncio.Task[Drawn]]] = OrderedDict()

    async def of(self, region: Region) -> Drawn:
        """The region as it is now: whoever asks meanwhile waits for the same drawing.

        Raises:
            Refused, ProvinceError: it cannot be drawn; who asks next has it tried again.
        """
        state = region.state()
        kept = self._kept.get(region.key)
        if kept is None or kept[0] != state or _failed(kept[1]):
            kept = state, asyncio.create_task(run_in_threadpool(region.draw))
            self._kept[region.key] = kept
        self._kept.move_to_end(region.key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return await asyncio.shield(kept[1])  # who hangs up takes it from nobody


def _failed(task: asyncio.Task[Drawn]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


class Streams:
    """The streams that are open: so many in all, and of one.

    Args:
        changes: wakes them.
        most: in all.
        each_s: the shortest time between two pictures to one browser.
    """

    def __init__(self, changes: Changes, most: int = _MOST, each_s: float = _EACH_S) -> None:
        self._changes, self._most, self._each_s = changes, most, each_s
        self._of: dict[str, int] = {}
        self._drawings = Drawings()

    def open(self, whose: str, region: Region | Callable[[], Drawn], still: Callable[[], Awaitable[bool]]) -> Response:
        """A stream of pictures of a region, each as it is then. Answering it raises `Refused` where there are too many.

        Args:
            whose: who has it.
            region: what is shown; a mere drawing is made for this stream alone.
            still: whether they may see it still; asked before each picture.
        """
        return _Stream(self._pictures(region, still), self._place(whose))

    @contextmanager
    def _place(self, whose: str) -> Iterator[None]:
        """One of the places, from before the answer to its end, whichever that is.

        Raises:
            Refused: there is none.
        """
        if self._of.get(whose, 0) >= _MOST_OF_ONE or sum(self._of.values()) >= self._most:
            raise Refused(429)
        self._of[whose] = self._of.get(whose, 0) + 1
        try:
            yield
        finally:
            self._of[whose] -= 1
            if not self._of[whose]:
                del self._of[whose]

    async def _pictures(self, region: Region | Callable[[], Drawn], still: Callable[[], Awaitable[bool]]) -> AsyncIterator[str]:
        shown: Mapping[str, str] = {}
        while await still():
            number = self._changes.number
            try:
                drawn = await (self._drawings.of(region) if isinstance(region, Region) else run_in_threadpool(region))
            except (Refused, ProvinceError):  # it is registered no more, or the store is busy: the browser comes again
                return
            yield told(shown, drawn)
            shown = drawn.parts
            await asyncio.sleep(self._each_s)
            await self._changes.after(number, _IDLE_S)


class _Stream(StreamingResponse):
    """An answer that has its place as long as it lasts."""

    def __init__(self, pictures: AsyncIterator[str], place: AbstractContextManager[None]) -> None:
        super().__init__(pictures, media_type="text/event-stream")
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await super().__call__(scope, receive, send)


def told(shown: Mapping[str, str], drawn: Drawn) -> str:
    """What of a region is new, as an event: some of its parts, or all of it where other parts are there than before."""
    if shown.keys() != drawn.parts.keys() or list(shown) != list(drawn.parts):
        return _event("whole", drawn.html)
    changed = [part for name, part in drawn.parts.items() if part != shown[name]]
    return _event("parts", "".join(changed)) if changed else ":\n\n"


def _event(name: str, html: str) -> str:
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in html.splitlines() if line) + "\n"
