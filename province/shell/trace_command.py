"""`gate-province trace`: a case (F0): where the person was, and who shared air with them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from edge_agent.base.console import print_json, print_line, print_table
from firmware.person_codes.masking import mask_number
from province.base.clock import now_ms, shown
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.looks import looking
from province.records import erasures
from province.tracing import gaps, notices, paper_report, rules, sheets
from province.tracing.approving import CLI
from province.tracing.cases import Case
from province.tracing.desk import Desk, Report, because
from province.tracing.notices import minutes_of, notes_of_contact, notes_of_visit
from province.tracing.words import WORDS

_DAYS_MOST = 60
_EPILOG = """\
examples:
  gate-province trace open /srv/gate --reason "case 2021/117"          asks for the number: id, old id, passport, phone or card
  gate-province trace approve /srv/gate 3 --second-officer nguyen.an   where tracing.toml says second_officer = true
  gate-province trace list /srv/gate
  gate-province trace show /srv/gate 3                                 places, times and contacts
  gate-province trace export /srv/gate 3 --out /media/usb/case-3.xlsx  or .pdf; .csv is the list of notices by district
  gate-province trace close /srv/gate 3                                for good: whom it was about is forgotten

Whoever's stay at the same place or on the same trip overlaps is a contact. A stay without an exit ends at the length assumed for its kind
of place, or with the trip, and is marked. Lengths, window and approval are the province's: DIR/tracing.toml. Each look is in the audit log
before it is made. A case can be read as long as the keys of its first day exist.
"""
_ACTIONS = {
    "open": "open a case", "approve": "let another officer's case be looked at", "list": "show the cases, numbers masked",
    "show": "show places and contacts", "export": "write them to a file", "close": "close a case for good",
}  # fmt: skip
_MAKERS: Mapping[str, Callable[[Report, Mapping[str, str]], bytes]] = {
    ".xlsx": sheets.workbook, ".pdf": paper_report.draw, ".csv": notices.as_csv,
}  # fmt: skip


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `trace` to the command line."""
    raw, text = argparse.RawDescriptionHelpFormatter, "Traces a case: where the person was, and who shared air with them."
    parser = subparsers.add_parser("trace", help="trace a case", description=text, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in _ACTIONS.items():
        each = actions.add_parser(name, help=summary, description=text, epilog=_EPILOG, formatter_class=raw)
        each.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        if name == "open":
            looking.add_subject(each)
            each.add_argument("--days", type=int, metavar="N", help="full days before today (default: as tracing.toml says, 21)")
        elif name != "list":
            each.add_argument("case", type=int, metavar="CASE", help="its number")
        if name != "list":
            looking.add_officers(each)
        if name in {"list", "show"}:
            each.add_argument("--json", action="store_true", help="JSON instead of tables")
        if name == "export":
            each.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write, .xlsx, .pdf or .csv")
            each.add_argument("--language", choices=("vi", "en"), default="vi", help="of the file (default %(default)s)")


@contextmanager
def _desk(folder: Path) -> Iterator[Desk]:
    layout = Layout(folder.absolute())
    layout.read_settings()
    laid_down, keystore, at_ms = rules.read(layout.tracing_rules), Keystore(layout.keystore), now_ms()
    with closing(erasures.connect(layout, keystore, at_ms)) as connection:
        yield Desk(layout, keystore, connection, laid_down, at_ms, CLI)


def run(args: argparse.Namespace) -> int:
    """Opens, approves, lists, shows, exports or closes."""
    with _desk(args.folder) as desk:
        if args.action == "list":
            found = list(desk.latest())
            _list(found, desk.officers(found), as_json_object=args.json)
        elif args.action == "open":
            _open(desk, args)
        else:
            _go_on(desk, args)
    return 0


def _open(desk: Desk, args: argparse.Namespace) -> None:
    if args.days is not None and not 1 <= args.days <= _DAYS_MOST:
        raise NotAProvince(f"--days {args.days}: must be 1 to {_DAYS_MOST}.")
    number = looking.ask_number(args.id)
    who = looking.looker(args, desk.layout, looking.check_reason(args.reason, number))
    case = desk.open(who, number, args.days)
    waits = " It waits for a second officer: gate-province trace approve." if str(case.state) == "waiting" else ""
    print_line(f"Case {case.id} is {case.state}.{waits or f' See it: gate-province trace show {args.folder} {case.id}'}")


def _go_on(desk: Desk, args: argparse.Namespace) -> None:
    case = desk.find(args.case)
    if args.action == "approve" and args.second_officer is None:
        raise NotAProvince("trace approve: name who approves with --second-officer; they type their passphrase.")
    if args.action == "export":
        _check_out(args.out)
    who = looking.looker(args, desk.layout, because(case, "").reason)
    if args.action == "approve":
        desk.approve(who, case)
        print_line(f"Case {case.id} is open.")
    elif args.action == "close":
        desk.close(who, case)
        print_line(f"Case {case.id} is closed; whom it was about is forgotten.")
    elif args.action == "show":
        report = desk.report(who, case)
        if args.json:
            print_json(as_json(report))
        else:
            _show(report)
    else:
        _export(desk.report(who, case, "trace-export"), args.out, WORDS[args.language])


def _list(found: list[Case], officers: Mapping[str, str], *, as_json_object: bool) -> None:
    if as_json_object:
        for one in found:
            details = one.details
            print_json({
                "case": one.id, "state": str(one.state), "opened_ms": one.opened_ms, "approved_ms": one.approved_ms,
                "closed_ms": one.closed_ms, "number": details and mask_number(details.number), "reason": details and details.reason,
                "opened_by": details and details.opened_by,
            })  # fmt: skip
        return
    told = [
        (mask_number(each.number), officers[each.opened_by], each.reason) if (each := one.details) else ("-", "-", "-") for one in found
    ]
    rows = [(str(one.id), str(one.state), shown(one.opened_ms), *each) for one, each in zip(found, told, strict=True)]
    print_table(("case", "state", "opened", "number", "by", "reason"), rows)


def _show(report: Report) -> None:
    said, about = WORDS["en"], report.movements.about
    for name, value in sheets.facts(report, said):
        print_line(f"{name}: {value}")
    for text in gaps.told(report.gaps, said):
        print_line(f"! {text}")
    visits = [
        (notices.shown(one.stay.begin_ms), notices.shown(one.stay.end_ms), one.about.name, one.about.district or "-",
         str(minutes_of(one.stay)), notes_of_visit(one, said))
        for one in report.movements.visits
    ]  # fmt: skip
    print_line(f"{len(visits)} stays")
    if visits:
        print_table(("from", "until", "place", "district", "minutes", "notes"), visits)
    met = [
        (str(one.minutes), one.person.name, one.person.id_number, one.person.phone or "-",
         ", ".join(sorted({about[place].name for place in one.places})), notes_of_contact(one, said))
        for one in report.contacts.found
    ]  # fmt: skip
    print_line(f"{len(met)} contacts")
    if met:
        print_table(("minutes", "name", "number", "phone", "places", "notes"), met)
    for place, count in report.contacts.unnamed.items():
        print_line(said["unnamed"].format(count=count, place=about[place].name))


def as_json(report: Report) -> dict[str, object]:
    """All of a case, in full."""
    return {
        "case": report.case.id,
        "window_ms": report.movements.window_ms,
        "unread": {"days": [f"{day}" for day in report.gaps.days], "held": report.gaps.held, "unopened": report.gaps.unopened},
        "alike": report.gaps.alike,
        "visits": [
            {"org": one.place.org, "site": one.place.site, "category": one.about.category, "district": one.about.district,
             "trip": one.stay.trip, "begin_ms": one.stay.begin_ms, "end_ms": one.stay.end_ms, "assumed": one.stay.is_assumed,
             "unsure": one.stay.is_unsure, "forked": one.stay.is_forked}
            for one in report.movements.visits
        ],
        "contacts": [
            {"name": one.person.name, "id_number": one.person.id_number, "phone": one.person.phone, "minutes": one.minutes,
             "encounters": [
                 {"org": met.place.org, "site": met.place.site, "trip": met.theirs.trip, "begin_ms": met.begin_ms, "end_ms": met.end_ms,
                  "assumed": met.is_assumed, "unsure": met.is_unsure}
                 for met in one.encounters
             ]}
            for one in report.contacts.found
        ],
        "unnamed": [{"org": place.org, "site": place.site, "people": count} for place, count in report.contacts.unnamed.items()],
    }  # fmt: skip


def _check_out(out: Path) -> None:
    if out.suffix not in _MAKERS:
        raise NotAProvince(f"--out {out}: must end in {', '.join(_MAKERS)}.")
    if out.exists():
        raise AlreadyThere(f"{out}: exists; an export is never overwritten. Choose another --out.")


def _export(report: Report, out: Path, said: Mapping[str, str]) -> None:
    content = _MAKERS[out.suffix](report, said)
    try:
        os.close(os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # claims the name
        try:
            write_atomically(out, content)
        except BaseException:
            with suppress(OSError):  # what went wrong first is what to tell
                if not out.stat().st_size:  # claimed, and nothing in it
                    out.unlink()
            raise
    except FileExistsError:
        raise AlreadyThere(f"{out}: exists; an export is never overwritten. Choose another --out.") from None
    except OSError as error:
        raise ProvinceError(f"{out}: cannot be written ({error.strerror}). Choose another --out.") from None
    print_line(f"{len(report.contacts.found)} contacts written to {out}: hand it over and delete it.")
