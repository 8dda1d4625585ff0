"""Answers programs: who asks, may they, is it asked rightly; then the endpoint. What goes wrong is said as a problem (RFC 9457)."""

from __future__ import annotations

import json
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from province.api import figures, fleet, metrics, registry
from province.api.clients import Client, Scope, has_form, known_by
from province.api.document import PATH, document
from province.api.endpoints import Asked, Endpoint, Parameter, Refusal
from province.api.shapes import Problem
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.store import database
from province.store.opened import Connection
from province.web.guard import Guard
from province.web.telling import Telling

_log = logging.getLogger(__name__)
ENDPOINTS: tuple[Endpoint, ...] = (*registry.ENDPOINTS, *figures.ENDPOINTS, *fleet.ENDPOINTS)
PER_MINUTE, AT_ONCE = 600, 60  # of one client
_MOST_BYTES = 64 * 1024
_MOST_KNOWN = 4096
_NOBODY = "send `Authorization: Bearer TOKEN`; `gate-province client add` makes one"
_TITLES = {
    400: "Bad request", 401: "Not authorised", 403: "Not allowed", 404: "Not found", 405: "Not this way", 409: "Conflict",
    413: "Too large", 422: "Cannot be", 429: "Too many requests", 500: "Our fault", 503: "Not now",
}  # fmt: skip


class Api:
    """The API of a province.

    Args:
        layout: the province.
        now_ms: the time, milliseconds since 1970 UTC.
        now_s: monotonic seconds.
    """

    def __init__(self, layout: Layout, now_ms: Callable[[], int], now_s: Callable[[], float] = time.monotonic) -> None:
        self._layout, self._now_ms, self._rates = layout, now_ms, Rates(now_s)
        self._telling = Telling(_log)
        self._document = msgspec.json.encode(document(ENDPOINTS))

    def app(self, hosts: set[str]) -> Guard:
        """All of it, guarded, for the values of Host that are ours."""
        handlers = {HTTPException: _missing, Refusal: _refused, ProvinceError: self._cannot, Exception: _failed}
        return Guard(Starlette(routes=self.routes(), exception_handlers=handlers), hosts, _guarded, _MOST_BYTES, forms=False)

    async def _cannot(self, _request: Request, error: Exception) -> Response:
        assert isinstance(error, ProvinceError)  # noqa: S101 - it is registered for that alone
        self._telling.cannot(error)
        return problem(503, "not possible now; try again in some minutes")  # the rest is for our log

    def routes(self) -> list[Route]:
        """Every route there is."""
        by_path: dict[str, list[Endpoint]] = {}
        for one in ENDPOINTS:
            by_path.setdefault(one.path, []).append(one)
        routes = [Route(PATH + path, self._for(found), methods=[one.method for one in found]) for path, found in by_path.items()]
        return [Route(f"{PATH}/openapi.json", self._described), Route("/metrics", self._metrics), *routes]

    def _for(self, endpoints: list[Endpoint]) -> Callable[[Request], Any]:
        by_method = {one.method: one for one in endpoints}

        async def asked(request: Request) -> Response:
            one = by_method["GET" if request.method == "HEAD" else request.method]
            body = await request.body() if one.takes is not None else b""
            found = await run_in_threadpool(self._answer, one, request, body)
            return Response(msgspec.json.encode(found), one.status, media_type="application/json")

        return asked

    def _answer(self, one: Endpoint, request: Request, body: bytes) -> msgspec.Struct:
        _token(request)  # before there is a connection to the register: who has none costs nothing
        with closing(database.connect(self._layout.register)) as connection, database.explained(self._layout.register):
            client = self._client(connection, request, one.scope)
            given = read(one.parameters, request.path_params, list(request.query_params.multi_items()))
            taken = None if one.takes is None else _read_body(body, one.takes)
            return one.answer(Asked(self._layout, connection, client, self._now_ms(), given, taken))

    def _client(self, connection: Connection, request: Request, scope: Scope) -> Client:
        """Who asks.

        Raises:
            Refusal: nobody we know, too often, or they may not.
        """
        found = known_by(connection, _token(request), self._now_ms())
        if found is None:
            raise Refusal(401, _NOBODY)
        if (wait_s := self._rates.wait_s(found.name)) > 0:
            raise Refusal(429, f"at most {PER_MINUTE} requests a minute; again in {wait_s} s")
        if scope not in found.scopes:
            raise Refusal(403, f"client {found.name} has not the scope {scope}")
        return found

    async def _described(self, _request: Request) -> Response:
        return Response(self._document, media_type="application/json")

    async def _metrics(self, request: Request) -> Response:
        def measured() -> str:
            _token(request)
            with closing(database.connect(self._layout.register)) as connection, database.explained(self._layout.register):
                self._client(connection, request, Scope.METRICS_READ)
                return metrics.exposition(self._layout, connection, self._now_ms())

        return Response(await run_in_threadpool(measured), media_type=metrics.CONTENT_TYPE)


