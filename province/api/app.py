"""Answers programs: who asks, may they, is it asked rightly; then the endpoint. What goes wrong is said as a problem (RFC 9457)."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge_agent.serving.guard import Guard
from province.api import figures, fleet, metrics, registry
from province.api.clients import Client, Scope, has_form, known_by
from province.api.document import PATH, document
from province.api.endpoints import Asked, Endpoint, Parameter, Refusal
from province.api.paces import PER_MINUTE, Rates, Strangers
from province.api.shapes import Problem
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.store.opened import Connection
from province.store.pool import Pool
from province.web.asking import address_of

ENDPOINTS: tuple[Endpoint, ...] = (*registry.ENDPOINTS, *figures.ENDPOINTS, *fleet.ENDPOINTS)
_QUESTIONS = 8  # to the register at once
_MOST_BYTES = 64 * 1024
_Found = TypeVar("_Found")
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
        proxied: whether a reverse proxy on this machine stands before it and says who asks.
    """

    def __init__(
        self, layout: Layout, now_ms: Callable[[], int], now_s: Callable[[], float] = time.monotonic, *, proxied: bool = False
    ) -> None:
        self._layout, self._now_ms, self._proxied = layout, now_ms, proxied
        self._rates, self._strangers = Rates(now_s), Strangers(now_s)
        self._pool = Pool(layout.register)
        self._asking = asyncio.Semaphore(_QUESTIONS)
        self._document = msgspec.json.encode(document(ENDPOINTS))

    def app(self, hosts: set[str]) -> Guard:
        """All of it, guarded, for the values of Host that are ours."""
        handlers = {HTTPException: _missing, Refusal: _refused, ProvinceError: _cannot, Exception: _failed}
        return Guard(Starlette(routes=self.routes(), exception_handlers=handlers), hosts, _guarded, _MOST_BYTES, forms=False)

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

            def answered(connection: Connection, client: Client) -> msgspec.Struct:
                given = read(one.parameters, request.path_params, list(request.query_params.multi_items()))
                taken = None if one.takes is None else _read_body(body, one.takes)
                return one.answer(Asked(self._layout, connection, client, self._now_ms(), given, taken))

            found = await self._ask(request, one.scope, answered)
            return Response(msgspec.json.encode(found), one.status, media_type="application/json")

        return asked

    async def _ask(self, request: Request, scope: Scope, work: Callable[[Connection, Client], _Found]) -> _Found:
        """What some work finds for whoever may; no more of it at once than there are connections.

        Raises:
            Refusal: nobody we know, too often, or they may not.
        """
        token = _token(request)  # who has none costs no connection, and no wait
        if not self._strangers.allows(token, address_of(request, proxied=self._proxied)):
            raise Refusal(429, "too many tokens from your address that are none, or count no more")

        def asked() -> _Found:
            with self._pool.connection() as connection:
                return work(connection, self._client(connection, token, scope))

        async with self._asking:
            return await run_in_threadpool(asked)

    def _client(self, connection: Connection, token: str, scope: Scope) -> Client:
        found = known_by(connection, token, self._now_ms())
        self._strangers.told(token, known=found is not None)
        if found is None:
            raise Refusal(401, _NOBODY)
        if (wait_s := self._rates.wait_s(found.name)) > 0:
            raise Refusal(429, f"at most {PER_MINUTE} requests a minute; again in {wait_s} s")
        if scope not in found.scopes:
            raise Refusal(403, f"client {found.name} has not the scope {scope}")
        return found

    def close(self) -> None:
        """Closes what is open for the next question."""
        self._pool.close()

    async def _described(self, _request: Request) -> Response:
        return Response(self._document, media_type="application/json")

    async def _metrics(self, request: Request) -> Response:
        def measured(connection: Connection, _client: Client) -> str:
            return metrics.exposition(self._layout, connection, self._now_ms())

        return Response(await self._ask(request, Scope.METRICS_READ, measured), media_type=metrics.CONTENT_TYPE)


def _token(request: Request) -> str:
    """The token of a request, if it has the form of one.

    Raises:
        Refusal: it has none.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not has_form(token.strip()):
        raise Refusal(401, _NOBODY)
    return token.strip()


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
        found = json.loads(body, parse_float=_number, parse_constant=_none)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text, and no database takes it
        return msgspec.convert(found, kind)
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


async def _cannot(_request: Request, error: Exception) -> Response:
    return problem(503, str(error))


async def _failed(_request: Request, _error: Exception) -> Response:
    return problem(500, "it is in our log")


def _guarded(_path: str, status: int, why: str) -> Response:
    if status == 413:
        why = f"at most {_MOST_BYTES} bytes"
    return problem(status, why or "not one of our hosts, or not a request of ours")
