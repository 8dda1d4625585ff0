"""What a room of pages gets of the frame: its roles kept, its words and menu, a region that follows; and `gate-province web`."""

from __future__ import annotations

import http.client
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from page_world import WAIT_S
from province_world import founded, free_port
from starlette.requests import Request
from starlette.responses import Response
from web_world import served_pages

from province.__main__ import main
from province.accounts.account import Role
from province.base.layout import Layout
from province.web.asking import address_of
from province.web.forms import form_of
from province.web.frame import Frame
from province.web.live import Drawn
from province.web.section import MenuItem, OpenPage, Page, Section, Visit
from province.web.world import World

KEEPERS = frozenset({Role.KEEPER, Role.SPECIAL})


class Room:
    """A small room of pages."""

    def __init__(self, world: World) -> None:
        self.world, self.count = world, 0

    async def show(self, request: Request, visit: Visit) -> Response:
        if request.method == "POST":
            self.count += int((await form_of(request, visit))["more"])
            self.world.changes.tell()
        return self.world.render(request, visit, "sample/page.html", count=self.count, sites=visit.account.sites)

    async def follow(self, request: Request, visit: Visit) -> Response:
        def draw() -> Drawn:
            with self.world.connection() as connection:
                assert self.world.roll.find(connection, visit.account.id) is not None
            part = self.world.frame.part(visit, "sample/parts.html", "count", self.count)
            return Drawn(part, {"count": part})

        return self.world.stream(request, visit, draw)

    async def visitor(self, request: Request, language: str) -> Response:
        assert language in {"vi", "en"}
        return self.world.render_open(request, "vi", "sample/page.html", count=0, sites=frozenset())

    def section(self) -> Section:
        return Section(
            "sample", "sample_room", {"vi": {"of": "Bảng"}, "en": {"of": "Board"}},
            (
                Page("/", self.show, KEEPERS), Page("/board", self.show, KEEPERS, ("GET", "POST")),
                Page("/stream/board", self.follow, KEEPERS),
            ),
            (MenuItem("/board", "of", KEEPERS),),
            (OpenPage("/visitor", self.visitor),),
        )  # fmt: skip


@pytest.fixture
def sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[World], tuple[Section, ...]]:
    pages = tmp_path / "sample_room" / "pages"
    pages.mkdir(parents=True)
    (pages.parent / "__init__.py").touch()
    (pages / "page.html").write_text(
        '{% extends "web/base.html" %}{% block title %}{{ t("of") }}{% endblock %}'
        '{% block body %}{{ t("of") }} {{ count }} {{ sites }}{% endblock %}'
    )
    (pages / "parts.html").write_text('{% macro count(number) %}<b id="count">{{ t("of") }} {{ number }}</b>{% endmacro %}')
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda world: (Room(world).section(),)


def test_a_page_is_for_its_roles_alone_and_follows_what_happens(tmp_path: Path, sections: Callable[[World], tuple[Section, ...]]) -> None:
    with served_pages(founded(tmp_path / "province"), sections=sections) as site:
        keeper, admin = site.browser(Role.KEEPER), site.browser(Role.ADMIN)
        shown = keeper.get("/vi/board")
        assert (shown.status, "Bảng 0" in shown.text, "cho-dong-ba" in shown.text) == (200, True, True)
        assert '<a href="/vi/board" aria-current="page">Bảng</a>' in shown.text
        assert '<a href="/en/board"' in keeper.get("/en/account").text
        refused = [admin.get(path).status for path in ("/vi/", "/vi/board", "/vi/stream/board")]
        refused.append(admin.post("/vi/board", {"token": admin.token(), "more": "1"}).status)
        assert refused == [403] * 4
        assert "/vi/board" not in admin.get("/vi/account").text
        with keeper.stream("/vi/stream/board") as following:
            assert following() == ("whole", '<b id="count">Bảng 0</b>')
            assert keeper.post("/en/board", {"token": keeper.token(), "more": "3"}).status == 200
            assert following() == ("parts", '<b id="count">Bảng 3</b>')
            assert keeper.post("/vi/leave", {"token": keeper.token()}).status == 303
            with pytest.raises(EOFError):
                following()
        stranger = site.browser()
        assert [stranger.get(path).status for path in ("/vi/", "/vi/visitor", "/vi/stream/board")] == [303, 200, 204]


def room(fault: str) -> Frame:
    """A frame round one room, with a fault."""

    async def answer(_request: Request, _visit: Visit) -> Response:
        raise NotImplementedError

    english = {} if fault == "language" else {"of": "Board"}
    page = Page("board" if fault == "path" else "/board", answer, frozenset() if fault == "roles" else KEEPERS)
    menu = (MenuItem("/board", "no" if fault == "menu" else "of", KEEPERS),)
    pages = (page, page) if fault == "twice" else (page,)
    return Frame((Section("sample", "province.web", {"vi": {"of": "Bảng"}, "en": english}, pages, menu),), "Huế")


@pytest.mark.parametrize("fault,said", [("language", "alone"), ("menu", "menu"), ("path", "path"), ("roles", "roles"), ("twice", "twice")])
def test_a_room_that_is_not_whole_is_refused_where_it_is_made(fault: str, said: str) -> None:
    assert room("").sections
    with pytest.raises(ValueError, match=said):
        room(fault)


def test_the_command_serves_over_tls_until_it_is_asked_to_end(layout: Layout) -> None:
    port = free_port()
    command = [sys.executable, "-m", "province", "web", str(layout.root), "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "pages: https://127.0.0.1" in line or "pages: https://localhost" in line:
                    break
            context = ssl.create_default_context(cafile=str(layout.authority_certificate))
            with closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=WAIT_S, context=context)) as connection:
                connection.request("GET", "/en/login")
                assert connection.getresponse().status == 200
            assert main(["web", str(layout.root), "--listen", f"127.0.0.1:{free_port()}"]) == 1  # there is one already
        finally:
            process.send_signal(signal.SIGTERM)
        assert "stopped" in process.stderr.read()
    assert process.returncode == 0


@pytest.mark.parametrize(
    "lines, wanted",
    [
        ([], "unknown"), (["9.9.9.8"], "9.9.9.8"), (["10.1.0.7, 9.9.9.8"], "9.9.9.8"), (["10.1.0.7", "9.9.9.8"], "9.9.9.8"),
        (["10.1.0.7", "garbage"], "unknown"), (["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        (["::ffff:9.9.9.8"], "9.9.9.8"),
    ],
)  # fmt: skip
def test_behind_a_proxy_who_asks_is_what_the_proxy_says_whatever_the_visitor_sent(lines: list[str], wanted: str) -> None:
    """HAProxy adds a line of its own below the visitor's, nginx a word to it."""
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    request = Request({"type": "http", "headers": headers, "client": ("127.0.0.1", 1)})
    assert address_of(request, proxied=True) == wanted
    assert address_of(request, proxied=False) == "127.0.0.1"
