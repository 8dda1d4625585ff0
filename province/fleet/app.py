"""The operator's pages, guarded: the door, what stands behind it, their files, and what is said when something goes wrong."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from edge_agent.serving.guard import Guard, Refused
from province.base.errors import ProvinceError
from province.fleet.answers import Answers
from province.fleet.door import Door
from province.fleet.views import Views
from province.fleet.world import World
from province.web.frame import SHARED
from province.web.languages import LANGUAGES

_STATIC_FILES = {"web.css": "text/css; charset=utf-8", "live.js": "text/javascript; charset=utf-8"}


class Pages:
    """The pages of a province.

    Args:
        world: what they show and use.
    """

    def __init__(self, world: World) -> None:
        self._views = Views()
        self._door = Door(world, self._views)
        self._answers = Answers(world, self._views, self._door)

    def app(self, hosts: set[str]) -> Guard:
        """All of it, guarded, for the values of Host that are ours."""
        own_routes = [Route("/", self._front), Route("/static/{file}", self._static)]
        routes = [*own_routes, *self._door.routes(), *self._answers.routes()]
        handlers = {HTTPException: self._missing, Refused: self._refuse, ProvinceError: self._cannot, Exception: self._fail}
        return Guard(Starlette(routes=routes, exception_handlers=handlers), hosts, self._error)

    async def _front(self, _request: Request) -> Response:
        return RedirectResponse(f"/{LANGUAGES[0]}/", 303)

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
