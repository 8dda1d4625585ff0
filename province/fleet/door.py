"""Lets operators in and out; who is in is what the accounts say now. Who guesses waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from edge_agent.serving.forms import read_form
from edge_agent.serving.guard import Refused
from province.accounts.account import Unfit, phone
from province.fleet.accounts import Operator
from province.fleet.views import View, Views
from province.fleet.words import WORDS
from province.fleet.world import World
from province.web.asking import address_of
from province.web.forms import TOKEN, here, is_token, language_of
from province.web.sessions import Sessions, Tries

COOKIE = "__Host-fleet"
_MOST_FIELDS = 16
_MOST_LOGGING_IN = 8
Answer: TypeAlias = Callable[[Request, View, Operator], Awaitable[Response]]


class Door:
    """Who is in, and how one gets there.

    Args:
        world: has the accounts.
        views: draw the login.
    """

    def __init__(self, world: World, views: Views) -> None:
        self._world, self._views = world, views
        self._sessions, self._tries = Sessions(), Tries()
        self._logging_in = 0

    def routes(self) -> list[Route]:
        """The ways in and out."""
        return [
            Route("/{language}/login", self._login, methods=["GET", "POST"]),
            Route("/{language}/leave", self._leave, methods=["POST"]),
        ]

    def who(self, request: Request, *, seen: bool = True) -> tuple[View, Operator | None]:
        """Who asks, as the accounts say now."""
        words, at = WORDS[language_of(request)], here(request)
        session = self._sessions.find(request.cookies.get(COOKIE, ""), self._world.now_s(), seen=seen)
        operator = None if session is None else self._world.accounts.find(session.who)
        if session is None or operator is None or operator.hashed != session.mark:  # removed, or of another password
            return View(words, at), None
        if self._world.orders is None:
            operator = _only_looking(operator)
        return View(words, at, operator, session), operator

    def behind(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        """A route for those who are in; others are sent to the login, streams are told not to come again."""

        async def asked(request: Request) -> Response:
            streamed = "/stream/" in request.url.path
            view, operator = self.who(request, seen=not streamed)
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
        view, operator = self.who(request)
        if operator is not None:
            await agreed(request, view)
        self._sessions.end(request.cookies.get(COOKIE, ""))
        response = RedirectResponse(f"/{view.words.language}/login", 303)
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
        return response


def _only_looking(operator: Operator) -> Operator:
    return Operator(operator.name, operator.org, False, operator.hashed)


async def agreed(request: Request, view: View) -> dict[str, str]:
    """What a form of this browser says.

    Raises:
        Refused: it is no form of ours, or another browser's.
    """
    form = await read_form(request, _MOST_FIELDS)
    if view.session is None or not is_token(view.session.form_token, form.get(TOKEN, "")):
        raise Refused(403)
    return form


def _one_spelling(name: str) -> str:
    """A name for counting tries: however somebody spells a phone number, it is the same account that they try."""
    try:
        return phone(name)
    except Unfit:
        return "".join(name.split()).casefold()
