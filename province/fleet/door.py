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
from province.fleet.accounts import Operator
from province.fleet.views import View, Views
from province.fleet.words import WORDS
from province.fleet.world import World
from province.web.asking import address_of
from province.web.forms import TOKEN, here, is_token, language_of
from province.web.sessions import MustWait, Sessions, Tries

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
        self._sessions = Sessions()
        self._by_address, self._by_name = Tries(), Tries()
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
        name = form.get("name", "").strip()[:40]
        counted = await run_in_threadpool(self._world.accounts.counted_as, name)
        tried = ((self._by_address, address_of(request, proxied=self._world.proxied)), (self._by_name, counted))
        now_s = self._world.now_s()
        wait_s = max(tries.wait_s(who, now_s) for tries, who in tried)
        if wait_s > 0 or self._logging_in >= _MOST_LOGGING_IN:
            return self._wait(view, wait_s)
        for tries, who in tried:
            tries.missed(who, now_s)  # before it is looked at: others may come meanwhile
        self._logging_in += 1
        try:
            operator = await run_in_threadpool(self._world.accounts.enter, name, form.get("password", ""), form.get("code", ""))
        except MustWait as error:
            return self._wait(view, error.wait_s)
        finally:
            self._logging_in -= 1
        if operator is None:
            return HTMLResponse(self._views.page(view, "login", wait_s=0, wrong=True), 403)
        self._by_address.undo(tried[0][1])  # it says nothing of others there
        self._by_name.hit(counted)
        response = RedirectResponse(f"/{language}/", 303)
        cookie = self._sessions.begin(operator.name, operator.hashed, self._world.now_s())
        response.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="strict")
        return response

    def _wait(self, view: View, wait_s: float) -> Response:
        wait = round(wait_s) + 1
        return HTMLResponse(self._views.page(view, "login", wait_s=wait, wrong=False), 429, {"retry-after": str(wait)})

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
