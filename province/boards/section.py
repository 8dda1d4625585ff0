"""The pages of this room: home, and each place's board, once and as it follows what happens."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge_agent.serving.guard import Refused
from edge_agent.wire.keyring import day_of
from province.accounts.account import Account, Role
from province.base.errors import NotAProvince
from province.boards import home, listing, shown
from province.boards.asked import Asked
from province.boards.board import Board, Boards
from province.boards.passages import Place, Sight, has_new
from province.boards.words import WORDS
from province.registry import categories, sites
from province.registry.categories import Category
from province.registry.site import Site
from province.store.opened import Connection
from province.web.live import Drawn
from province.web.needs import Need
from province.web.section import EVERYBODY, MenuItem, Page, Section, Visit
from province.web.world import World

_SEES = frozenset({Role.KEEPER, Role.SPECIAL, Role.ADMIN})
_MISREAD = {"day": "find.day", "from": "find.from", "to": "find.to", "gate": "board.gate", "way": "board.way"}
_LISTS = frozenset({Role.ADMIN})  # whose sites are all; others find theirs at home
_OPERATES = frozenset({Role.OPERATOR})
_ANEW_S = 20.0  # so often a board that follows is drawn anew though nobody passed: gates come and go


def section(world: World) -> Section:
    """Boards and the home page."""
    pages = _Pages(world)
    fleet = (Page("/fleet", pages.fleet, _OPERATES),) if world.fleet_page else ()
    return Section(
        "boards", "province.boards", WORDS,
        pages=(
            Page("/", pages.front, EVERYBODY),
            Page("/sites", pages.sites, _LISTS),
            Page("/board/{site}", pages.board, _SEES),
            Page("/stream/board/{site}", pages.stream, _SEES),
            *fleet,
        ),
        menu=(
            MenuItem("/", "home.title", EVERYBODY), MenuItem("/sites", "sites.title", _LISTS),
            *(MenuItem(page.path, "fleet", page.roles) for page in fleet),
        ),
    )  # fmt: skip


def sight_of(account: Account, site: Site) -> Sight:
    """How much of people somebody sees at a site of theirs: all only where role and place both allow it.

    Raises:
        Refused: nothing; it is another's, which looks as if it were not there.
    """
    if account.role is Role.ADMIN:
        return Sight.NOBODY
    if site.id not in account.sites:
        raise Refused(404)
    return Sight.FULL if account.role is Role.SPECIAL and site.category in categories.SPECIAL else Sight.MASKED


class _Pages:
    def __init__(self, world: World) -> None:
        self._world = world
        self._boards = Boards(world.layout, world.keystore, world.now_ms)

    # ── home ──

    async def front(self, request: Request, visit: Visit) -> Response:
        cards, needs = await self._world.ask(lambda connection: self._home(connection, visit))
        now_ms = self._world.now_ms()
        return self._world.render(
            request, visit, "boards/home.html", cards=cards, needs=needs, shapes=shown.SHAPES,
            when=lambda at_ms: shown.when(at_ms, now_ms), category=lambda site: categories.named(site.category, visit.language),
        )  # fmt: skip

    def _home(self, connection: Connection, visit: Visit) -> tuple[home.Cards, list[Need]]:
        world, now_ms = self._world, self._world.now_ms()
        words = world.frame.words("boards", visit.language)

        def say(key: str, /, **values: object) -> str:
            return words[key].format(**values)

        cards = home.cards_of(connection, world.layout, self._boards.counting, visit.account, now_ms)
        needs = home.needs_of_sites(cards, say, lambda at_ms: shown.when(at_ms, now_ms), now_ms)
        needs += home.needs_of_office(connection, world, visit.account, say)
        for one in world.frame.sections:
            if one.needs is not None:
                needs += one.needs(connection, visit)
        return cards, sorted(needs, key=lambda need: need.urgency)

    async def fleet(self, _request: Request, visit: Visit) -> Response:
        """To the fleet's page, which has a login of its own."""
        return RedirectResponse(f"{self._world.fleet_page}{visit.language}/", 303)

    # ── boards ──

    async def sites(self, request: Request, visit: Visit) -> Response:
        asked = request.query_params
        text, number = asked.get("q", "").strip()[: listing.TEXT_MOST], asked.get("page", "")
        kind = next((each for each in Category if each == asked.get("kind")), None)
        page = int(number) if re.fullmatch(r"[1-9][0-9]{0,4}", number) else 1
        found = await self._world.ask(lambda connection: listing.listed(connection, text, kind, page))
        kinds = [(str(each), categories.named(each, visit.language)) for each in Category]
        return self._world.render(
            request, visit, "boards/sites.html", listed=found, q=text, kind=str(kind or ""), kinds=kinds,
            category=lambda site: categories.named(site.category, visit.language),
        )  # fmt: skip

    def _site(self, connection: Connection, request: Request, visit: Visit) -> tuple[Site, Sight]:
        """The site that the path names, if it is theirs.

        Raises:
            Refused: there is none, or it is another's.
        """
        id_ = request.path_params["site"]
        found = sites.find(connection, id_) if visit.account.role is Role.ADMIN or id_ in visit.account.sites else None
        if found is None:
            raise Refused(404)
        return found, sight_of(visit.account, found)

    def _look(self, connection: Connection, request: Request, visit: Visit, asked: Asked, told: set[int]) -> Board:
        site, sight = self._site(connection, request, visit)
        self._world.erasures.check(connection, self._world.now_ms())
        try:
            return self._boards.look(connection, site, asked, sight, visit.account.id, told)
        except NotAProvince:
            raise Refused(503, WORDS[visit.language]["board.namesake"]) from None

    async def board(self, request: Request, visit: Visit) -> Response:
        now_ms = self._world.now_ms()
        asked = Asked.read(request.query_params, day_of(now_ms))

        def drawn(connection: Connection) -> tuple[Board, Drawn]:
            site, _sight = self._site(connection, request, visit)
            board = self._look(connection, request, visit, asked.at(site.gates), set())
            return board, shown.draw(self._world.frame, visit, board, now_ms)

        board, region = await self._world.ask(drawn)
        misread = [word for name, word in _MISREAD.items() if name in board.asked.misread]
        return self._world.render(
            request, visit, "boards/board.html", board=board, drawn=region, stream=board.live, sight=board.sight.name,
            day=f"{asked.day:%d/%m/%Y}", misread=misread, category=categories.named(board.site.category, visit.language),
        )  # fmt: skip

    async def stream(self, request: Request, visit: Visit) -> Response:
        await self._world.ask(lambda connection: self._site(connection, request, visit))
        return self._world.stream(request, visit, self._following(request, visit))

    def _following(self, request: Request, visit: Visit) -> Callable[[], Drawn]:
        """Draws the board as it is now; what it drew last where nothing of this place has come since."""
        told, last = set[int](), list[tuple[Board, Drawn, float]]()

        def draw() -> Drawn:
            with self._world.connection() as connection:
                now_s = time.monotonic()
                if last and now_s - last[0][2] < _ANEW_S:
                    board = last[0][0]
                    if not has_new(connection, Place(board.site.org, board.site.name, board.site.id), board.newest):
                        return last[0][1]
                now_ms = self._world.now_ms()
                board = self._look(connection, request, visit, Asked(day_of(now_ms)), told)
                region = shown.draw(self._world.frame, visit, board, now_ms)
                last[:] = [(board, region, now_s)]
                return region

        return draw
