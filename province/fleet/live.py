"""Regions of a page that follow what happens: drawn as parts, sent to browsers as server-sent events, fewer to those that are slow.

Source: WHATWG HTML, "Server-sent events"; `static/fleet.js` takes them up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from province.base.errors import ProvinceError
from province.fleet.guard import Refused

_MOST, _MOST_OF_ONE = 200, 20
_EACH_S = 0.4  # between two pictures of a region to one browser
_IDLE_S = 10.0  # then a stream says that it lives


@dataclass(frozen=True, slots=True)
class Drawn:
    """A region of a page: its whole, and its parts, each an element with the part's name as its id."""

    html: str
    parts: Mapping[str, str]


class Changes:
    """Counts what has changed, and wakes the pages' streams; belongs to the pages' event loop."""

    def __init__(self) -> None:
        self.number = 0
        self._loop = asyncio.get_running_loop()
        self._happened = asyncio.Event()

    def tell(self) -> None:
        """Something has changed; from any thread, and after the loop's end too."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._wake)

    async def after(self, number: int, timeout_s: float) -> None:
        """Waits until `self.number` is another one, or the time is over."""
        if self.number == number:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._happened.wait(), timeout_s)

    def _wake(self) -> None:
        self.number += 1
        happened, self._happened = self._happened, asyncio.Event()
        happened.set()


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

    def open(self, whose: str, draw: Callable[[], Drawn], still: Callable[[], Awaitable[bool]]) -> Response:
        """A stream of pictures of a region, each as it is then.

        Args:
            whose: who has it.
            draw: makes the picture, in a thread; it ends where this raises `Refused` or `ProvinceError`: the browser comes again.
            still: whether they may see it still; asked before each picture.

        Raises:
            Refused: there are too many.
        """
        if self._of.get(whose, 0) >= _MOST_OF_ONE or sum(self._of.values()) >= self._most:
            raise Refused(429)
        return StreamingResponse(self._pictures(whose, draw, still), media_type="text/event-stream")

    async def _pictures(self, whose: str, draw: Callable[[], Drawn], still: Callable[[], Awaitable[bool]]) -> AsyncIterator[str]:
        self._of[whose] = self._of.get(whose, 0) + 1
        shown: Mapping[str, str] = {}
        try:
            while await still():
                number = self._changes.number
                try:
                    drawn = await run_in_threadpool(draw)
                except (Refused, ProvinceError):
                    return
                yield told(shown, drawn)
                shown = drawn.parts
                await asyncio.sleep(self._each_s)
                await self._changes.after(number, _IDLE_S)
        finally:
            self._of[whose] -= 1
            if not self._of[whose]:
                del self._of[whose]


def told(shown: Mapping[str, str], drawn: Drawn) -> str:
    """What of a region is new, as an event: some of its parts, or all of it where other parts are there than before."""
    if shown.keys() != drawn.parts.keys() or list(shown) != list(drawn.parts):
        return _event("whole", drawn.html)
    changed = [part for name, part in drawn.parts.items() if part != shown[name]]
    return _event("parts", "".join(changed)) if changed else ":\n\n"


def _event(name: str, html: str) -> str:
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in html.splitlines() if line) + "\n"
