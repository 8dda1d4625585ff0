"""What becomes of a request that ends without its page: one answer for each reason, and nothing of the reason in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edge_agent.serving.guard import Refused

Answer = Callable[[str, int, str], Response]  # makes the page: path, status, why
_Handler = Callable[[Request, Exception], Awaitable[Response]]


def handlers(answer: Answer, cannot: type[Exception] | None = None, *, says_why: bool = True) -> Mapping[Any, _Handler]:
    """Starlette's handlers of exceptions.

    Args:
        answer: makes the page that tells.
        cannot: raised where a store is busy or gone; told as 503.
        says_why: whether whoever asks may read what `cannot` says.
    """

    async def missing(request: Request, error: Exception) -> Response:
        return answer(request.url.path, 404 if isinstance(error, HTTPException) and error.status_code == 404 else 400, "")

    async def refuse(request: Request, error: Exception) -> Response:
        return answer(request.url.path, error.status, error.why) if isinstance(error, Refused) else answer(request.url.path, 400, "")

    async def unable(request: Request, error: Exception) -> Response:
        return answer(request.url.path, 503, str(error) if says_why else "")

    async def fail(request: Request, _error: Exception) -> Response:
        return answer(request.url.path, 500, "")  # the guard says in the log where it was, and nothing of what

    made: dict[Any, _Handler] = {HTTPException: missing, Refused: refuse, Exception: fail}
    return made if cannot is None else made | {cannot: unable}
