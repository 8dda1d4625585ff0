"""One's own account: who one is here, a new password, the other devices put out."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge_agent.serving.guard import Refused
from edge_agent.wire.keyring import VIETNAM
from firmware.person_codes.masking import mask_number
from province.accounts import passwords, reach
from province.accounts.account import Unfit
from province.accounts.roll import Member
from province.web.door import Door
from province.web.forms import form_of
from province.web.second_pages import Second
from province.web.section import EVERYBODY, MenuItem, Page, Section, Visit
from province.web.sessions import MustWait
from province.web.words import WORDS
from province.web.world import World


def section(world: World, door: Door) -> Section:
    """The pages of one's own account."""
    own = _Own(world, door)
    return Section(
        "web", "province.web", WORDS,
        pages=(
            Page("/account", own.show, EVERYBODY),
            Page("/account/password", own.change_password, EVERYBODY, ("GET", "POST")),
            Page("/account/sessions", own.end_others, EVERYBODY, ("POST",)),
            *Second(world, door).pages(),
        ),
        menu=(MenuItem("/account", "account.title", EVERYBODY),),
    )  # fmt: skip


class _Own:
    def __init__(self, world: World, door: Door) -> None:
        self._world, self._door = world, door

    async def show(self, request: Request, visit: Visit) -> Response:
        said = request.query_params.get("done", "")
        return await self._page(request, visit, said=said if said in {"changed", "ended"} else "")

    async def _page(
        self, request: Request, visit: Visit, status: int = 200, *, said: str = "", wrong: str = "", wait_s: int = 0
    ) -> Response:
        id_ = visit.account.id
        phones, reaches = await self._world.ask(
            lambda connection: (self._world.roll.phones(connection, id_), reach.names(connection, [visit.account]))
        )
        own = self._door.session_of(request)
        answer = self._world.render(
            request, visit, "web/account.html", status, said=said, wrong=wrong, wait_s=wait_s,
            phones=[mask_number(each) for each in phones],
            reach=reaches[id_],
            sessions=[(each is own, _when(each.began_ms)) for each in self._door.sessions.of(id_)], least=passwords.SHORTEST,
        )  # fmt: skip
        if wait_s:
            answer.headers["retry-after"] = str(wait_s)
        return answer

    async def change_password(self, request: Request, visit: Visit) -> Response:
        if request.method != "POST":  # the other language, chosen where a form was refused
            return RedirectResponse(f"/{visit.language}/account", 303)
        form = await form_of(request, visit)
        member = await run_in_threadpool(self._world.member, visit.account.id)
        if member is None:
            raise Refused(403)
        try:
            wrong = await run_in_threadpool(self._wrong, member, form)
        except MustWait as error:
            return await self._page(request, visit, 429, wait_s=error.shown_s)
        if wrong is not None:
            return await self._page(request, visit, 400, wrong=wrong)
        try:
            headed = await run_in_threadpool(self._set_password, visit, member, form["new"])
        except Unfit as error:
            return await self._page(request, visit, 400, wrong=error.key)
        response = self._world.go(visit, "/account?done=changed", headless=not headed)
        changed = await run_in_threadpool(self._world.member, visit.account.id)
        session = self._door.session_of(request)
        if changed is not None:
            self._door.let_in(request, response, changed, stepped=session is not None and session.stepped)
        return response

    def _set_password(self, visit: Visit, member: Member, password: str) -> bool:
        id_, hashed = member.account.id, passwords.hashed(password)
        with self._world.connection() as connection:
            change = partial(self._world.roll.set_password, connection, id_, hashed, seen=member.mark)
            return self._world.note(connection, visit, "account-password", member.account, change)

    def _wrong(self, member: Member, form: dict[str, str]) -> str | None:
        """Why the password stays as it is."""
        new = form.get("new", "")
        if not self._door.is_password(member, form.get("current", "")):
            return "current"
        if new != form.get("again", ""):
            return "again"
        with self._world.connection() as connection:
            return passwords.wrong_with(new, member.account.id, *self._world.roll.phones(connection, member.account.id))

    async def end_others(self, request: Request, visit: Visit) -> Response:
        await form_of(request, visit)
        own = self._door.session_of(request)
        self._door.sessions.end_all(visit.account.id, but=own)
        return RedirectResponse(f"/{visit.language}/account?done=ended", 303)


def _when(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(VIETNAM):%d/%m/%Y %H:%M}"
