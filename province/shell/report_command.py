"""`gate-province report`: the forms, the roll-up and the week's report; made and sent in time by a service of its own."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

from edge_agent.base import logs
from edge_agent.base.console import print_json, print_line, print_table
from edge_agent.base.ending import stop_when_asked
from edge_agent.base.notify import Beat, of_this_process
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock, alone
from edge_agent.wire.keyring import day_of
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.looks.looking import ask, user
from province.records import day_counts
from province.records.day_counts import Place
from province.reports import addressees, figure_sheet, figures, making, posting, rollup, shelf
from province.reports.figures import About, Figure, Told
from province.reports.form import Document, Preparer
from province.reports.office import Office
from province.reports.shelf import Kind, Which
from province.store import database
from province.store.opened import Connection

_log = logging.getLogger(__name__)
_EPILOG = """\
examples:
  gate-province report daily /srv/gate --out reports             every form and the roll-up, of yesterday
  gate-province report daily /srv/gate --org so-y-te --day 2021-10-04 --out reports --preparer - --phone -
  gate-province report daily /srv/gate --org so-y-te --kept --out reports     as it was made and sent
  gate-province report weekly /srv/gate --out reports            the seven days until yesterday
  gate-province report silent /srv/gate                          registered places where nobody passed, those where nobody ever did first
  gate-province report figures /srv/gate --import dan-so.xlsx    population, app installs …: what no scanner knows
  gate-province report list /srv/gate                            what was made and sent, and when
  gate-province report send /srv/gate --day 2021-10-04 --org so-y-te     a letter of which nobody knows whether it arrived
  gate-province report recount /srv/gate                         the counts of days against the entries
  gate-province report serve /srv/gate                           make them before 11:00 and 16:00, and send them

A day's report counts until 24:00 in Vietnam all that is known when it is made; what scanners deliver later is in the next one. To whom
reports go by e-mail is in DIR/reports.toml (hw_docs/operators/reports.md).
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `report` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser("report", help="the daily and weekly reports", description=__doc__, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=_EPILOG, formatter_class=raw)
        made.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        return made

    for name, text in (("daily", "write a day's forms and the roll-up"), ("weekly", "write the report of seven days")):
        made = action(name, text)
        _add_day(made)
        if name == "daily":
            made.add_argument("--org", metavar="ID", help="this organisation's form alone")
            made.add_argument("--province", action="store_true", help="the roll-up alone")
        made.add_argument("--kept", action="store_true", help="as it was made in time, not counted anew")
        made.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
        made.add_argument("--format", choices=["docx", "xlsx", "both"], default="both", help="(default %(default)s)")
        made.add_argument("--preparer", default="", metavar="NAME", help="who signs, - asks; written into these files, kept nowhere")
        made.add_argument("--phone", default="", metavar="NUMBER", help="their number, - asks; the same")
    silent = action("silent", "list registered places where nobody passed")
    _add_day(silent)
    silent.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    _add_figures(action("figures", "show or tell figures that no scanner knows"))
    listing = action("list", "list what was made and sent")
    listing.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    sending = action("send", "send again what was not sent, or nobody knows of")
    sending.add_argument("--kind", choices=[str(kind) for kind in Kind], default=str(Kind.UNIT), help="(default %(default)s)")
    sending.add_argument("--org", metavar="ID", default="", help="of a unit's report")
    sending.add_argument("--day", type=_day, required=True, metavar="YYYY-MM-DD", help="the last day it counts")
    recount = action("recount", "compare the counts of days with the entries")
    recount.add_argument("--since", type=_day, metavar="YYYY-MM-DD", help="from this day on (default: the last seven)")
    recount.add_argument("--repair", action="store_true", help="put wrong counts right; only of days whose entries are all there")
    action("serve", "make and send reports in time").add_argument("--verbose", action="store_true", help="log more")


