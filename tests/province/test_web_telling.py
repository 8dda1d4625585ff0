"""What pages say where something cannot be done: words of their own to whoever asks, the rest to the log, each fault for itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
from province_world import founded
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from web_world import served_pages

from edge_agent.serving.guard import Guard
from edge_agent.serving.telling import Telling
from province.accounts.account import Role
from province.base.errors import ProvinceError
from province.web.section import MenuItem, Page, Section, Visit
from province.web.world import World

ADVICE = "/srv/gate/register.url: another writer holds it: look for a long transaction (pg_stat_activity)"


def busy(_world: World) -> tuple[Section, ...]:
    """A room whose page the register cannot answer."""

    async def show(_request: Request, _visit: Visit) -> Response:
        raise ProvinceError(ADVICE)

    roles = frozenset({Role.KEEPER})
    return (
        Section(
            "sample",
            "province.web",
            {"vi": {"of": "x"}, "en": {"of": "x"}},
            (Page("/busy", show, roles),),
            (MenuItem("/busy", "of", roles),),
        ),
    )


def test_a_keeper_reads_no_advice_for_operators(tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture) -> None:
    with served_pages(founded(tmp_path_factory.mktemp("telling") / "province"), sections=busy, roles=(Role.KEEPER,)) as site:
        keeper = site.browser(Role.KEEPER)
        for language, words in (("vi", "Bây giờ chưa làm được"), ("en", "Not possible now")):
            answer = keeper.get(f"/{language}/busy")
            assert (answer.status, words in answer.text, "/srv" in answer.text) == (503, True, False)
    assert caplog.text.count(ADVICE) == 2  # the first and the second time


def test_a_frequent_fault_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def one() -> None:
        raise KeyError("001099012345")

    def other() -> None:
        raise KeyError("001099012345")

    faults: list[Callable[[], None]] = [one] * 5 + [other]

    async def page(_scope: object, _receive: object, _send: object) -> None:
        faults.pop(0)()

    guard = Guard(page, {"here"}, lambda _path, status, _why: PlainTextResponse("", status))
    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": [(b"host", b"here")]}
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request"}

    async def ask() -> None:
        while faults:
            await guard(scope, receive, send)

    with caplog.at_level(logging.ERROR):
        asyncio.run(ask())
    told = [record.getMessage() for record in caplog.records]
    assert [message.split(" times")[0].rsplit(" ", 1)[1] for message in told] == ["1", "2", "4", "1"]
    assert len({message.partition(",")[0] for message in told}) == 2
    assert "001099012345" not in caplog.text
    assert [message["status"] for message in sent if "status" in message] == [500] * 6


def test_what_cannot_be_done_is_told_in_full(caplog: pytest.LogCaptureFixture) -> None:
    telling = Telling(logging.getLogger("sample"))
    for _ in range(3):
        telling.cannot(ProvinceError(ADVICE))
    assert caplog.text.count(ADVICE) == 2
