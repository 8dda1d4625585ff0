"""What a browser asks: its language, and what its forms say, bounded and of our own pages alone."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from edge_agent.serving.forms import read_form
from edge_agent.serving.guard import Refused
from province.web.languages import LANGUAGES, Language
from province.web.section import Visit

TOKEN = "token"  # noqa: S105 - the field's name


def language_of(request: Request) -> Language:
    """The language in the path.

    Raises:
        Refused: no language of ours.
    """
    for language in LANGUAGES:
        if request.path_params["language"] == language:
            return language
    raise Refused(404)


def here(request: Request) -> str:
    """The path and query without the language, for the link to the other one."""
    path = request.url.path.removeprefix(f"/{request.path_params['language']}")
    return f"{path}?{request.url.query}" if request.url.query else path


async def form_of(request: Request, visit: Visit) -> dict[str, str]:
    """What a form says of whoever is in; of a field that comes more than once the last.

    Raises:
        Refused: it is no form of ours, too long, or not made for this browser.
    """
    form = await read_form(request)
    if not is_token(visit.form_token, form.get(TOKEN, "")):
        raise Refused(403)
    return form


def is_token(token: str, given: str) -> bool:
    """Whether a form was made for this browser."""
    return hmac.compare_digest(token.encode(), given.encode(errors="replace"))
