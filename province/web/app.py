"""Routes to the pages: who is in and who may, the login, the files; every page of every room stands behind this."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from edge_agent.serving.guard import Guard, Refused
from province.web import own, people
from province.web.door import TWO_STEPS, Door, Policy
from province.web.forms import language_of
from province.web.frame import Frame
from province.web.guarded import guarded
from province.web.languages import LANGUAGES
from province.web.second_pages import PATH as SECOND
from province.web.section import OpenPage, Page, Section, Visit
from province.web.world import World

_MOST_BYTES = 64 * 1024
_STREAM = "/stream/"


class Pages:
    """All pages of a province.

    Args:
        world: what they stand on.
        sections: the rooms of pages, in the order of the menu; accounts come last.
        policy: how people come in.
        proxied: whether a reverse proxy on this machine stands before it and says who asks (X-Forwarded-For).
        now_s: monotonic seconds.
    """

    def __init__(
        self,
        world: World,
        sections: tuple[Section, ...],
        policy: Policy = TWO_STEPS,
        *,
        proxied: bool = False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.door = Door(world, policy, now_s, proxied=proxied)
        self.sections = (*sections, people.section(world), own.section(world, self.door))
        self._frame: Frame = world.furnish(self.sections, self._still)

    def app(self, hosts: set[str]) -> Guard:
        """All of it, guarded, for the values of Host that are ours."""
        return guarded(self.routes(), hosts, self._frame.error, _MOST_BYTES)

    def routes(self) -> list[Route]:
        """Every route there is."""
        own_routes = [
            Route("/", self._front),
            Route("/static/{section}/{file}", self._static),
            *self.door.routes(),
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

    async def _still(self, request: Request, visit: Visit) -> bool:
        found = await self.door.who(request, seen=False)
        return found is not None and found[1].account == visit.account

    def _for(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """A page for its roles; who is not in is sent to the login, and a stream of theirs is told not to come again."""

        async def asked(request: Request) -> Response:
            language, streamed = language_of(request), page.path.startswith(_STREAM)
            found = await self.door.who(request, seen=not streamed)
            if found is None:
                return Response(status_code=204) if streamed else RedirectResponse(f"/{language}/login", 303)
            session, member = found
            if member.account.role not in page.roles:
                raise Refused(403)
            if self.door.is_half_in(session, member) and not page.path.startswith(SECOND):
                return Response(status_code=204) if streamed else RedirectResponse(f"/{language}{SECOND}", 303)
            return await page.answer(request, Visit(member.account, language, session.form_token))

        return asked

    def _for_anybody(self, page: OpenPage) -> Callable[[Request], Awaitable[Response]]:
        async def asked(request: Request) -> Response:
            return await page.answer(request, language_of(request))

        return asked

    async def _front(self, _request: Request) -> Response:
        return RedirectResponse(f"/{LANGUAGES[0]}/", 303)

    async def _home(self, request: Request) -> Response:
        """Where no room has a page for `/`: the first in the menu."""
        language = language_of(request)
        found = await self.door.who(request)
        if found is None:
            return RedirectResponse(f"/{language}/login", 303)
        if self.door.is_half_in(*found):
            return RedirectResponse(f"/{language}{SECOND}", 303)
        item = next(item for one in self.sections for item in one.menu if found[1].account.role in item.roles)
        return RedirectResponse(f"/{language}{item.path}", 303)

    # ── files ──

    async def _static(self, request: Request) -> Response:
        found = self._frame.file(request.path_params["section"], request.path_params["file"])
        if found is None:
            raise Refused(404)
        return FileResponse(found[0], media_type=found[1], headers={"cache-control": "no-cache"})
