"""Puts routes behind the guard, with one page for whatever ends a request without its own."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from edge_agent.serving import failures
from edge_agent.serving.guard import MAX_BODY_BYTES, Guard
from province.base.errors import ProvinceError
from province.web.languages import LANGUAGES, Language


def guarded(
    routes: Sequence[Route],
    hosts: Container[str],
    error: Callable[[Language, int, str], str],
    most_bytes: int = MAX_BODY_BYTES,
    *,
    says_why: bool = True,
) -> Guard:
    """The pages as a whole.

    Args:
        routes: every route there is.
        hosts: the values of Host that are ours.
        error: draws the page that tells of a failure: language, status, why.
        most_bytes: the longest form.
        says_why: whether whoever asks may read why the register cannot be had; else that is our business alone.
    """

    def answer(path: str, status: int, why: str) -> Response:
        language = next((each for each in LANGUAGES if path.startswith(f"/{each}/")), LANGUAGES[0])
        return HTMLResponse(error(language, status, why), status)

    handlers = failures.handlers(answer, ProvinceError, says_why=says_why)
    return Guard(Starlette(routes=routes, exception_handlers=handlers), hosts, answer, most_bytes)
