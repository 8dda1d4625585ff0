"""The operator's pages, guarded: the door, what stands behind it, and their files."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from edge_agent.serving.guard import Guard, Refused
from province.fleet.answers import Answers
from province.fleet.door import Door
from province.fleet.views import Views
from province.fleet.world import World
from province.web.frame import SHARED
from province.web.guarded import guarded
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
        return guarded(routes, hosts, self._views.error)

    async def _front(self, _request: Request) -> Response:
        return RedirectResponse(f"/{LANGUAGES[0]}/", 303)

    async def _static(self, request: Request) -> Response:
        file = request.path_params["file"]
        if file not in _STATIC_FILES:
            raise Refused(404)
        return FileResponse(SHARED / file, media_type=_STATIC_FILES[file], headers={"cache-control": "no-cache"})
