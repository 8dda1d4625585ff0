"""The pages: which there are, who may see them, and what their forms do."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from edge_agent.base.stamp import Stamp
from edge_agent.device.resetting import STATION_FOLDER
from edge_agent.device.settings import Settings
from edge_agent.serving import failures
from edge_agent.serving.changes import Changes
from edge_agent.serving.forms import read_form
from edge_agent.serving.guard import Guard, Refused
from edge_agent.station import paper, pin
from edge_agent.station.addresses import OwnHosts
from edge_agent.station.asking import ReaderTest, declare
from edge_agent.station.guesses import Guesses
from edge_agent.station.live import Live
from edge_agent.station.pin import StoredPin
from edge_agent.station.sessions import Session, Sessions, is_of
from edge_agent.station.views import REGIONS, View, Views
from edge_agent.station.words import LANGUAGES

log = logging.getLogger(__name__)
COOKIE = "__Host-station"
_STATIC = Path(__file__).parent / "static"
_STATIC_FILES = {"station.css": "text/css; charset=utf-8", "station.js": "text/javascript; charset=utf-8"}
MOST_STREAMS = 8
_MOST_FIELDS = 16
_COME_AGAIN = "retry: 10000\n\n"  # an EventSource shows that it is not connected, and tries again in ten seconds
_EACH_S = 0.5  # between two pictures of a region to one phone
_TOLD_EVERY_S = 600.0
_IDLE_S = 10.0  # then a stream says that it lives, and shows what time alone has changed


@dataclass(frozen=True, slots=True)
class World:
    """What the pages show and use."""

    settings: Settings
    live: Live
    changes: Changes
    reader: ReaderTest
    now_s: Callable[[], float] = time.monotonic
    came_in: Callable[[str], None] = lambda _address: None


class Pages:
    """The pages of one scanner.

    Args:
        world: what they show and use.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.settings.device.state
        self._views = Views(world.settings, world.live, world.reader, world.now_s)
        self._sessions, self._guesses = Sessions(), Guesses()
        self._stamp = Stamp(self._state / STATION_FOLDER / pin.FILE_NAME)
        self._pin: StoredPin | None = None
        self._asking = asyncio.Semaphore(2)  # firmware has eight places at its socket
        self._hashing = threading.Lock()  # one scrypt at a time: 16 MB each
        self._streams = 0
        self._wrong, self._told_s = 0, -_TOLD_EVERY_S

    def app(self, name: str) -> Guard:
        """All of it, guarded, for a host name."""
        routes = [
            Route("/", self._front),
            Route("/static/{file}", self._static),
            Route("/{language}/", self._front),
            Route("/{language}/pin", self._enter, methods=["GET", "POST"]),
            Route("/{language}/leave", self._leave, methods=["POST"]),
            Route("/{language}/paper", self._paper, methods=["GET", "POST"]),
            Route("/{language}/reader", self._reader, methods=["GET", "POST"]),
            Route("/{language}/stream/{region}", self._stream),
            Route("/{language}/{page}", self._page),
        ]
        app = Starlette(routes=routes, exception_handlers=failures.handlers(self._error))
        return Guard(app, OwnHosts(name), self._error)

    # ── who is in ──

    def _stored_pin(self) -> StoredPin | None:
        if self._stamp.changed():
            self._pin = pin.read(self._state)
            self._stamp.taken()
        return self._pin

    def _session(self, request: Request) -> Session | None:
        stored = self._stored_pin()
        session = self._sessions.find(request.cookies.get(COOKIE, ""), None if stored is None else stored.salt, self._world.now_s())
        if session is not None:
            self._world.came_in(_address(request))
        return session

    async def _enter(self, request: Request) -> Response:
        view = self._view(request)
        stored = self._stored_pin()
        if request.method != "POST" or stored is None:
            return HTMLResponse(self._views.pin(view, made=stored is not None))
        address = _address(request)
        wait_s = self._guesses.wait_s(address, self._world.now_s())
        if wait_s > 0:
            self._tell_guessing()
            return HTMLResponse(self._views.pin(view, wait_s=wait_s), 429, {"retry-after": str(round(wait_s) + 1)})
        self._guesses.missed(address, self._world.now_s())  # before it is looked at: others may come meanwhile
        typed = (await read_form(request, _MOST_FIELDS)).get("pin", "")
        if not await run_in_threadpool(self._fits, stored, typed):
            self._wrong += 1
            return HTMLResponse(self._views.pin(view, wrong=True), 403)
        self._guesses.hit(address)
        response = RedirectResponse(f"/{view.words.language}/gate", 303)
        cookie = self._sessions.begin(stored.salt, self._world.now_s())
        response.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="strict")
        return response

    def _tell_guessing(self) -> None:
        now_s = self._world.now_s()
        if now_s - self._told_s >= _TOLD_EVERY_S:
            self._told_s = now_s
            log.warning("station page: somebody guesses the PIN and has to wait; %d wrong ones since the page began", self._wrong)

    def _fits(self, stored: StoredPin, typed: str) -> bool:
        with self._hashing:
            return stored.fits(typed)

    async def _leave(self, request: Request) -> Response:
        session = self._session(request)
        if session is not None and not is_of(session, (await read_form(request, _MOST_FIELDS)).get("token", "")):
            raise Refused(403)
        self._sessions.end(request.cookies.get(COOKIE, ""))
        response = RedirectResponse(f"/{_language(request)}/pin", 303)
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        return response

    # ── pages ──

    async def _front(self, request: Request) -> Response:
        language = request.path_params.get("language", LANGUAGES[0])
        if language not in LANGUAGES:
            raise Refused(404)
        return RedirectResponse(f"/{language}/{'pin' if self._session(request) is None else 'gate'}", 303)

    async def _page(self, request: Request) -> Response:
        page = request.path_params["page"]
        view = self._view(request)
        if page not in ("gate", "health"):
            raise Refused(404)
        if view.session is None:
            return _to_pin(view)
        return HTMLResponse(await run_in_threadpool(self._views.page, view, page))

    async def _paper(self, request: Request) -> Response:
        view = self._view(request)
        if view.session is None:
            return _to_pin(view)
        if request.method != "POST":
            return HTMLResponse(self._views.paper(view, paper.new_ref(), {}))
        form = await read_form(request, _MOST_FIELDS)
        typed, ref = paper.typed_in(form), form.get("ref", "")
        if not is_of(view.session, form.get("token", "")):  # another phone's form, or one from before the PIN was asked again
            return HTMLResponse(self._views.paper(view, ref or paper.new_ref(), typed, stale=True), 403)
        sent = paper.request_of(ref, typed, self._views.ways)
        async with self._asking:
            answer = await run_in_threadpool(declare, self._world.settings.device.runtime, sent)
        if answer.why == "ref-used":
            ref = paper.new_ref()
        return HTMLResponse(self._views.paper(view, ref, typed, answer))

    async def _reader(self, request: Request) -> Response:
        view = self._view(request)
        if view.session is None:
            return _to_pin(view)
        if request.method == "POST":
            form = await read_form(request, _MOST_FIELDS)
            if not is_of(view.session, form.get("token", "")):
                raise Refused(403)
            if (lane := form.get("lane", "")) in [each.name for each in self._world.settings.lanes]:
                self._world.reader.begin(lane)
            return RedirectResponse(f"/{view.words.language}/reader", 303)
        return HTMLResponse(await run_in_threadpool(self._views.page, view, "reader"))

    async def _stream(self, request: Request) -> Response:
        """Pictures of a region of a page, each as it is then; a phone that is slow gets fewer."""
        view, region = self._view(request), request.path_params["region"]
        if region not in REGIONS:
            raise Refused(404)
        if view.session is None:
            return Response(status_code=204)  # tells an EventSource not to come again; the page then asks for the PIN
        if self._streams >= MOST_STREAMS:
            return Response(_COME_AGAIN, media_type="text/event-stream")
        return StreamingResponse(self._pictures(request, view, region), media_type="text/event-stream")

    async def _pictures(self, request: Request, view: View, region: str) -> AsyncIterator[str]:
        self._streams += 1
        shown = ""
        try:
            while self._session(request) is not None:  # also sees that the phone is still looking
                number = self._world.changes.number
                picture = await run_in_threadpool(self._views.region, view, region)
                yield ":\n\n" if picture == shown else "".join(f"data: {line}\n" for line in picture.splitlines()) + "\n"
                shown = picture
                await asyncio.sleep(_EACH_S)
                await self._world.changes.after(number, _IDLE_S)
        finally:
            self._streams -= 1

    async def _static(self, request: Request) -> Response:
        file = request.path_params["file"]
        if file not in _STATIC_FILES:
            raise Refused(404)
        return FileResponse(_STATIC / file, media_type=_STATIC_FILES[file], headers={"cache-control": "no-cache"})

    # ── what went wrong ──

    def _error(self, path: str, status: int, _why: str) -> Response:
        language = next((each for each in LANGUAGES if path.startswith(f"/{each}/")), LANGUAGES[0])
        return HTMLResponse(self._views.error(language, status), status)

    def _view(self, request: Request) -> View:
        return self._views.view(_language(request), request.url.path, self._session(request))


def _language(request: Request) -> str:
    language: str = request.path_params["language"]
    if language not in LANGUAGES:
        raise Refused(404)
    return language


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _to_pin(view: View) -> Response:
    return RedirectResponse(f"/{view.words.language}/pin", 303)
