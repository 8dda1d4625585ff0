"""One's own second step: set up with a QR code for an authenticator app, ten codes for paper, and set up anew on another phone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import segno
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge_agent.serving.guard import Refused
from province.accounts import second
from province.accounts.account import Unfit
from province.accounts.roll import Member
from province.store.opened import Connection
from province.web.door import Door
from province.web.forms import form_of
from province.web.section import EVERYBODY, Page, Visit
from province.web.sessions import MustWait
from province.web.world import World

PATH = "/account/second"


class Second:
    """Its pages.

    Args:
        world: what they stand on.
        door: lets in.
    """

    def __init__(self, world: World, door: Door) -> None:
        self._world, self._door = world, door

    def pages(self) -> tuple[Page, ...]:
        """Both."""
        return (
            Page(PATH, self._set_up, EVERYBODY, ("GET", "POST")),
            Page(f"{PATH}/again", self._again, EVERYBODY, ("GET", "POST")),
        )

    async def _member(self, visit: Visit) -> Member:
        member = await run_in_threadpool(self._world.member, visit.account.id)
        if member is None:
            raise Refused(403)
        return member

    async def _set_up(self, request: Request, visit: Visit) -> Response:
        member, session = await self._member(visit), self._door.session_of(request)
        if session is None:
            raise Refused(403)
        if member.totp is not None:
            return await self._there(request, visit)
        session.carried = session.carried or second.new_secret()
        secret = session.carried
        if request.method != "POST":
            return self._page(request, visit, secret)
        form = await form_of(request, visit)
        step = second.step_of(secret, form.get("code", ""), self._world.now_ms(), 0)
        if step is None:
            return self._page(request, visit, secret, 400, wrong=True)
        codes = second.recovery_codes()
        headed = await self._set(visit, "account-second-set", member, secret, step, codes)
        response = self._world.render(request, visit, "web/second_codes.html", codes=codes, headless=not headed)
        self._door.let_in(request, response, await self._member(visit), stepped=True)
        return response

    async def _set(self, visit: Visit, action: str, member: Member, secret: bytes | None, step: int = 0, codes: Sequence[str] = ()) -> bool:
        def change(connection: Connection) -> bool:
            also = partial(self._world.roll.set_second, connection, member.account.id, secret, step, codes, seen=member.mark)
            return self._world.note(connection, visit, action, member.account, also)

        try:
            return bool(await self._world.ask(change))
        except Unfit:  # somebody changed this account a moment ago
            raise Refused(403) from None

    def _page(self, request: Request, visit: Visit, secret: bytes, status: int = 200, *, wrong: bool = False) -> Response:
        picture = segno.make(second.uri(secret, self._world.settings.name, visit.account.id), error="m").svg_data_uri(scale=5, border=4)
        return self._world.render(request, visit, "web/second.html", status, picture=picture, secret=second.shown(secret), wrong=wrong)

    async def _there(self, request: Request, visit: Visit, status: int = 200, *, wait_s: int = 0) -> Response:
        left = await self._world.ask(lambda connection: self._world.roll.codes_left(connection, visit.account.id))
        answer = self._world.render(request, visit, "web/second_there.html", status, left=left, wrong=status == 400, wait_s=wait_s)
        if wait_s:
            answer.headers["retry-after"] = str(wait_s)
        return answer

    async def _again(self, request: Request, visit: Visit) -> Response:
        """Takes the second step away with the password and one last code, so that it can be set up anew."""
        if request.method != "POST":  # the other language, chosen where a form was refused
            return RedirectResponse(f"/{visit.language}{PATH}", 303)
        form, member = await form_of(request, visit), await self._member(visit)
        right, wait_s = False, 0
        try:
            if member.totp is not None and await run_in_threadpool(self._door.is_password, member, form.get("password", "")):
                right = await self._door.is_second(request, member, form.get("code", ""))
        except MustWait as error:
            wait_s = error.shown_s
        if not right:
            return await self._there(request, visit, 429 if wait_s else 400, wait_s=wait_s)
        headed = await self._set(visit, "account-second", member, None)
        response = self._world.go(visit, PATH, headless=not headed)
        self._door.let_in(request, response, await self._member(visit), stepped=False)
        return response
