"""The pages of tracing: the cases, one case with timeline, map, places and contacts, its exports, its approval."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from itertools import islice
from typing import Any

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge_agent.serving.guard import Refused
from edge_agent.wire.keyring import day_of
from firmware.person_codes.masking import mask_number
from province.accounts.account import Role
from province.base.errors import NotAProvince
from province.looks import looking
from province.looks.looking import NUMBER_MOST, Looker
from province.looks.subjects import SeveralPeople
from province.records import retention
from province.records.opened_rows import LookKeys
from province.store.opened import Connection
from province.tracing import cases, gaps, map_picture, notices, paper_report, rules, sheets, timeline
from province.tracing.approving import Approver, NotTheirs, Why
from province.tracing.cases import Case, State
from province.tracing.desk import NO_DAY, Desk, Report, because, check_number
from province.tracing.notices import minutes_of, notes_of_contact, notes_of_visit, shown
from province.tracing.sight import Sight
from province.tracing.words import WORDS
from province.web.forms import form_of
from province.web.needs import Need, Urgency
from province.web.section import MenuItem, Page, Section, Visit
from province.web.world import World

_TRACER = frozenset({Role.TRACER})
_BOTH = frozenset({Role.TRACER, Role.ADMIN})  # who administers sees no person: numbers masked
_DAYS_MOST = 60
_NEEDS_MOST = 20
_EACH_PAGE = 50
_ENDS_DAYS = 3  # before a case can be read no more somebody is told
_CASE = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_URGENCIES = {"need.approve": Urgency.NOW, "need.ends": Urgency.NOW, "need.open": Urgency.SOON, "need.waits": Urgency.KNOW}
_SHOWN_MOST = 300  # contacts on the page; all are in the exports
_EXPORTS: Mapping[str, tuple[Callable[[Report, Mapping[str, str]], bytes], str]] = {
    "xlsx": (sheets.workbook, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "pdf": (paper_report.draw, "application/pdf"),
    "csv": (notices.as_csv, "text/csv; charset=utf-8"),
}


def section(world: World) -> Section:
    """The pages of tracing."""
    pages = _Pages(world)
    return Section(
        "tracing", "province.tracing", WORDS,
        pages=(
            Page("/tracing", pages.cases, _BOTH),
            Page("/tracing/open", pages.open, _TRACER, ("POST",)),
            Page("/tracing/{case:int}", pages.case, _BOTH),
            Page("/tracing/{case:int}/approve", pages.approve, _TRACER, ("POST",)),
            Page("/tracing/{case:int}/close", pages.close, _BOTH, ("POST",)),
            Page("/tracing/{case:int}/export/{form:str}", pages.export, _TRACER),
        ),
        menu=(MenuItem("/tracing", "tracing", _BOTH),), needs=pages.needs,
    )  # fmt: skip


class _Pages:
    def __init__(self, world: World) -> None:
        self._world = world

    async def _ask(self, work: Callable[[Desk], Any]) -> Any:
        """What some work at the desk returns; done in a thread, with what was erased erased."""

        def asked(connection: Connection) -> Any:
            world, at_ms = self._world, self._world.now_ms()
            world.erasures.check(connection, at_ms)
            laid_down = rules.read(world.layout.tracing_rules)
            return work(Desk(world.layout, world.keystore, connection, laid_down, at_ms))

        return await self._world.ask(asked)

    def needs(self, connection: Connection, visit: Visit) -> list[Need]:
        """The cases that wait for whoever looks at their home page, and those that are open."""
        if visit.account.role not in _BOTH:
            return []
        keystore, sight, approver = self._world.keystore, Sight(connection, visit.account), Approver(connection, visit.account.id)
        oldest = next(iter(keystore.epochs()), NO_DAY)
        today = day_of(self._world.now_ms())
        kept = timedelta(days=retention.kept_days(keystore, today))
        found: list[Need] = []
        for one in cases.latest(connection, LookKeys(keystore), readable_from=oldest):
            if one.details is None or not sight.sees(one):
                continue
            if one.state is State.WAITING and visit.account.role not in _TRACER:
                continue  # who administers approves nothing
            last_day = date.fromisoformat(one.epoch) + kept
            word = _need(one, approver.why_not(one), (last_day - today).days)
            if word is None:
                continue
            text = WORDS[visit.language][word].format(case=one.id, day=f"{max(last_day, today):%d/%m/%Y}")
            found.append(Need(_URGENCIES[word], text, f"/tracing/{one.id}"))
            if len(found) == _NEEDS_MOST:
                break
        return found

    async def cases(self, request: Request, visit: Visit) -> Response:
        return await self._cases(request, visit)

    async def _cases(self, request: Request, visit: Visit, wrong: str = "", given: Mapping[str, str] | None = None) -> Response:
        before = request.query_params.get("before", "")
        below = int(before) if _CASE.fullmatch(before) else None

        def asked(desk: Desk) -> tuple[list[Case], Mapping[str, str], int]:
            sight = Sight(desk.connection, visit.account)
            all_of_them = desk.latest(below, readable=visit.account.role is not Role.ADMIN)  # others see none that tells nothing any more
            found = list(islice(filter(sight.sees, all_of_them), _EACH_PAGE + 1))
            return found, desk.officers(found), desk.rules.window_days

        found, officers, days = await self._ask(asked)
        rows = [_row(one, officers) for one in found[:_EACH_PAGE]]
        older = rows[-1]["id"] if len(found) > _EACH_PAGE else None
        may_open = visit.account.role in _TRACER
        return self._world.render(
            request, visit, "tracing/cases.html", 400 if wrong else 200, cases=rows, may_open=may_open, wrong=wrong, days=days,
            days_most=_DAYS_MOST, number_most=NUMBER_MOST, given=given or {}, paged=below is not None, older=older,
        )  # fmt: skip

    async def open(self, request: Request, visit: Visit) -> Response:
        form = await form_of(request, visit)
        days = form.get("days", "")
        try:
            number = check_number(form.get("number", ""))
        except NotAProvince:
            return await self._cases(request, visit, "wrong.number", form)
        if not (days.isascii() and days.isdigit() and 1 <= int(days[:3]) <= _DAYS_MOST):
            return await self._cases(request, visit, "wrong.days", form)
        try:
            reason = looking.check_reason(form.get("reason", ""), number)
        except NotAProvince:
            return await self._cases(request, visit, "wrong.reason", form)
        case = await self._ask(lambda desk: desk.open(Looker(visit.account.id, reason), number, int(days), visit.account.unit or ""))
        return RedirectResponse(f"/{visit.language}/tracing/{case.id}", 303)

    async def case(self, request: Request, visit: Visit) -> Response:
        case, officers = await self._find(request, visit)
        if visit.account.role not in _TRACER or case.state is not State.OPEN or case.details is None:
            why = await self._ask(lambda desk: desk.may_approve(case, because(case, visit.account.id)))
            return self._shut(request, visit, case, officers, why=why)
        try:
            report = await self._ask(lambda desk: desk.report(because(case, visit.account.id), case))
        except SeveralPeople:
            return self._shut(request, visit, case, officers, several=True)
        drawn = await run_in_threadpool(_drawn, report, WORDS[visit.language])
        return self._world.render(request, visit, "tracing/case.html", case=_row(case, officers), forms=tuple(_EXPORTS), **drawn)

    def _shut(
        self, request: Request, visit: Visit, case: Case, officers: Mapping[str, str], *, why: Why | None = None, several: bool = False
    ) -> Response:
        """A case's page without what is known of it: it waits, is closed, or `several`: its number leads to several people."""
        return self._world.render(
            request, visit, "tracing/shut.html", 400 if several else 200, case=_row(case, officers), why=why,
            tracer=visit.account.role in _TRACER, several=several,
        )  # fmt: skip

    async def export(self, request: Request, visit: Visit) -> Response:
        form = request.path_params["form"]
        if form not in _EXPORTS:
            raise Refused(404)
        make, kind = _EXPORTS[form]
        case, officers = await self._find(request, visit)
        if case.state is not State.OPEN or case.details is None:
            raise Refused(404)
        try:
            report = await self._ask(lambda desk: desk.report(because(case, visit.account.id), case, "trace-export"))
        except SeveralPeople:
            return self._shut(request, visit, case, officers, several=True)
        content = await run_in_threadpool(make, report, WORDS[visit.language])
        return Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="case-{case.id}.{form}"'})

    async def approve(self, request: Request, visit: Visit) -> Response:
        await form_of(request, visit)
        case, _officers = await self._find(request, visit)
        try:
            headed = await self._ask(lambda desk: self._world.headed(lambda: desk.approve(because(case, visit.account.id), case)))
        except NotAProvince as error:
            why = error.why if isinstance(error, NotTheirs) else Why.WAITS_NOT  # no more, since a moment ago
            raise Refused(403, WORDS[visit.language][f"approve.not.{why}"]) from None
        return self._world.go(visit, f"/tracing/{case.id}", headless=not headed)

    async def close(self, request: Request, visit: Visit) -> Response:
        await form_of(request, visit)
        case, _officers = await self._find(request, visit)
        try:
            headed = await self._ask(lambda desk: self._world.headed(lambda: desk.close(because(case, visit.account.id), case)))
        except NotAProvince:
            raise Refused(404) from None  # closed already
        return self._world.go(visit, "/tracing", headless=not headed)

    async def _find(self, request: Request, visit: Visit) -> tuple[Case, Mapping[str, str]]:
        """A case that they may see, and what its officers are called; another's is as if it were not there."""

        def seen(desk: Desk) -> tuple[Case, Mapping[str, str]] | None:
            case = desk.find(request.path_params["case"])
            return (case, desk.officers([case])) if Sight(desk.connection, visit.account).sees(case) else None

        try:
            found: tuple[Case, Mapping[str, str]] | None = await self._ask(seen)
        except NotAProvince:
            found = None
        if found is None:
            raise Refused(404)
        return found


