"""Routes to the pages: who is in and who may, the login, the files; every page of every room stands behind this."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from province.accounts.passwords import Check
from province.accounts.roll import Member
from province.base.errors import ProvinceError
from province.web import own
from province.web.forms import form_of, language_of, read_form
from province.web.frame import Frame
from province.web.guard import Guard, Refused
from province.web.languages import LANGUAGES
from province.web.section import OpenPage, Page, Section, Visit
from province.web.sessions import Session, Sessions, Tries
from province.web.world import World

COOKIE = "__Host-gate"
_MOST_BYTES = 64 * 1024
_MOST_SESSIONS = 50_000
_MOST_LOGGING_IN = 16
_STREAM = "/stream/"


class Pages:
    """All pages of a province.

    Args:
        world: what they stand on.
        sections: the rooms of pages, in the order of the menu; one's own account comes last.
        proxied: whether a reverse proxy on this machine stands before it and says who asks (X-Forwarded-For).
        now_s: monotonic seconds.
    """

    def __init__(
        self, world: World, sections: tuple[Section, ...], *, proxied: bool = False, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._world, self._proxied, self._now_s = world, proxied, now_s
        self.sessions, self._tries, self._check = Sessions(_MOST_SESSIONS), Tries(), Check()
        self.sections = (*sections, own.section(world, self))
        self._frame: Frame = world.furnish(self.sections, self._still)
        self._logging_in = 0

    def app(self, hosts: set[str]) -> Guard:
        """All of it, guarded, for the values of Host that are ours."""
        handlers = {HTTPException: self._missing, Refused: self._refuse, ProvinceError: self._cannot, Exception: self._fail}
        return Guard(Starlette(routes=self.routes(), exception_handlers=handlers), hosts, self._error, _MOST_BYTES)

    def routes(self) -> list[Route]:
        """Every route there is."""
        own_routes = [
            Route("/", self._front),
            Route("/static/{section}/{file}", self._static),
            Route("/{language}/login", self._login, methods=["GET", "POST"]),
            Route("/{language}/leave", self._leave, methods=["POST"]),
        ]
        pages = [Route("/{language}" + page.path, self._for(page), methods=list(page.methods)) for page in self._all_pages()]
        open_pages = [
            Route("/{language}" + page.path, self._for_anybody(page), methods=list(page.methods))
            for one in self.sections
            for page in one.open_pages
        ]
        home = [] if any(page.path == "/" for page in self._all_pages()) else [Route("/{language}/", self._home)]
        return [*own_routes, *home, *pages, *open_pages]

    def _all_pages(self) -> list[Page]:
        return [page for one in self.sections for page in one.pages]

    # ── who is in ──

    def session_of(self, request: Request, *, seen: bool = True) -> Session | None:
        """The session that a request's cookie names."""
        return self.sessions.find(request.cookies.get(COOKIE, ""), self._now_s(), seen=seen)

    async def _who(self, request: Request, *, seen: bool = True) -> tuple[Session, Member] | None:
        """Who asks, as the roll says now."""
        session = self.session_of(request, seen=seen)
        if session is None:
            return None
        member = await run_in_threadpool(self._world.member, session.who)
        if member is None or member.mark != session.mark:  # removed, or of another password, role or reach
            self.sessions.end(request.cookies.get(COOKIE, ""))
            return None
        return session, member

    async def _still(self, request: Request, visit: Visit) -> bool:
        found = await self._who(request, seen=False)
        return found is not None and found[1].account == visit.account

    def _for(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """A page for its roles; who is not in is sent to the login, and a stream of theirs is told not to come again."""

        async def asked(request: Request) -> Response:
            language, streamed = language_of(request), page.path.startswith(_STREAM)
            found = await self._who(request, seen=not streamed)
            if found is None:
                return Response(status_code=204) if streamed else RedirectResponse(f"/{language}/login", 303)
            session, member = found
            if member.account.role not in page.roles:
                raise Refused(403)
            return await page.answer(request, Visit(member.account, language, session.form_token))

        return asked

    def _for_anybody(self, page: OpenPage) -> Callable[[Request], Awaitable[Response]]:
        async def asked(request: Request) -> Response:
            return await page.answer(request, language_of(request))

        return asked

    # ── coming in and leaving ──

    async def _front(self, _request: Request) -> Response:
        return RedirectResponse(f"/{LANGUAGES[0]}/", 303)

    async def _home(self, request: Request) -> Response:
        """Where no room has a page for `/`: the first in the menu."""
        language = language_of(request)
        found = await self._who(request)
        if found is None:
            return RedirectResponse(f"/{language}/login", 303)
        item = next(item for one in self.sections for item in one.menu if found[1].account.role in item.roles)
        return RedirectResponse(f"/{language}{item.path}", 303)

    async def _login(self, request: Request) -> Response:
        language = language_of(request)
        if request.method != "POST":
            return self._world.render_open(request, language, "web/login.html", wait_s=0, wrong=False)
        form = await read_form(request)
        phone, now_s = form.get("phone", "").strip()[:40], self._now_s()
        tried = (f"address {self.address(request)}", f"phone {self._world.roll.keys.token(phone).hex()}")
        wait_s = max(self._tries.wait_s(each, now_s) for each in tried)
        if wait_s > 0 or self._logging_in >= _MOST_LOGGING_IN:
            wait = round(wait_s) + 1
            answer = self._world.render_open(request, language, "web/login.html", 429, wait_s=wait, wrong=False)
            answer.headers["retry-after"] = str(wait)
            return answer
        for each in tried:
            self._tries.missed(each, now_s)  # before it is looked at: others may come meanwhile
        self._logging_in += 1
        try:
            member = await run_in_threadpool(self._enter, phone, form.get("password", ""))
        finally:
            self._logging_in -= 1
        if member is None:
            return self._world.render_open(request, language, "web/login.html", 403, wait_s=0, wrong=True)
        for each in tried:
            self._tries.hit(each)
        response = RedirectResponse(f"/{language}/", 303)
        self.let_in(request, response, member)
        return response

    def _enter(self, phone: str, password: str) -> Member | None:
        """Whom these let in; the same work is done for a number that is nobody's."""
        with self._world.connection() as connection:
            member = self._world.roll.by_phone(connection, phone)
        return member if self._check.is_of(password, None if member is None else member.hashed) else None

    def is_password(self, member: Member, password: str) -> bool:
        """Whether a password is theirs; takes 30 ms."""
        return self._check.is_of(password, member.hashed)

    def let_in(self, request: Request, response: Response, member: Member) -> None:
        """Begins a session with a new cookie; the one this browser came with is over."""
        self.sessions.end(request.cookies.get(COOKIE, ""))
        cookie = self.sessions.begin(member.account.id, member.mark, self._now_s(), self._world.now_ms())
        response.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="strict")

    def address(self, request: Request) -> str:
        """Who asks: an IPv4 address, or the network of an IPv6 one, which is one subscriber's. Source: RFC 6177."""
        if self._proxied:
            given = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()[:60]
        else:
            given = "" if request.client is None else request.client.host
        try:
            address = ipaddress.ip_address(given)
        except ValueError:
            return "unknown"
        return str(address) if address.version == 4 else str(ipaddress.ip_network(f"{address}/64", strict=False))

    async def _leave(self, request: Request) -> Response:
        language = language_of(request)
        found = await self._who(request)
        if found is not None:
            await form_of(request, Visit(found[1].account, language, found[0].form_token))
        self.sessions.end(request.cookies.get(COOKIE, ""))
        response = RedirectResponse(f"/{language}/login", 303)
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        return response

    # ── files, and what went wrong ──

    async def _static(self, request: Request) -> Response:
        found = self._frame.file(request.path_params["section"], request.path_params["file"])
        if found is None:
            raise Refused(404)
        return FileResponse(found[0], media_type=found[1], headers={"cache-control": "no-cache"})

    def _error(self, path: str, status: int, why: str = "") -> Response:
        language = next((each for each in LANGUAGES if path.startswith(f"/{each}/")), LANGUAGES[0])
        return HTMLResponse(self._frame.error(language, status, why), status)

    async def _missing(self, request: Request, error: Exception) -> Response:
        return self._error(request.url.path, 404 if isinstance(error, HTTPException) and error.status_code == 404 else 400)

    async def _refuse(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101 - it is registered for that alone
        return self._error(request.url.path, error.status, error.why)

    async def _cannot(self, request: Request, error: Exception) -> Response:
        return self._error(request.url.path, 503, str(error))

    async def _fail(self, request: Request, _error: Exception) -> Response:
        return self._error(request.url.path, 500)  # the guard says in the log where it was, and nothing of what
