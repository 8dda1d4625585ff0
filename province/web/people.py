"""The administrator's page of accounts: who there is, masked; letting somebody in, changing and ending it. Each change has its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge_agent.serving.guard import Refused
from firmware.person_codes.masking import mask_name, mask_number
from province.accounts import account as accounts
from province.accounts import passwords, reach
from province.accounts.account import Account, Role, Taken, Unfit
from province.accounts.roll import Member, new_id
from province.store.opened import Connection
from province.web.forms import form_of
from province.web.people_words import WORDS
from province.web.section import MenuItem, Page, Section, Visit
from province.web.world import World

_ADMIN = frozenset({Role.ADMIN})
_EACH_PAGE = 50
_FIELDS = dict.fromkeys(("name", "phone", "role", "sites", "unit", "org", "commands", "whole"), "")
_CHANGES = ("role", "password", "second", "phone", "remove")


def section(world: World) -> Section:
    """Its pages."""
    people = _People(world)
    return Section(
        "people", "province.web", WORDS,
        pages=(
            Page("/people", people.show_all, _ADMIN),
            Page("/people/add", people.add, _ADMIN, ("GET", "POST")),
            Page("/people/{id}", people.show, _ADMIN),
            Page("/people/{id}/{change}", people.change, _ADMIN, ("GET", "POST")),
        ),
        menu=(MenuItem("/people", "title", _ADMIN),),
    )  # fmt: skip


class _People:
    def __init__(self, world: World) -> None:
        self._world = world

    # ── looking ──

    async def show_all(self, request: Request, visit: Visit) -> Response:
        asked = request.query_params
        role = next((each for each in Role if each == asked.get("role")), None)
        site, number = asked.get("site", "").strip()[:80] or None, asked.get("page", "")
        page = int(number) if re.fullmatch(r"[1-9][0-9]{0,4}", number) else 1

        def look(connection: Connection) -> tuple[list[dict[str, object]], int]:
            found, count = self._world.roll.some(connection, role=role, site=site, skip=(page - 1) * _EACH_PAGE, most=_EACH_PAGE)
            reaches = reach.names(connection, [member.account for member in found])
            return [self._row(connection, member, reaches) for member in found], count

        rows, count = await self._world.ask(look)
        pages = max(1, -(-count // _EACH_PAGE))
        return self._world.render(
            request,
            visit,
            "people/people.html",
            rows=rows,
            count=count,
            page=page,
            pages=pages,
            role=role,
            site=site or "",
            roles=list(Role),
        )

    def _row(self, connection: Connection, member: Member, reaches: Mapping[str, str]) -> dict[str, object]:
        """An account, masked."""
        one = member.account
        numbers = [mask_number(number) for number in self._world.roll.phones(connection, one.id)]
        return {
            "one": one, "name": mask_name(one.name), "phones": numbers, "second": member.totp is not None, "seen": member.mark,
            "reach": reaches[one.id],
        }  # fmt: skip

    async def show(self, request: Request, visit: Visit) -> Response:
        return await self._page(request, visit)

    async def _page(
        self, request: Request, visit: Visit, status: int = 200, *, wrong: str = "", password: str = "", headless: bool = False
    ) -> Response:
        id_ = str(request.path_params["id"])

        def look(connection: Connection) -> dict[str, object] | None:
            member = self._world.roll.find(connection, id_)
            return None if member is None else self._row(connection, member, reach.names(connection, [member.account]))

        row = await self._world.ask(look)
        if row is None:
            raise Refused(404)
        return self._world.render(
            request,
            visit,
            "people/person.html",
            status,
            row=row,
            wrong=wrong,
            password=password,
            roles=list(Role),
            own=id_ == visit.account.id,
            headless=headless,
        )

    # ── letting in ──

    async def add(self, request: Request, visit: Visit) -> Response:
        if request.method != "POST":
            return self._world.render(request, visit, "people/add.html", roles=list(Role), given=_FIELDS, wrong="")
        form = await form_of(request, visit)
        password = passwords.made()

        def entered(connection: Connection) -> tuple[str, bool]:
            one, hashed = _wanted(form, new_id(), form.get("name", "")), passwords.hashed(password)
            numbers = list(dict.fromkeys(accounts.phone(each) for each in form.get("phone", "").split(",") if each.strip()))

            def add() -> None:
                reach.check(connection, one)
                self._world.roll.add(connection, one, numbers, hashed, self._world.now_ms())

            return one.id, self._world.note(connection, visit, "account-added", one, add)

        try:
            id_, headed = await self._world.ask(entered)
        except (Unfit, Taken) as error:
            return self._world.render(request, visit, "people/add.html", 400, roles=list(Role), given={**_FIELDS, **form}, wrong=error.key)
        return self._world.render(request, visit, "people/made.html", id=id_, password=password, headless=not headed)

    # ── changing ──

    async def change(self, request: Request, visit: Visit) -> Response:
        id_, change = str(request.path_params["id"]), request.path_params["change"]
        if change not in _CHANGES:
            raise Refused(404)
        if request.method != "POST":  # the other language, chosen where a form was refused
            return RedirectResponse(f"/{visit.language}/people/{id_}", 303)
        form = await form_of(request, visit)
        if id_ == visit.account.id:
            raise Refused(403)  # nobody shuts themselves out, or raises themselves
        password = passwords.made() if change == "password" else ""
        try:
            headed = await run_in_threadpool(self._change, visit, id_, change, form, password)
        except (Unfit, Taken) as error:
            return await self._page(request, visit, 400, wrong=error.key)
        if password:
            return await self._page(request, visit, password=password, headless=not headed)
        return self._world.go(visit, "/people" if change == "remove" else f"/people/{id_}", headless=not headed)

    def _change(self, visit: Visit, id_: str, change: str, form: Mapping[str, str], password: str) -> bool:
        """Makes a change; says what `World.headed` does."""
        roll, seen = self._world.roll, form.get("seen", "")
        with self._world.connection() as connection:
            member = roll.find(connection, id_)
            if member is None:
                raise Refused(404)
            one = member.account if change != "role" else _wanted(form, id_, member.account.name)
            number = accounts.phone(form.get("phone", "")) if change == "phone" else ""
            hashed = passwords.hashed(password) if change == "password" else ""
            if change == "remove" and form.get("sure") != id_:
                raise Unfit("sure", f"{id_}: type the account's id to remove it.")

            def do() -> None:
                match change:
                    case "role":
                        reach.check(connection, one)
                        roll.change(connection, one, seen=seen)
                    case "password":
                        roll.set_password(connection, id_, hashed, seen=seen)
                    case "second":
                        roll.set_second(connection, id_, None, seen=seen)
                    case "phone":
                        (roll.remove_phone if form.get("how") == "remove" else roll.add_phone)(connection, id_, number, seen=seen)
                    case _:
                        roll.remove(connection, id_, seen=seen)

            return self._world.note(connection, visit, f"account-{'removed' if change == 'remove' else change}", one, do)


def _wanted(form: Mapping[str, str], id_: str, name: str) -> Account:
    """The account that a form says.

    Raises:
        Unfit: it cannot be.
    """
    role = None
    with suppress(ValueError):
        role = Role(form.get("role", ""))
    if role is None:
        raise Unfit("role", "--role: choose one.")
    sites = frozenset(re.split(r"[\s,]+", form.get("sites", "").strip())) - {""}
    org, unit = form.get("org", "").strip() or None, form.get("unit", "").strip() or None
    return accounts.account(
        id_, name, role, org=org, unit=unit, sites=sites, commands=form.get("commands") == "1", whole=form.get("whole") == "1"
    )
