"""The pages of reports: where nobody scans first, then how far each part has come, the reports made, and figures to type in."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge_agent.serving.guard import Refused
from edge_agent.wire.keyring import day_of
from province.accounts.account import Role
from province.base.errors import NotAProvince
from province.registry.categories import Category, named
from province.reports import as_docx, as_xlsx, charts, coverage, figures, making, plan, reach, rollup, shelf
from province.reports.counting import Survey
from province.reports.coverage import Coverage, Share
from province.reports.figures import About, Figure, Told
from province.reports.form import NOBODY, Document, Preparer
from province.reports.shelf import Kind, Made, Which
from province.reports.surveys import Surveys
from province.reports.wording import clock, order, shown
from province.reports.words import WORDS
from province.store import database
from province.store.opened import Connection
from province.web.forms import form_of
from province.web.languages import Language
from province.web.needs import Need, Urgency
from province.web.pace import Pace
from province.web.section import MenuItem, Page, Section, Visit
from province.web.world import World

ROLES = frozenset({Role.REPORTER, Role.ADMIN})
_SILENT_A_PAGE = 50
_FRESH = (10, 10.0)  # reports made now: so many at once, then one in so many seconds, for each account
_SIGN_CHARACTERS = 100
_WRITING = {"docx": as_docx, "xlsx": as_xlsx}


def section(world: World) -> Section:
    """The room's pages."""
    desk = _Desk(world)
    return Section(
        "reports", "province.reports", WORDS,
        pages=(
            Page("/reports", desk.progress, ROLES),
            Page("/reports/files", desk.files, ROLES),
            Page("/reports/files/{kind}/{subject}/{day}/{suffix}", desk.file, ROLES),
            Page("/reports/fresh", desk.fresh, ROLES, ("POST",)),
            Page("/reports/figures", desk.figures, ROLES),
            Page("/reports/figures/keep", desk.keep, ROLES, ("POST",)),
        ),
        menu=(MenuItem("/reports", "menu", ROLES),), needs=desk.needs,
    )  # fmt: skip


