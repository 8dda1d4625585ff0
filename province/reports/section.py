"""The pages of reports: where nobody scans first, then how far each part has come, the reports made, and figures to type in."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import date, timedelta

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edge_agent.wire.keyring import day_of
from province.accounts.account import Role
from province.base.errors import NotAProvince
from province.registry.categories import Category, named
from province.reports import as_docx, as_xlsx, charts, coverage, figures, making, reach, rollup, shelf
from province.reports.counting import Survey
from province.reports.coverage import Coverage, Share
from province.reports.figures import About, Figure, Told
from province.reports.form import NOBODY, Document, Preparer
from province.reports.rollup import percent
from province.reports.shelf import Kind, Made, Which
from province.reports.wording import clock, order, shown
from province.reports.words import WORDS
from province.store import database
from province.store.opened import Connection
from province.web.forms import form_of
from province.web.guard import Refused
from province.web.section import MenuItem, Page, Section, Visit
from province.web.world import World

ROLES = frozenset({Role.REPORTER, Role.ADMIN})
_SILENT_A_PAGE = 50
_KEPT_MS, _KEPT_MOST = 60_000, 4
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
        menu=(MenuItem("/reports", "menu", ROLES),),
    )  # fmt: skip


class _Surveys:
    """The province on the days that are looked at now, counted at most once a minute."""

    def __init__(self) -> None:
        self._found: OrderedDict[date, Survey] = OrderedDict()
        self._lock = threading.Lock()

    def on(self, connection: Connection, day: date, now_ms: int) -> Survey:
        with self._lock:  # who comes meanwhile waits for it rather than count it too
            known = self._found.get(day)
            if known is None or now_ms - known.asked_ms > _KEPT_MS:
                known = self._found[day] = making.survey(connection, day, now_ms)
                self._found.move_to_end(day)
                while len(self._found) > _KEPT_MOST:
                    self._found.popitem(last=False)
            return known

    def forget(self) -> None:
        with self._lock:
            self._found.clear()


class _Desk:
    def __init__(self, world: World) -> None:
        self._world, self._surveys = world, _Surveys()

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
        words = WORDS[visit.language]
        return self._world.render(
            request, visit, "reports/progress.html", day=survey.day.isoformat(), wrong=wrong, whole=whole, count=_count,
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
                ("share.scanning", _share(whole.scanning)), ("share.places", _share(whole.places)),
                ("share.people", _share(whole.installs)), ("share.agencies", _share(coverage.agencies(survey))),
            ],
            tables=[
                ("by.unit", "unit", [_row(one.name or words["nowhere"], one) for one in coverage.by_unit(survey)]),
                ("by.category", "category", [_row(named(Category(one.id), visit.language), one) for one in coverage.by_category(survey)]),
            ],
        )  # fmt: skip

    async def _survey(self, visit: Visit, day: date) -> Survey:
        def counted(connection: Connection) -> Survey:
            return reach.part_of(self._surveys.on(connection, day, self._world.now_ms()), visit.account)

        found: Survey = await self._world.ask(counted)
        return found

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
        day = day_of(self._world.now_ms()) - timedelta(days=1)
        survey = self._surveys.on(connection, day, self._world.now_ms())
        return {one.id: one.name for one in reach.reporting(survey, visit.account)}

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

        def made(connection: Connection) -> Response:
            subject = whose if whose not in {"province", "week"} else ""
            if not self._may_read(connection, visit, subject):
                raise Refused(403)
            now_ms = self._world.now_ms()
            try:
                document = self._fresh(connection, whose, date.fromisoformat(form.get("day", "")), now_ms)
            except (ValueError, NotAProvince):
                raise Refused(400) from None
            return _download(document, now_ms, suffix, preparer)

        answer: Response = await self._world.ask(made)
        return answer

    def _fresh(self, connection: Connection, whose: str, day: date, now_ms: int) -> Document:
        if whose == "week":
            return making.of_week(connection, day, now_ms)
        survey = making.survey(connection, day, now_ms)
        return rollup.daily(survey) if whose == "province" else making.of_organisation(survey, whose)

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
            allowed=tuple(Figure), today=day_of(self._world.now_ms()).isoformat(), count=_count, most=figures.MOST,
        )  # fmt: skip

    def _tellable(self, connection: Connection, visit: Visit) -> dict[About, list[tuple[str, str]]]:
        """Of what somebody may tell figures: ids and names, by name."""
        day = day_of(self._world.now_ms()) - timedelta(days=1)
        survey = reach.part_of(self._surveys.on(connection, day, self._world.now_ms()), visit.account)
        units = [] if visit.account.org is not None else list(survey.units.values())
        mine = {one.id for one in reach.reporting(survey, visit.account)}
        whose = [one for one in survey.organisations.values() if coverage.reports_on(survey, one.id) in mine]
        return {
            About.UNIT: sorted(((one.id, one.name) for one in units), key=lambda one: order(one[1])),
            About.ORGANISATION: sorted(((one.id, one.name) for one in whose), key=lambda one: order(one[1])),
        }

    async def keep(self, request: Request, visit: Visit) -> Response:
        form = await form_of(request, visit)
        about, _, subject = form.get("about", "").partition(":")
        value = form.get("value", "").strip().replace(".", "")

        def kept(connection: Connection) -> bool:
            try:
                told = Told(
                    About(about), subject, Figure(form.get("figure", "")), date.fromisoformat(form.get("since", "")),
                    _whole(value) if value else None, self._world.now_ms(), visit.account.id,
                )  # fmt: skip
            except ValueError:
                return False
            if subject not in dict(self._tellable(connection, visit).get(told.about, [])):
                raise Refused(403)
            with database.transaction(connection, self._world.layout.register):
                figures.keep(connection, [told])
            return True

        if not await self._world.ask(kept):
            return await self._figures(request, visit, "wrong", 400)
        self._surveys.forget()
        return RedirectResponse(f"/{visit.language}/reports/figures?done=kept", 303)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(figures.MOST))):
        raise ValueError("no whole number")
    return int(text)


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


def _share(share: Share) -> _Drawn:
    return share, Markup(charts.bar(share)), percent(share)  # noqa: S704 - our own numbers alone


def _row(name: str, one: Coverage) -> tuple[str, Coverage, _Drawn, _Drawn, _Drawn]:
    return name, one, _share(one.scanning), _share(one.places), _share(one.installs)


def _count(value: int) -> str:
    return as_docx.shown(value)