def _add_day(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--day", type=_day, metavar="YYYY-MM-DD", help="the last day counted (default: yesterday)")


def _add_figures(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--import", type=Path, dest="file", metavar="FILE", help="a table, .csv or .xlsx: a line each, a column for each figure"
    )
    for about in About:
        parser.add_argument(f"--{about}", metavar="ID", help=f"tell a figure of this {about}")
    parser.add_argument("--figure", choices=[str(one) for one in Figure], help="which")
    parser.add_argument("--value", type=int, metavar="N", help="how many; without it what was told before is taken back")
    parser.add_argument("--since", type=_day, metavar="YYYY-MM-DD", help="from this day's report on (default: today's)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")


def _day(text: str) -> date:
    return date.fromisoformat(text)


def run(args: argparse.Namespace) -> int:
    """Does what was asked."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    if args.action == "serve":
        return _serve(layout, args)
    with closing(database.connect(layout.register)) as connection:
        return _ACTIONS[args.action](layout, connection, args)


# ── files ──


def _daily(_layout: Layout, connection: Connection, args: argparse.Namespace) -> int:
    day, made_ms = args.day or _yesterday(), now_ms()
    if args.kept:
        which = Which(Kind.PROVINCE if args.province else Kind.UNIT, args.org or "", day)
        return _write_kept(connection, which, args)
    known = making.survey(connection, day, made_ms)
    if args.org:
        documents = [making.of_organisation(known, args.org)]
    else:
        documents = [] if args.province else [making.of_organisation(known, one.id) for one in making.reporting(known)]
        documents.append(rollup.daily(known))
    return _write(documents, made_ms, args)


def _weekly(_layout: Layout, connection: Connection, args: argparse.Namespace) -> int:
    day, made_ms = args.day or _yesterday(), now_ms()
    if args.kept:
        return _write_kept(connection, Which(Kind.WEEK, "", day), args)
    return _write([making.of_week(connection, day, made_ms)], made_ms, args)


def _write_kept(connection: Connection, which: Which, args: argparse.Namespace) -> int:
    found = shelf.read(connection, which)
    if found is None:
        raise NotAProvince(f"no report {which.kind} {which.subject} of {which.day} is kept. See `gate-province report list`.")
    return _write([found[0]], found[1], args)


def _write(documents: list[Document], made_ms: int, args: argparse.Namespace) -> int:
    from province.reports import as_docx, as_xlsx  # noqa: PLC0415 - its libraries are loaded for this alone

    asked = (("Người lập biểu: ", args.preparer), ("Số điện thoại: ", args.phone))  # with - they stay out of the shell's history
    preparer = Preparer(*(ask(prompt) if given == "-" else given for prompt, given in asked))
    for document in documents:
        for suffix, writing in (("docx", as_docx), ("xlsx", as_xlsx)):
            if args.format in {suffix, "both"}:
                file = args.out / f"{document.name}.{suffix}"
                try:
                    args.out.mkdir(parents=True, exist_ok=True)
                    write_atomically(file, writing.write(document, made_ms, preparer))
                except OSError as error:
                    raise ProvinceError(f"{file}: cannot be written ({error.strerror}).") from None
                print_line(str(file))
    return 0


# ── what there is ──


def _silent(_layout: Layout, connection: Connection, args: argparse.Namespace) -> int:
    known = making.survey(connection, args.day or _yesterday(), now_ms())
    rows = []
    for site in known.silent:
        last = known.last_day.get(site.id)
        unit = known.unit_of(site)
        if args.json:
            print_json({"site": site.id, "org": site.org, "unit": unit, "last": None if last is None else last.isoformat()})
        rows.append((site.id, site.name, site.org, unit or "-", "never" if last is None else last.isoformat()))
    if not args.json:
        print_table(("site", "name", "org", "unit", "last passage"), rows)
    return 0


def _list(_layout: Layout, connection: Connection, args: argparse.Namespace) -> int:
    made = shelf.every(connection)
    if args.json:
        for one in made:
            print_json({
                "kind": str(one.which.kind), "org": one.which.subject, "day": one.which.day.isoformat(), "made_ms": one.made_ms,
                "late": one.is_late, "sent": one.sent, "waiting": one.waiting, "unsure": one.unsure,
            })  # fmt: skip
        return 0
    rows = [
        (
            str(one.which.kind), one.which.subject or "-", one.which.day.isoformat(), shown(one.made_ms) + (" late" if one.is_late else ""),
            str(one.sent), str(one.waiting), str(one.unsure),
        )
        for one in made
    ]  # fmt: skip
    print_table(("report", "org", "day", "made", "sent to", "waiting", "nobody knows"), rows)
    return 0


def _send(layout: Layout, connection: Connection, args: argparse.Namespace) -> int:
    which = Which(Kind(args.kind), args.org, args.day)
    count = posting.send_again(connection, layout.register, which, now_ms())
    if not count:
        raise NotAProvince(f"report {args.kind} {args.org} of {args.day}: nothing to send: it was taken, or goes to nobody.")
    print_line(f"Sent again to {count}, as soon as `gate-province report serve` runs.")
    return 0


# ── figures ──


def _figures(layout: Layout, connection: Connection, args: argparse.Namespace) -> int:
    named = [(about, value) for about in About if (value := getattr(args, str(about))) is not None]
    day = args.since or day_of(now_ms())
    if args.file is not None:
        found = figure_sheet.read(args.file, _known(connection))
        told = [Told(about, id_, figure, day, value, now_ms(), user()) for about, id_, figure, value in found]
    elif named and args.figure:
        told = [_told(connection, named, args, day)]
    elif named or args.figure or args.value is not None:
        raise NotAProvince("to tell a figure give one of --unit, --organisation and --site, --figure, and --value.")
    else:
        return _show_figures(connection, args)
    with database.transaction(connection, layout.register):
        figures.keep(connection, told)
    print_line(f"Kept {len(told)} figures, for reports from {day} on.")
    return 0


def _told(connection: Connection, named: list[tuple[About, str]], args: argparse.Namespace, day: date) -> Told:
    (about, id_), *more = named
    if more or id_ not in _known(connection)[about]:
        raise NotAProvince(f"--{about} {id_!r}: " + ("give one of --unit, --organisation and --site." if more else "is not registered."))
    try:
        return Told(about, id_, Figure(args.figure), day, args.value, now_ms(), user())
    except ValueError as error:
        raise NotAProvince(f"--figure {error}.") from None


def _known(connection: Connection) -> Mapping[About, Mapping[str, str]]:
    known = making.registry(connection)
    return {
        About.UNIT: {one.id: one.name for one in known.units.values()},
        About.ORGANISATION: {one.id: one.name for one in known.organisations.values()},
        About.SITE: {one.id: one.name for one in known.sites.values()},
    }


def _show_figures(connection: Connection, args: argparse.Namespace) -> int:
    known = sorted(figures.known_on(connection, day_of(now_ms())).items())
    if args.json:
        for (about, id_, figure), value in known:
            print_json({"about": str(about), "id": id_, "figure": str(figure), "value": value})
        return 0
    print_table(("about", "id", "figure", "value"), [(str(about), id_, str(figure), str(value)) for (about, id_, figure), value in known])
    return 0


# ── counts, and the service ──


def _recount(layout: Layout, connection: Connection, args: argparse.Namespace) -> int:
    since = args.since or day_of(now_ms()) - timedelta(days=7)
    with ExitStack() as stack:
        if args.repair:
            stack.enter_context(alone(layout.recount_lock))  # of two at once each would add what is lacking
        with database.as_one(connection, layout.register):
            lacking, there = day_counts.drift(connection, since), day_counts.kept(connection, since)
        _tell_wrong(lacking, there)
        if not lacking:
            print_line(f"Right: {len(there)} counts since {since} are what the entries come to.")
        elif not args.repair:
            raise ProvinceError(f"{len(lacking)} counts are not what the entries come to. If no day since {since} is closed: --repair.")
        else:
            print_line(f"Put right: {_put_right(layout, connection, lacking)} counts.")
    return 0


def _tell_wrong(lacking: Mapping[Place, tuple[int, ...]], there: Mapping[Place, tuple[int, ...]]) -> None:
    for place, more in sorted(lacking.items())[:20]:
        kept = there.get(place, (0,) * len(more))
        found = tuple(a + b for a, b in zip(kept, more, strict=True))
        print_line(f"{place.day} {place.org} {place.site}: kept {kept}, entries {found}")


def _put_right(layout: Layout, connection: Connection, lacking: Mapping[Place, tuple[int, ...]]) -> int:
    """A day a transaction: whoever registers entries waits for no more than that."""
    count = 0
    for _day, places in groupby(sorted(lacking), key=lambda place: place.day):
        with database.transaction(connection, layout.register):
            count += day_counts.put_right(connection, {place: lacking[place] for place in places})
    return count


def _serve(layout: Layout, args: argparse.Namespace) -> int:
    logs.configure(verbose=args.verbose)
    known = addressees.read(layout.reports_mail)
    try:
        lock = ProcessLock(layout.reports_lock, "gate-province report serve")
    except (AlreadyRunning, OSError) as error:
        raise ProvinceError(f"{error}.") from None
    with lock:
        beat = Beat(of_this_process())
        office = Office(layout, known, now_ms, beat)

        def stop() -> None:
            beat.notifier.stopping()
            office.stop()

        stop_when_asked(stop)
        beat.notifier.ready(f"makes reports for {len(known)} addressees")
        _log.info("makes reports; %d addressees in %s", len(known), layout.reports_mail.name)
        office.work()
    _log.info("stopped")
    return 0


def _yesterday() -> date:
    return day_of(now_ms()) - timedelta(days=1)


_ACTIONS: Mapping[str, Callable[[Layout, Connection, argparse.Namespace], int]] = {
    "daily": _daily, "weekly": _weekly, "silent": _silent, "list": _list, "send": _send, "figures": _figures, "recount": _recount,
}  # fmt: skip
