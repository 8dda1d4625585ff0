"""`gate-province subject`: what is kept of one person: shown, handed out to them, or erased."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

from edge_agent.base.console import print_json, print_line, print_table
from firmware.person_codes.masking import mask_name, mask_number
from province.base.clock import now_ms
from province.base.errors import AlreadyThere, ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.looks import looking
from province.looks.subjects import Held, Subject, unopened
from province.shell.find_command import as_json, shown_when
from province.store.opened import Connection

_EPILOG = """\
examples:
  gate-province subject lookup /srv/gate --reason "request 88/2021"             asks for the number; people masked
  gate-province subject lookup /srv/gate --reason "case 2021/117" --unmask --second-officer nguyen.an
  gate-province subject export /srv/gate --reason "request 88/2021" --out /media/usb/export.json
  gate-province subject erase /srv/gate --reason "request 88/2021"              says what would go
  gate-province subject erase /srv/gate --reason "request 88/2021" --yes        and does it

The number may be an id number, old id, phone or card number; passages under the same person's other codes are found by id number and old
id. What somebody told by name and phone alone, as at a check-in page, is never taken for that of a number: look by the phone for it, which
leads to nobody where several people, or several ways to write a name, have it.
Only days whose keys still exist can be looked at; older ones are closed for everybody.

Erasing clears body and tokens; that somebody passed stays, so that chain and counts are right. What was erased is noted in the keystore,
and erased again when an older register is restored. Copies elsewhere (backups, a scanner's outbox) are closed when their day's keys are
destroyed. Every look is in the audit log before it is made.
"""


_NOT_BY_NAME = (
    "Check-ins by name and phone alone are not among these: they may be another's of the family. Look by the phone too; what cannot be "
    "told apart there goes when its day's keys are destroyed."
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `subject` to the command line."""
    raw, text = argparse.RawDescriptionHelpFormatter, "Shows, hands out or erases what is kept of one person."
    parser = subparsers.add_parser("subject", help="what is kept of one person", description=text, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    parsers = {
        name: actions.add_parser(name, help=summary, description=text, epilog=_EPILOG, formatter_class=raw)
        for name, summary in (
            ("lookup", "show the passages"),
            ("export", "write all of it to a file for them"),
            ("erase", "erase all of it"),
        )
    }
    for each in parsers.values():
        looking.add_arguments(each)
    parsers["lookup"].add_argument("--unmask", action="store_true", help="show name and number in full")
    parsers["lookup"].add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parsers["export"].add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write, readable for you alone")
    parsers["erase"].add_argument("--yes", action="store_true", help="erase; without it only say what would go")


def run(args: argparse.Namespace) -> int:
    """Looks, hands out or erases."""
    with looking.entered(args, f"subject-{_action(args)}") as look:
        subject = Subject(look.connection, look.keystore, look.number)
        if args.action == "lookup":
            _show(subject, unmask=args.unmask, as_json_object=args.json)
        elif args.action == "export":
            _export(subject, args.out)
        else:
            _erase(subject, look.layout, really=args.yes)
        quiet = args.action == "lookup" and args.json
        if not subject.held and not quiet:
            print_line("Nothing is found under this number on the days that can still be read. Was it typed right?")
        if subject.is_numbered and not quiet:
            print_line(_NOT_BY_NAME)
        _tell_unopened(look.connection, quiet=quiet)
    return 0


def _action(args: argparse.Namespace) -> str:
    """What the audit log calls it."""
    if args.action == "lookup":
        return "lookup-unmasked" if args.unmask else "lookup"
    return "erase-planned" if args.action == "erase" and not args.yes else str(args.action)


def _person(one: Held, *, unmask: bool) -> tuple[str, str]:
    person = one.body.person
    return (person.name, person.id_number) if unmask else (mask_name(person.name), mask_number(person.id_number))


def _show(subject: Subject, *, unmask: bool, as_json_object: bool) -> None:
    if as_json_object:
        passages = []
        for one in subject.held:
            name, number = _person(one, unmask=unmask)
            passages.append({**as_json(one.found), "name": name, "id_number": number})
        print_json({"count": len(passages), "passages": passages})
        return
    print_line(f"{len(subject.held)} passages")
    rows = [
        (shown_when(one.found), one.found.site, one.found.gate, one.found.direction, *_person(one, unmask=unmask)) for one in subject.held
    ]
    if rows:
        print_table(("time", "site", "gate", "direction", "person", "number"), rows)


def _export(subject: Subject, out: Path) -> None:
    passages = [{**as_json(one.found), **asdict(one.body)} for one in subject.held]
    content = {"format": "gate-scanner-subject/1", "made_ms": now_ms(), "passages": passages}
    try:
        os.close(os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # claims the name
        write_atomically(out, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())
    except FileExistsError:
        raise AlreadyThere(f"{out}: exists; an export is never overwritten. Choose another --out.") from None
    except OSError as error:
        raise ProvinceError(f"{out}: cannot be written ({error.strerror}). Choose another --out.") from None
    print_line(f"{len(passages)} passages written to {out}: hand it over and delete it.")


def _erase(subject: Subject, layout: Layout, *, really: bool) -> None:
    if not really:
        print_line(f"{len(subject.held)} passages would be erased. Nothing was; say --yes.")
        return
    try:
        erased = subject.erase(layout.register, now_ms())
    except OSError as error:
        raise ProvinceError(f"{layout.keystore}: cannot be written ({error.strerror}); nothing was erased.") from None
    if erased < len(subject.held):
        raise ProvinceError(f"{layout.register}: only {erased} of {len(subject.held)} passages are erased. Do it again.")
    print_line(f"{erased} passages erased.")


def _tell_unopened(connection: Connection, *, quiet: bool) -> None:
    if not quiet and (count := unopened(connection)):
        print_line(f"{count} held entries are not looked at: whose they are shows only when they are opened (gate-province held open).")
