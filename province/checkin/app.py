"""The check-in page's routes: a site's form by its code, and what became of it. Nobody logs in; nothing is remembered of a visitor.

Without JavaScript. A form sent twice is one entry; after it the browser is sent on, so that a reload sends nothing. Addresses and
posters have each their pace. What a visitor typed is in their own form again where a field is wrong, and nowhere else.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from edge_agent.serving.forms import read_form
from edge_agent.serving.guard import Guard, Refused
from province.base.clock import now_ms, shown
from province.base.layout import Layout
from province.checkin import visitor
from province.checkin.booking import Booking, NotBooked
from province.checkin.slips import Slips
from province.checkin.words import WORDS
from province.registry import categories, site_codes, sites
from province.registry.site import Site
from province.store import database
from province.web.asking import address_of
from province.web.forms import language_of
from province.web.frame import Frame
from province.web.guarded import guarded
from province.web.languages import LANGUAGES, Language
from province.web.pace import Pace
from province.web.section import Section

SECTION = Section("checkin", "province.checkin", WORDS, ())
_MOST_BYTES, _MOST_FIELDS = 8192, 12
_KNOWN_S, _MOST_KNOWN = 30.0, 5000
_REF = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_FIELDS = (("name", "text", "name", "text"), ("phone", "tel", "tel", "tel"), ("id_number", "text", "off", "text"))


@dataclass(frozen=True, slots=True)
class Paces:
    """How many may come: from one address (many phones share a carrier's), and to one poster."""

    looks: Pace
    of_address: Pace
    of_site: Pace

    @classmethod
    def usual(cls) -> Paces:
        """As served."""
        return cls(Pace(120, 0.5), Pace(60, 1.0), Pace(300, 0.2))


class Checkin:
    """The pages.

    Args:
        layout: the province, for its sites and its name.
        booking: records.
        proxied: whether a reverse proxy on this machine stands before it and says who asks.
        paces: how many may come.
        now_s: monotonic seconds.
    """

    def __init__(
        self,
        layout: Layout,
        booking: Booking,
        *,
        proxied: bool = False,
        paces: Paces | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._layout, self._booking, self._proxied, self._now_s = layout, booking, proxied, now_s
        self._paces = paces or Paces.usual()
        self._frame = Frame((SECTION,), layout.read_settings().name)
        self._known: OrderedDict[str, tuple[float, Site | None]] = OrderedDict()
        self._slips = Slips()
        self._asking = asyncio.Semaphore(8)  # questions to the register at once

    def app(self, hosts: set[str]) -> Guard:
        """All of it, guarded, for the values of Host that are ours."""
        routes = [
            Route("/", self._to_a_language),
            Route("/{s:str}/{code}", self._scanned),
            Route("/static/{section}/{file}", self._static),
            Route("/{language}/", self._front),
            Route("/{language}/s/{code}", self._form, methods=["GET", "POST"]),
            Route("/{language}/s/{code}/{slip}", self._done),
        ]
        # what is wrong with the register is no visitor's business
        return guarded(routes, hosts, self._frame.error, _MOST_BYTES, says_why=False)

    # ── ways in ──

    async def _to_a_language(self, request: Request) -> Response:
        return RedirectResponse(f"/{_wanted(request)}/", 303)

    async def _scanned(self, request: Request) -> Response:
        """The address on the poster, whose letters are capitals."""
        if request.path_params["s"].lower() != "s":
            raise Refused(404)
        return RedirectResponse(f"/{_wanted(request)}/s/{request.path_params['code'].upper()[:60]}", 303)

    async def _front(self, request: Request) -> Response:
        language, typed = language_of(request), request.query_params.get("code", "")[:60]
        if typed:
            try:
                return RedirectResponse(f"/{language}/s/{site_codes.read(typed)}", 303)
            except ValueError:
                return self._page(request, "front", 400, typed=typed, why="front.wrong")
        return self._page(request, "front", typed="", why="")

    # ── a site ──

    async def _site(self, request: Request) -> Site:
        """The site of the code in the path, open now; raises what the page then says."""
        site = await self._registered(request)
        if site.is_past(now_ms()):
            raise _Said(410, "past")
        return site

    async def _registered(self, request: Request) -> Site:
        try:
            code = site_codes.read(request.path_params["code"])
        except ValueError:
            raise _Said(404, "front.wrong") from None
        now_s = self._now_s()
        then_s, site = self._known.get(code, (-_KNOWN_S, None))
        if now_s - then_s >= _KNOWN_S:
            if not self._paces.looks.allows(address_of(request, proxied=self._proxied), now_s):
                raise _Said(429, "busy")
            async with self._asking:
                site = await run_in_threadpool(self._ask, code)
            self._known[code] = now_s, site
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        if site is None:
            raise _Said(404, "unknown")
        return site

    def _ask(self, code: str) -> Site | None:
        with closing(database.connect(self._layout.register)) as connection, database.explained(self._layout.register):
            return sites.with_code(connection, code)

    async def _form(self, request: Request) -> Response:
        try:
            site = await self._site(request)
            if request.method != "POST":
                return self._blank(request, site)
            return await self._take(request, site)
        except _Said as said:
            return self._page(request, "front", said.status, typed=request.path_params["code"][:60], why=said.word)

    def _blank(self, request: Request, site: Site, status: int = 200, **values: object) -> Response:
        values = {"typed": {}, "wrong": (), "why": "", "ref": secrets.token_urlsafe(16), **values}
        category = categories.named(site.category, language_of(request))
        return self._page(request, "form", status, site=site, category=category, fields=_FIELDS, **values)

    async def _take(self, request: Request, site: Site) -> Response:
        form = await read_form(request, _MOST_FIELDS)
        ref = form.get("ref", "")
        if _REF.fullmatch(ref) is None:
            raise Refused(400)
        typed = {field: form.get(field, "")[:300] for field in visitor.FIELDS}
        try:
            passage = visitor.read(form)
        except visitor.Unclear as unclear:
            return self._blank(request, site, 400, typed=typed, wrong=unclear.fields, ref=ref)
        booked = self._booking.answered(ref, site, passage)
        if booked is None:
            address, now_s = address_of(request, proxied=self._proxied), self._now_s()
            if not (self._paces.of_address.allows(address, now_s) and self._paces.of_site.allows(site.id, now_s)):
                return self._blank(request, site, 429, typed=typed, why="busy", ref=ref)
            try:
                booked = await self._booking.book(ref, site, passage)
            except NotBooked:
                return self._blank(request, site, 503, typed=typed, why="unrecorded", ref=ref)
        return RedirectResponse(f"/{language_of(request)}/s/{site.code}/{self._slips.write(site.code, booked)}", 303)

    async def _done(self, request: Request) -> Response:
        try:
            site = await self._registered(request)
        except _Said as said:
            return self._page(request, "front", said.status, typed=request.path_params["code"][:60], why=said.word)
        booked = self._slips.read(site.code, request.path_params["slip"])
        if booked is None:
            return RedirectResponse(f"/{language_of(request)}/s/{site.code}", 303)
        day, time_of_day = shown(booked.at_ms)[:16].split()
        when = f"{time_of_day}  {'/'.join(reversed(day.split('-')))}"
        return self._page(request, "done", booked=booked, site=site, when=when)

    # ── what they are made with ──

    def _page(self, request: Request, template: str, status: int = 200, **values: object) -> Response:
        made = self._frame.page(request, language_of(request), None, f"checkin/{template}.html", values)
        return HTMLResponse(made, status, {"retry-after": "5"} if status in {429, 503} else None)

    async def _static(self, request: Request) -> Response:
        found = self._frame.file(request.path_params["section"], request.path_params["file"])
        if found is None:
            raise Refused(404)
        return FileResponse(found[0], media_type=found[1], headers={"cache-control": "no-cache"})


class _Said(Exception):
    """A site that cannot be had; the word says why."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status, self.word = status, word


def _wanted(request: Request) -> Language:
    """Vietnamese, unless the browser asks for English before it."""
    asked = [part.partition(";")[0].strip().lower()[:2] for part in request.headers.get("accept-language", "")[:200].split(",")]
    return next((language for tag in asked for language in LANGUAGES if tag == language), "en" if asked and asked[0] else "vi")