class _Desk:
    def __init__(self, world: World) -> None:
        self._world, self._surveys = world, Surveys(world)
        self._pace = Pace(*_FRESH)

    # ── home ──

    def needs(self, connection: Connection, visit: Visit) -> list[Need]:
        """Reports that nobody knows of or that were late, and how many places are silent."""
        if visit.account.role not in ROLES:
            return []
        words, now_ms = WORDS[visit.language], self._world.now_ms()
        yesterday = day_of(now_ms) - timedelta(days=1)
        subjects = [*self._readable(connection, visit), *([""] if reach.is_whole(visit.account) else [])]
        made = [one for one in shelf.every(connection, subjects) if one.which.day >= yesterday - timedelta(days=6)]
        found = []
        if unsure := sum(one.unsure for one in made):
            found.append(Need(Urgency.NOW, words["need.unsure"].format(count=unsure), "/reports/files"))
        if late := sum(one.is_late for one in made if one.which.day == yesterday):
            found.append(Need(Urgency.SOON, words["need.late"].format(count=late), "/reports/files"))
        if (missing := self._not_made(connection, visit, yesterday, now_ms)) > 0:
            found.append(Need(Urgency.NOW, words["need.missing"].format(count=missing), "/reports/files"))
        survey = self._surveys.last(yesterday)
        if survey is None:
            found.append(Need(Urgency.KNOW, words["need.counting"], "/reports"))
        elif silent := len(reach.part_of(survey, visit.account).silent):
            found.append(Need(Urgency.SOON, words["need.silent"].format(count=_counting_in(visit.language)(silent)), "/reports"))
        return found

    def _not_made(self, connection: Connection, visit: Visit, yesterday: date, now_ms: int) -> int:
        """How many reports were due by now and are not there, whether the service that makes them runs or not."""
        count = 0
        for task in plan.tasks(now_ms, dict.fromkeys(Kind, yesterday)):
            if task.day == yesterday and task.due_ms <= now_ms:
                made = {subject for subject, day in shelf.days_made(connection, task.kind, yesterday) if day == yesterday}
                wanted = (
                    set(self._readable(connection, visit)) if task.kind is Kind.UNIT else {""} if reach.is_whole(visit.account) else set()
                )
                count += len(wanted - made)
        return count

    # ── progress ──

    async def progress(self, request: Request, visit: Visit) -> Response:
        yesterday = day_of(self._world.now_ms()) - timedelta(days=1)
        asked = request.query_params.get("day", "")
        wrong, day = "", yesterday
        try:
            day = date.fromisoformat(asked) if asked else yesterday
            survey = await self._survey(visit, day)
        except (ValueError, NotAProvince):
            wrong = "wrong.old" if asked and day < yesterday else "wrong.day"
            day = yesterday
            survey = await self._survey(visit, day)
        return await run_in_threadpool(self._progress, request, visit, survey, wrong)

    def _progress(self, request: Request, visit: Visit, survey: Survey, wrong: str) -> Response:
        silent = survey.silent
        first = min(_number(request.query_params.get("from", "")), max(0, len(silent) - 1)) // _SILENT_A_PAGE * _SILENT_A_PAGE
        whole = coverage.whole(survey)
        words, count = WORDS[visit.language], _counting_in(visit.language)

        def share(one: Share) -> _Drawn:
            return one, Markup(charts.bar(one)), _percent(one, visit.language)  # noqa: S704 - our own numbers alone

        def row(one: Coverage) -> tuple[Coverage, _Drawn, _Drawn, _Drawn]:
            return one, share(one.scanning), share(one.places), share(one.installs)

        return self._world.render(
            request, visit, "reports/progress.html", day=survey.day.isoformat(), wrong=wrong, whole=whole, count=count,
            state=words["state"].format(day=shown(survey.day), time=clock(survey.asked_ms)), held=survey.held,
            elsewhere=survey.elsewhere.passages, last_day=(day_of(self._world.now_ms()) - timedelta(days=1)).isoformat(),
            never=sum(one.id not in survey.last_day for one in silent), silent_count=len(silent), silent_first=first,
            silent_step=_SILENT_A_PAGE,
            silent=[
                (
                    one, named(one.category, visit.language), _unit_name(survey, survey.unit_of(one)),
                    shown(survey.last_day[one.id]) if one.id in survey.last_day else words["silent.never"],
                )
                for one in silent[first : first + _SILENT_A_PAGE]
            ],
            shares=[
                ("share.scanning", share(whole.scanning)), ("share.places", share(whole.places)),
                ("share.people", share(whole.installs)), ("share.agencies", share(coverage.agencies(survey))),
            ],
            tables=[
                ("by.unit", "unit", [(one.name or words["nowhere"], *row(one)) for one in coverage.by_unit(survey)]),
                ("by.category", "category", [(named(Category(one.id), visit.language), *row(one)) for one in coverage.by_category(survey)]),
            ],
        )  # fmt: skip

    async def _survey(self, visit: Visit, day: date) -> Survey:
        survey = await self._surveys.on(day)
        return await run_in_threadpool(reach.part_of, survey, visit.account)

    # ── files ──

    async def files(self, request: Request, visit: Visit) -> Response:
        def listed(connection: Connection) -> tuple[list[Made], dict[str, str]]:
            names = self._readable(connection, visit)
            subjects = [*names, *([""] if reach.is_whole(visit.account) else [])]
            return shelf.every(connection, subjects), names

        made, names = await self._world.ask(listed)
        yesterday = day_of(self._world.now_ms()) - timedelta(days=1)
        return self._world.render(
            request, visit, "reports/files.html", names=names, is_whole=reach.is_whole(visit.account), last_day=yesterday.isoformat(),
            made=[(one, shown(one.which.day), clock(one.made_ms)) for one in made], suffixes=tuple(_WRITING), most=_SIGN_CHARACTERS,
        )  # fmt: skip

    def _readable(self, connection: Connection, visit: Visit) -> dict[str, str]:
        """The names of the organisations whose forms somebody may read, by id."""
        return {one.id: one.name for one in reach.reporting(reach.offices(connection), visit.account)}

    async def file(self, request: Request, visit: Visit) -> Response:
        """A report that is kept, as a file."""
        path = request.path_params
        suffix = path["suffix"]
        try:
            which = Which(Kind(path["kind"]), "" if path["subject"] == "-" else path["subject"], date.fromisoformat(path["day"]))
        except ValueError:
            raise Refused(404) from None

        def found(connection: Connection) -> tuple[Document, int]:
            if not self._may_read(connection, visit, which.subject):
                raise Refused(403)
            kept = shelf.read(connection, which)
            if kept is None or suffix not in _WRITING:
                raise Refused(404)
            return kept

        document, made_ms = await self._world.ask(found)
        return await run_in_threadpool(_download, document, made_ms, suffix, NOBODY)

    def _may_read(self, connection: Connection, visit: Visit, subject: str) -> bool:
        return subject in self._readable(connection, visit) if subject else reach.is_whole(visit.account)

    async def fresh(self, request: Request, visit: Visit) -> Response:
        """A report counted now; who signs it is written into the file alone."""
        form = await form_of(request, visit)
        preparer = Preparer(*(_printable(form.get(field, "")) for field in ("preparer", "phone")))
        suffix, whose = form.get("format", ""), form.get("whose", "")
        if suffix not in _WRITING:
            raise Refused(400)

        subject = whose if whose not in {"province", "week"} else ""
        if not await self._world.ask(lambda connection: self._may_read(connection, visit, subject)):
            raise Refused(403)
        if not self._pace.allows(visit.account.id, time.monotonic()):
            raise Refused(429)
        try:
            document, made_ms = await self._fresh(whose, date.fromisoformat(form.get("day", "")))
        except (ValueError, NotAProvince):
            raise Refused(400) from None
        return await run_in_threadpool(_download, document, made_ms, suffix, preparer)

    async def _fresh(self, whose: str, day: date) -> tuple[Document, int]:
        if whose == "week":
            return await self._surveys.week(day), self._world.now_ms()
        survey = await self._surveys.on(day)
        if whose == "province":
            return await run_in_threadpool(rollup.daily, survey), survey.asked_ms
        return await run_in_threadpool(making.of_organisation, survey, whose), survey.asked_ms

    # ── figures ──

    async def figures(self, request: Request, visit: Visit) -> Response:
        said = request.query_params.get("done", "")
        return await self._figures(request, visit, said if said == "kept" else "")

    async def _figures(self, request: Request, visit: Visit, said: str, status: int = 200) -> Response:
        def asked(connection: Connection) -> tuple[dict[About, list[tuple[str, str]]], list[tuple[str, Figure, int]]]:
            of = self._tellable(connection, visit)
            known = figures.known_on(connection, day_of(self._world.now_ms()))
            names = {(about, id_): name for about, some in of.items() for id_, name in some}
            return of, [(names[about, id_], figure, value) for (about, id_, figure), value in known.items() if (about, id_) in names]

        of, known = await self._world.ask(asked)
        return self._world.render(
            request, visit, "reports/figures.html", status, said=said, of=of, known=sorted(known, key=lambda one: (order(one[0]), one[1])),
            allowed=tuple(Figure), since=(day_of(self._world.now_ms()) - timedelta(days=1)).isoformat(),
            count=_counting_in(visit.language), most=figures.MOST,
        )  # fmt: skip

    def _tellable(self, connection: Connection, visit: Visit) -> dict[About, list[tuple[str, str]]]:
        """Of what somebody may tell figures: ids and names, by name."""
        known = reach.offices(connection)
        part = reach.offices_of(known, visit.account)
        units = [] if visit.account.org is not None else list(part.units.values())
        mine = {one.id for one in reach.reporting(known, visit.account)}
        whose = [one for one in part.organisations.values() if coverage.reports_on(known.organisations, one.id) in mine]
        return {
            About.UNIT: sorted(((one.id, one.name) for one in units), key=lambda one: order(one[1])),
            About.ORGANISATION: sorted(((one.id, one.name) for one in whose), key=lambda one: order(one[1])),
        }

    async def keep(self, request: Request, visit: Visit) -> Response:
        form = await form_of(request, visit)
        about, _, subject = form.get("about", "").partition(":")
        value = form.get("value", "").strip()

        def kept(connection: Connection) -> str:
            """What is wrong with it; empty: it is kept."""
            try:
                told = Told(
                    About(about), subject, Figure(form.get("figure", "")), date.fromisoformat(form.get("since", "")),
                    figures.whole(value) if value else None, self._world.now_ms(), visit.account.id,
                )  # fmt: skip
            except ValueError:
                return "wrong"
            if subject not in dict(self._tellable(connection, visit).get(told.about, [])):
                raise Refused(403)
            try:
                with database.transaction(connection, self._world.layout.register):
                    figures.keep(connection, [told])
            except figures.TooMany:
                return "above"
            return ""

        if wrong := await self._world.ask(kept):
            return await self._figures(request, visit, wrong, 400)
        self._surveys.forget()
        return RedirectResponse(f"/{visit.language}/reports/figures?done=kept", 303)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0


def _printable(text: str) -> str:
    return "".join(char for char in text.strip() if char.isprintable())[:_SIGN_CHARACTERS]


def _download(document: Document, made_ms: int, suffix: str, preparer: Preparer) -> Response:
    writing = _WRITING[suffix]
    headers = {"content-disposition": f'attachment; filename="{document.name}.{suffix}"', "cache-control": "no-store"}
    return Response(writing.write(document, made_ms, preparer), media_type=writing.MEDIA_TYPE, headers=headers)


def _unit_name(survey: Survey, unit: str | None) -> str:
    found = survey.units.get(unit or "")
    return found.name if found is not None else ""


_Drawn = tuple[Share, Markup, str | None]


def _percent(share: Share, language: Language) -> str | None:
    text = None if share.percent is None else f"{share.percent:.1f} %"
    return text if text is None or language == "en" else text.replace(".", ",")


def _counting_in(language: Language) -> Callable[[int], str]:
    """How a number is written in a language: by thousands."""
    return as_docx.shown if language == "vi" else "{:,}".format
