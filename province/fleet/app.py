"""The pages: which there are, who may see them, and what their forms do. Nothing is looked up but within the operator's organisation."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from edge_agent.serving.changes import Changes
from edge_agent.serving.forms import read_form
from edge_agent.serving.guard import Guard, Refused
from edge_agent.wire.command import Action
from edge_agent.wire.topics import DeviceName
from province.accounts.account import Unfit, phone
from province.base.errors import ProvinceError
from province.fleet.accounts import Accounts, Operator
from province.fleet.orders import Ordered, Orders, new_ref
from province.fleet.picking import Wanted, pick
from province.fleet.sight import Row, Sight, is_quiet
from province.fleet.views import DeviceSight, View, Views, offered, path_of
from province.fleet.words import WORDS
from province.watch.fleet_store import FleetAlert
from province.web.asking import address_of
from province.web.forms import TOKEN, here, is_token, language_of
from province.web.frame import SHARED
from province.web.languages import LANGUAGES
from province.web.live import Drawn, Region, Streams
from province.web.sessions import Sessions, Tries

COOKIE = "__Host-fleet"
_STATIC_FILES = {"web.css": "text/css; charset=utf-8", "live.js": "text/javascript; charset=utf-8"}
_MOST_FIELDS = 16
_MOST_LOGGING_IN = 8
_Answer = Callable[[Request, View, Operator], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class World:
    """What the pages show and use.

    Attributes:
        orders: None where this page sends no commands, whoever asks.
        proxied: whether a reverse proxy on this machine stands before it and says who asks (X-Forwarded-For).
    """

    accounts: Accounts
    sight: Sight
    changes: Changes
    orders: Orders | None
    proxied: bool = False
    now_s: Callable[[], float] = time.monotonic


class Pages:
    """The pages of a province.

    Args:
        world: what they show and use.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._views = Views()
        self._sessions, self._tries = Sessions(), Tries()
        self._streams = Streams(world.changes)
        self._logging_in = 0

    def app(self, hosts: set[str]) -> Guard:
        """All of it, guarded, for the values of Host that are ours."""
        device = "/{language}/device/{org}/{device}"
        routes = [
            Route("/", self._front),
            Route("/static/{file}", self._static),
            Route("/{language}/login", self._login, methods=["GET", "POST"]),
            Route("/{language}/leave", self._leave, methods=["POST"]),
            Route("/{language}/", self._for(self._fleet)),
            Route("/{language}/fleet.csv", self._for(self._csv)),
            Route("/{language}/alerts", self._for(self._alerts)),
            Route("/{language}/alerts/{number:int}", self._for(self._take), methods=["GET", "POST"]),
            Route(device, self._for(self._device)),
            Route(device + "/order/{action}", self._for(self._order), methods=["GET", "POST"]),
            Route("/{language}/orders/{ref}", self._for(self._ordered)),
            Route("/{language}/stream/fleet", self._for(self._fleet_stream)),
            Route("/{language}/stream/alerts", self._for(self._alerts_stream)),
            Route("/{language}/stream/device/{org}/{device}", self._for(self._device_stream)),
            Route("/{language}/stream/orders/{ref}", self._for(self._ordered_stream)),
        ]
        handlers = {HTTPException: self._missing, Refused: self._refuse, ProvinceError: self._cannot, Exception: self._fail}
        return Guard(Starlette(routes=routes, exception_handlers=handlers), hosts, self._error)

    # ── who is in ──

    def _who(self, request: Request, *, seen: bool = True) -> tuple[View, Operator | None]:
        """Who asks, as the accounts say now."""
        words, at = WORDS[language_of(request)], here(request)
        session = self._sessions.find(request.cookies.get(COOKIE, ""), self._world.now_s(), seen=seen)
        operator = None if session is None else self._world.accounts.find(session.who)
        if session is None or operator is None or operator.hashed != session.mark:  # removed, or of another password
            return View(words, at), None
        if self._world.orders is None:
            operator = _only_looking(operator)
        return View(words, at, operator, session), operator

    def _for(self, answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
        """A route for those who are in; others are sent to the login, streams are told not to come again."""

        async def asked(request: Request) -> Response:
            streamed = "/stream/" in request.url.path
            view, operator = self._who(request, seen=not streamed)
            if operator is None:
                return Response(status_code=204) if streamed else RedirectResponse(f"/{view.words.language}/login", 303)
            return await answer(request, view, operator)

        return asked

    async def _login(self, request: Request) -> Response:
        language = language_of(request)
        view = View(WORDS[language], "/login")
        if request.method != "POST":
            return HTMLResponse(self._views.page(view, "login", wait_s=0, wrong=False))
        form = await read_form(request, _MOST_FIELDS)
        name, now_s = form.get("name", "").strip()[:40], self._world.now_s()
        tried = (f"address {address_of(request, proxied=self._world.proxied)}", f"name {_one_spelling(name)}")
        wait_s = max(self._tries.wait_s(each, now_s) for each in tried)
        if wait_s > 0 or self._logging_in >= _MOST_LOGGING_IN:
            wait = round(wait_s) + 1
            return HTMLResponse(self._views.page(view, "login", wait_s=wait, wrong=False), 429, {"retry-after": str(wait)})
        for each in tried:
            self._tries.missed(each, now_s)  # before it is looked at: others may come meanwhile
        self._logging_in += 1
        try:
            operator = await run_in_threadpool(self._world.accounts.enter, name, form.get("password", ""), form.get("code", ""))
        finally:
            self._logging_in -= 1
        if operator is None:
            return HTMLResponse(self._views.page(view, "login", wait_s=0, wrong=True), 403)
        for each in tried:
            self._tries.hit(each)
        response = RedirectResponse(f"/{language}/", 303)
        cookie = self._sessions.begin(operator.name, operator.hashed, self._world.now_s())
        response.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="strict")
        return response

    async def _leave(self, request: Request) -> Response:
        view, operator = self._who(request)
        if operator is not None:
            await _agreed(request, view)
        self._sessions.end(request.cookies.get(COOKIE, ""))
        response = RedirectResponse(f"/{view.words.language}/login", 303)
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        return response

    # ── the list ──

    async def _front(self, _request: Request) -> Response:
        return RedirectResponse(f"/{LANGUAGES[0]}/", 303)

    async def _fleet(self, request: Request, view: View, operator: Operator) -> Response:
        wanted = Wanted.of(request.query_params)
        drawn = await run_in_threadpool(self._draw_fleet, view, operator, wanted)
        return HTMLResponse(self._views.page(view, "fleet", drawn=drawn, wanted=wanted, stream=f"/fleet{wanted.query()}"))

    async def _fleet_stream(self, request: Request, view: View, operator: Operator) -> Response:
        wanted, shared = Wanted.of(request.query_params), _shared(view)

        def state() -> object:
            return self._world.changes.number, is_quiet(self._world.sight.picture)

        return self._streamed(request, operator, ("fleet", wanted), state, lambda: self._draw_fleet(shared, operator, wanted))

    def _draw_fleet(self, view: View, operator: Operator, wanted: Wanted) -> Drawn:
        picture = self._world.sight.picture
        quiet_ms = picture.heard_ms if is_quiet(picture) else None
        return self._views.fleet(view, pick(picture.of(operator.org), wanted), wanted, quiet_ms)

    async def _csv(self, request: Request, _view: View, operator: Operator) -> Response:
        rows = self._world.sight.picture.of(operator.org)
        text = await run_in_threadpool(_table, list(pick(rows, Wanted.of(request.query_params), None).rows))
        return Response(text, media_type="text/csv; charset=utf-8", headers={"content-disposition": "attachment; filename=fleet.csv"})

    # ── a device ──

    def _row(self, request: Request, operator: Operator) -> Row:
        """The device that the path names.

        Raises:
            Refused: there is none, or it is another organisation's, which looks the same.
        """
        with suppress(ValueError):
            name = DeviceName(request.path_params["org"], request.path_params["device"])
            row = self._world.sight.picture.get(name)
            if row is not None and operator.org in {None, name.org}:
                return row
        raise Refused(404)

    async def _device(self, request: Request, view: View, operator: Operator) -> Response:
        row = self._row(request, operator)
        drawn = await run_in_threadpool(self._draw_device, view, operator, row.seen.name)
        return HTMLResponse(self._views.page(view, "device", drawn=drawn, row=row, stream=path_of(row.seen.name)))

    async def _device_stream(self, request: Request, view: View, operator: Operator) -> Response:
        name, shared = self._row(request, operator).seen.name, _shared(view)

        def state() -> object:  # drawn anew only when something of this device has changed, not with each change in the fleet
            return self._world.sight.picture.get(name), self._orders_of(name)

        return self._streamed(request, operator, ("device", name), state, lambda: self._draw_device(shared, operator, name))

    def _orders_of(self, name: DeviceName) -> list[Ordered]:
        return [] if self._world.orders is None else self._world.orders.of(name)

    def _draw_device(self, view: View, operator: Operator, name: DeviceName) -> Drawn:
        row, org = self._world.sight.picture.get(name), operator.org
        if row is None:
            raise Refused(404)
        history, known, refused = self._world.sight.ask(
            lambda store: (store.history(org, name), store.alerts(org, also_ended=True, of=name), store.refused(org))
        )
        refused = [each for each in refused if each.name == name]
        return self._views.device(view, DeviceSight(row, history, known, refused, self._orders_of(name)))

    # ── commands ──

    def _allowed(self, request: Request, operator: Operator) -> tuple[Orders, Action]:
        action = next((each for each in offered(operator) if each == request.path_params["action"]), None)
        if self._world.orders is None or action is None:
            raise Refused(404)
        return self._world.orders, action

    async def _order(self, request: Request, view: View, operator: Operator) -> Response:
        row = self._row(request, operator)
        orders, action = self._allowed(request, operator)
        if request.method != "POST":
            return HTMLResponse(self._views.page(view, "confirm", row=row, action=action, ref=new_ref()))
        form = await _agreed(request, view)
        ref = form.get("ref", "")
        if len(ref) != len(new_ref()) or (orders.find(operator.org, ref) is None and orders.find(None, ref) is not None):
            raise Refused(400)
        try:
            orders.give(ref, row.seen.name, action, form.get("reason", ""), operator.name)
        except ProvinceError as error:
            raise Refused(503, str(error)) from None
        return RedirectResponse(f"/{view.words.language}/orders/{ref}", 303)

    def _known_order(self, request: Request, operator: Operator) -> Ordered:
        found = None if self._world.orders is None else self._world.orders.find(operator.org, request.path_params["ref"])
        if found is None:
            raise Refused(404)
        return found

    async def _ordered(self, request: Request, view: View, operator: Operator) -> Response:
        ordered = self._known_order(request, operator)
        drawn = self._views.order(view, ordered)
        return HTMLResponse(self._views.page(view, "order", drawn=drawn, ordered=ordered, stream=f"/orders/{ordered.ref}"))

    async def _ordered_stream(self, request: Request, view: View, operator: Operator) -> Response:
        ref, shared = self._known_order(request, operator).ref, _shared(view)

        def draw() -> Drawn:
            return self._views.order(shared, self._known_order(request, operator))

        return self._streamed(request, operator, ("order", ref), lambda: self._world.changes.number, draw)

    # ── alerts ──

    def _draw_alerts(self, view: View, operator: Operator, page: int, *, history: bool) -> Drawn:
        picture, org = self._world.sight.picture, operator.org
        if history:
            found = self._world.sight.ask(lambda store: store.alerts(org, also_ended=True))
        else:
            found = sorted((alert for row in picture.of(org) for alert in row.alerts), key=_untaken_first)
        return self._views.alerts(view, found, picture, page, history=history)

    async def _alerts(self, request: Request, view: View, operator: Operator) -> Response:
        page, history = Wanted.of(request.query_params).page, request.query_params.get("history") == "1"
        drawn = await run_in_threadpool(lambda: self._draw_alerts(view, operator, page, history=history))
        stream = "" if history else f"/alerts?page={page}"  # the past stands still
        return HTMLResponse(self._views.page(view, "alerts", drawn=drawn, history=history, stream=stream))

    async def _alerts_stream(self, request: Request, view: View, operator: Operator) -> Response:
        page, shared = Wanted.of(request.query_params).page, _shared(view)

        def draw() -> Drawn:
            return self._draw_alerts(shared, operator, page, history=False)

        return self._streamed(request, operator, ("alerts", page), lambda: self._world.changes.number, draw)

    async def _take(self, request: Request, view: View, operator: Operator) -> Response:
        number = request.path_params["number"]
        open_ones = (alert for row in self._world.sight.picture.of(operator.org) for alert in row.alerts)
        alert = next((each for each in open_ones if each.number == number), None)
        if alert is None:
            raise Refused(404)
        if request.method != "POST":
            return HTMLResponse(self._views.page(view, "take", alert=alert))
        form = await _agreed(request, view)
        note = "".join(filter(str.isprintable, form.get("note", "")))
        try:
            await run_in_threadpool(self._world.sight.acknowledge, operator.org, number, operator.name, note)
        except ProvinceError as error:
            raise Refused(503, str(error)) from None
        return RedirectResponse(f"/{view.words.language}{path_of(alert.name)}", 303)

    # ── streams ──

    def _streamed(
        self, request: Request, operator: Operator, what: Hashable, state: Callable[[], object], draw: Callable[[], Drawn]
    ) -> Response:
        """What all of an organisation see in one language is drawn for all of them; it ends when its operator is out, or may see less."""
        region = Region((operator.org, language_of(request), what), state, draw)

        async def still() -> bool:
            return self._who(request, seen=False)[1] == operator

        return self._streams.open(operator.name, region, still)

    async def _static(self, request: Request) -> Response:
        file = request.path_params["file"]
        if file not in _STATIC_FILES:
            raise Refused(404)
        return FileResponse(SHARED / file, media_type=_STATIC_FILES[file], headers={"cache-control": "no-cache"})

    # ── what went wrong ──

    def _error(self, path: str, status: int, why: str = "") -> Response:
        language = next((each for each in LANGUAGES if path.startswith(f"/{each}/")), LANGUAGES[0])
        return HTMLResponse(self._views.error(language, status, why), status)

    async def _missing(self, request: Request, error: Exception) -> Response:
        return self._error(request.url.path, 404 if isinstance(error, HTTPException) and error.status_code == 404 else 400)

    async def _refuse(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101 - it is registered for that alone
        return self._error(request.url.path, error.status, error.why)

    async def _cannot(self, request: Request, error: Exception) -> Response:
        return self._error(request.url.path, 503, str(error))

    async def _fail(self, request: Request, _error: Exception) -> Response:
        return self._error(request.url.path, 500)  # the guard says in the log where it was, and nothing of what


def _shared(view: View) -> View:
    """Whoever looks: what is drawn with it shows nothing of one operator or session."""
    return View(view.words, "")


def _only_looking(operator: Operator) -> Operator:
    return Operator(operator.name, operator.org, False, operator.hashed)


def _untaken_first(alert: FleetAlert) -> tuple[bool, int]:
    return alert.acknowledged_ms is not None, -alert.number


async def _agreed(request: Request, view: View) -> dict[str, str]:
    """What a form of this browser says.

    Raises:
        Refused: it is no form of ours, or another browser's.
    """
    form = await read_form(request, _MOST_FIELDS)
    if view.session is None or not is_token(view.session.form_token, form.get(TOKEN, "")):
        raise Refused(403)
    return form


def _table(rows: list[Row]) -> str:
    """The list for a spreadsheet; UTF-8 with its mark, so that Vietnamese letters arrive."""
    made = io.StringIO()
    writer = csv.writer(made)
    columns = ("org", "device", "site", "gate", "state", "troubles", "waiting", "entries_today", "temperature_c", "software", "heard_ms")
    writer.writerow(columns)
    for row in rows:
        seen, told = row.seen, row.seen.telemetry
        texts = (seen.name.org, seen.name.device, seen.site, seen.gate, str(row.state), " ".join(alert.trouble for alert in row.alerts))
        waiting = None if told is None or told.outbox is None else told.outbox.waiting
        today = None if told is None or told.log is None else told.log.entries_today
        warm, software = (None, "") if told is None else (told.cpu.temperature_c, told.versions.software)
        writer.writerow((*map(_harmless, texts), waiting, today, warm, _harmless(software), row.heard_ms or None))
    return "\ufeff" + made.getvalue()


def _harmless(text: str) -> str:
    """No formula for a spreadsheet to run. Source: OWASP "CSV Injection"."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _one_spelling(name: str) -> str:
    """A name for counting tries: however somebody spells a phone number, it is the same account that they try."""
    try:
        return phone(name)
    except Unfit:
        return "".join(name.split()).casefold()