def _need(one: Case, why_not: Why | None, days_left: int) -> str | None:
    """What a case that is not closed asks of who sees it, and may approve it or not; None: nothing."""
    if one.state is State.WAITING:
        return {None: "need.approve", Why.OWN: "need.waits"}.get(why_not)
    return "need.ends" if days_left <= _ENDS_DAYS else "need.open"


def _row(one: Case, officers: Mapping[str, str]) -> dict[str, Any]:
    """A case without the person."""
    details = one.details
    state = "gone" if details is None and one.state is not State.CLOSED else str(one.state)
    return {
        "id": one.id, "state": state, "opened": shown(one.opened_ms), "number": mask_number(details.number) if details else "–",
        "reason": details.reason if details else "–", "by": officers[details.opened_by] if details else "–",
        "approved_by": officers.get(details.approved_by, "") if details else "",
    }  # fmt: skip


def _drawn(report: Report, said: Mapping[str, str]) -> dict[str, Any]:
    """What the case's page shows."""
    visits, about = report.movements.visits, report.movements.about
    numbers = timeline.numbered(visits)
    return {
        "facts": sheets.facts(report, said),
        "gaps": gaps.told(report.gaps, said),
        "timeline": Markup(timeline.draw(visits, said).svg()) if visits else "",  # noqa: S704 - its texts are escaped where it is made
        "map": Markup(map_picture.draw(visits, said).svg()) if visits else "",  # noqa: S704 - the same
        "visits": [
            {"number": numbers[one.place.org, one.place.site], "about": one.about, "from": shown(one.stay.begin_ms),
             "until": shown(one.stay.end_ms), "minutes": minutes_of(one.stay), "notes": notes_of_visit(one, said), "trip": one.stay.trip}
            for one in visits
        ],
        "contacts": [
            {"person": one.person, "minutes": one.minutes, "first": shown(one.encounters[0].begin_ms),
             "places": ", ".join(f"{numbers[at.org, at.site]}. {about[at].name}" for at in dict.fromkeys(m.place for m in one.encounters)),
             "notes": notes_of_contact(one, said)}
            for one in report.contacts.found[:_SHOWN_MOST]
        ],
        "count": len(report.contacts.found),
        "places": len(numbers),
        "unnamed": [{"place": about[place].name, "count": count} for place, count in report.contacts.unnamed.items()],
        "districts": [(district, len({id(each.person) for each in told})) for district, told in notices.by_district(report, said).items()],
    }  # fmt: skip