def _token(request: Request) -> str:
    """The token of a request, if it has the form of one.

    Raises:
        Refusal: it has none.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not has_form(token.strip()):
        raise Refusal(401, _NOBODY)
    return token.strip()


class Rates:
    """How often each client has asked: a bucket that fills steadily. Bounded.

    Example:
        >>> rates = Rates(lambda: 0.0)
        >>> [rates.wait_s("counter") for _ in range(AT_ONCE + 1)][-2:]
        [0, 1]
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._of: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what was left, and when

    def wait_s(self, name: str) -> int:
        """Counts a request; how long to wait before the next, 0 when it is answered."""
        now_s = self._now_s()
        left, at_s = self._of.pop(name, (float(AT_ONCE), now_s))
        left = min(float(AT_ONCE), left + (now_s - at_s) * PER_MINUTE / 60)
        self._of[name] = (left - 1 if left >= 1 else left), now_s
        if len(self._of) > _MOST_KNOWN:
            self._of.popitem(last=False)
        return 0 if left >= 1 else 1


def read(parameters: tuple[Parameter, ...], in_path: dict[str, Any], in_query: list[tuple[str, str]]) -> dict[str, Any]:
    """The parameters that were given, each as its kind.

    Raises:
        Refusal: one that is none, is given twice, or is not of its kind.
    """
    known = {one.name: one for one in parameters}
    given: dict[str, Any] = {}
    for name, text in [*in_path.items(), *in_query]:
        one = known.get(name)
        if one is None or name in given or (one.in_path and (name, text) in in_query):
            raise Refusal(400, f"{_visible(name)}: {'given twice' if one is not None else 'not a parameter of this'}")
        try:
            given[name] = msgspec.convert(text, one.kind, strict=False)
        except msgspec.ValidationError as error:
            raise Refusal(400, f"{name}: {error}") from None
    return given


def _read_body(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.convert(json.loads(body, parse_float=_number, parse_constant=_none), kind)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"body: {_visible(str(error))}") from None


def _number(text: str) -> float:
    """A number with a point or an exponent; a whole one is an integer (JSON Schema 2020-12, section 4.2.3)."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _none(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _visible(text: str) -> str:
    return re.sub(r"[^ -~]", "?", text)[:200]


def problem(status: int, detail: str) -> Response:
    """A problem as it is sent."""
    title = _TITLES.get(status, "Not answered")
    headers = {401: {"www-authenticate": 'Bearer realm="gate-scanner"'}, 429: {"retry-after": "1"}}.get(status)
    return Response(msgspec.json.encode(Problem(title, status, detail)), status, headers, "application/problem+json")


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - it is registered for that alone
    return problem(error.status, error.detail)


async def _missing(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for that alone
    missing = error.status_code == 404
    answer = problem(error.status_code, f"there is nothing here; GET {PATH}/openapi.json says what there is" if missing else "not this way")
    answer.headers.update(error.headers or {})  # Allow
    return answer


async def _failed(_request: Request, _error: Exception) -> Response:
    return problem(500, "it is in our log")


def _guarded(_path: str, status: int, why: str) -> Response:
    if status == 413:
        why = f"at most {_MOST_BYTES} bytes"
    return problem(status, why or "not one of our hosts, or not a request of ours")
