"""What pages stand on: the register, the keystore, the time, and the frame that they are drawn in."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from edge_agent.serving.changes import Changes
from province.accounts import noting
from province.accounts.account import Account
from province.accounts.roll import Member, Roll
from province.base import clock
from province.base.layout import Layout
from province.keys import people_keys
from province.keys.keystore import Keystore
from province.records import erasures
from province.records.audit import HeadNotNoted
from province.store.opened import Connection
from province.store.pool import Pool
from province.web.frame import HEADLESS, Frame
from province.web.languages import Language
from province.web.live import Drawn, Streams
from province.web.section import Section, Visit

_log = logging.getLogger(__name__)
_MOST_STREAMS = 1000
_ASKED_S = 2.0  # so long after somebody is out a stream of theirs may still go on


class World:
    """What pages stand on; made within their event loop.

    Args:
        layout: the province.
        now_ms: the time, milliseconds since 1970 UTC.
        fleet_page: the address of the fleet's page, for those who look after scanners; empty: there is none.

    Attributes:
        keystore: the day keys.
        roll: the accounts.
        erasures: what was erased is so, once it is asked.
        changes: tells that entries came.

    Raises:
        ProvinceError: the province cannot be read.
    """

    def __init__(self, layout: Layout, now_ms: Callable[[], int] = clock.now_ms, *, fleet_page: str = "") -> None:
        self.layout, self.now_ms, self.fleet_page = layout, now_ms, fleet_page
        self.settings = layout.read_settings()
        self.keystore = Keystore(layout.keystore)
        self.roll = Roll(layout.register, people_keys.ensure(self.keystore))
        self.erasures = erasures.Reapplied(layout, self.keystore)
        self.changes = Changes()
        self._streams = Streams(self.changes, _MOST_STREAMS)
        self._pool = Pool(layout.register)
        self._frame: Frame | None = None
        self._still: Callable[[Request, Visit], Awaitable[bool]] | None = None

    # ── the register ──

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection to the register, for the thread that asks: use it in `run_in_threadpool`.

        Raises:
            RegisterBusy: not now.
        """
        with self._pool.connection() as connection:
            yield connection

    def close(self) -> None:
        """Closes what is idle."""
        self._pool.close()

    def member(self, id_: str) -> Member | None:
        """An account as it is now."""
        with self.connection() as connection:
            return self.roll.find(connection, id_)

    def note(self, connection: Connection, visit: Visit, action: str, one: Account, also: Callable[[], object]) -> bool:
        """Changes an account together with its line of the audit log; as `noting.note`, and says what `headed` does."""
        who = (visit.account.id, "web")
        return self.headed(lambda: noting.note(connection, self.layout, self.roll, who, action, one, also))

    def headed(self, change: Callable[[], object]) -> bool:
        """Makes a change with its line of the audit log.

        Args:
            change: makes both; no look: nothing is shown where the keystore does not know of its line.

        Returns:
            Whether the keystore knows of the line. If not, the change stands all the same: show what came of it, `headless`.
        """
        try:
            change()
        except HeadNotNoted as error:
            _log.error("page: a change was made, and: %s", error)
            return False
        return True

    # ── pages ──

    def furnish(self, sections: tuple[Section, ...], still: Callable[[Request, Visit], Awaitable[bool]]) -> Frame:
        """Gives it the rooms whose pages it draws, and who can tell whether somebody is in."""
        self._frame, self._still = Frame(sections, self.settings.name), still
        return self._frame

    def render(self, request: Request, visit: Visit, template: str, /, status: int = 200, **values: Any) -> Response:
        """A page for somebody who is in.

        Args:
            request: theirs.
            visit: theirs.
            template: `<section>/<file>.html`.
            status: HTTP's.
            values: for the template.
        """
        return HTMLResponse(self.frame.page(request, visit.language, visit, template, values), status)

    def go(self, visit: Visit, path: str, *, headless: bool = False) -> Response:
        """Sends somebody who is in on to a page, after a change; `headless`: that page says what `headed` told."""
        mark = f"{'&' if '?' in path else '?'}{HEADLESS}=1" if headless else ""
        return RedirectResponse(f"/{visit.language}{path}{mark}", 303)

    def render_open(self, request: Request, language: Language, template: str, /, status: int = 200, **values: Any) -> Response:
        """A page for whoever comes."""
        return HTMLResponse(self.frame.page(request, language, None, template, values), status)

    def stream(self, request: Request, visit: Visit, draw: Callable[[], Drawn]) -> Response:
        """A stream of a region of a page, for a page whose path begins with `/stream/`; ends when they are out or may see less.

        Args:
            request: theirs.
            visit: theirs.
            draw: makes the region's picture, in a thread.

        Raises:
            Refused: there are too many.
        """
        asked_s = time.monotonic()

        async def still() -> bool:
            nonlocal asked_s
            if time.monotonic() - asked_s < _ASKED_S:
                return True
            asked_s = time.monotonic()
            return self._still is not None and await self._still(request, visit)

        return self._streams.open(visit.account.id, draw, still)

    async def ask(self, work: Callable[[Connection], Any]) -> Any:
        """What some work with a connection returns; done in a thread."""

        def asked() -> Any:
            with self.connection() as connection:
                return work(connection)

        return await run_in_threadpool(asked)

    @property
    def frame(self) -> Frame:
        """What draws the pages."""
        assert self._frame is not None  # noqa: S101 - furnished before it serves
        return self._frame
