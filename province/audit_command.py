"""`gate-province audit`: checks and shows the log of every unmasked look, and adds officers who look along."""

from __future__ import annotations

import argparse
import re
from contextlib import closing
from pathlib import Path

from edge_agent.console import print_json, print_line, print_table
from province import audit, auditors, database, looking
from province.audit import OFFICER_ADDED, Line
from province.clock import now_ms, shown
from province.errors import NotAProvince, ProvinceError
from province.keystore import Keystore
from province.layout import Layout

_EXPECTED = re.compile(r"(\d{1,12}):([0-9a-f]{64})")
_EPILOG = """\
examples:
  gate-province audit verify /srv/gate                     exit code 1 when a line is missing, changed or not the newest
  gate-province audit verify /srv/gate --expect 120:3f…    and line 120 is still the one that was noted on paper
  gate-province audit list /srv/gate --limit 20
  gate-province audit list /srv/gate --about               asks for a number: who looked for this person?
  gate-province audit officer /srv/gate nguyen.an          a key for an officer who looks along; they type a passphrase of their own

`verify` prints the newest line's number and hash: note it where nobody who has this machine can change it, once a week.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `audit` to the command line."""
    raw, text = argparse.RawDescriptionHelpFormatter, "Checks and shows the log of every unmasked look."
    parser = subparsers.add_parser("audit", help="the log of every unmasked look", description=text, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("verify", "check the chain"),
        ("list", "show the newest lines"),
        ("officer", "add an officer who looks along"),
    ):
        each = actions.add_parser(name, help=summary, description=text, epilog=_EPILOG, formatter_class=raw)
        each.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        if name == "officer":
            each.add_argument("name", metavar="NAME", help="lower-case letters, digits, dots, hyphens")
            continue
        each.add_argument("--json", action="store_true", help="JSON instead of text")
        if name == "verify":
            each.add_argument("--expect", metavar="NUMBER:HASH", help="a line as noted elsewhere")
        else:
            each.add_argument("--limit", type=int, default=50, help="at most so many (default 50)")
            each.add_argument("--about", action="store_true", help="only looks for one person, whose number it asks for")


def run(args: argparse.Namespace) -> int:
    """Checks, shows or adds."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    if args.action == "officer":
        return _add_officer(layout, args.name)
    return _verify(layout, args) if args.action == "verify" else _list(layout, args)


def _verify(layout: Layout, args: argparse.Namespace) -> int:
    expected = None
    if args.expect is not None:
        match = _EXPECTED.fullmatch(args.expect)
        if match is None:
            raise NotAProvince("--expect: write NUMBER:HASH as `audit verify` prints it.")
        expected = int(match[1]), bytes.fromhex(match[2])
    with closing(database.connect(layout.register)) as connection:
        verdict = audit.verify(connection, Keystore(layout.keystore), expected)
    if args.json:
        print_json({"lines": verdict.count, "head": verdict.head.hex(), "problems": list(verdict.problems)})
    else:
        for problem in verdict.problems:
            print_line(problem)
        print_line(f"{verdict.count} lines, {'NOT whole' if verdict.problems else 'whole'}. Newest: {verdict.count}:{verdict.head.hex()}")
    return 1 if verdict.problems else 0


def _list(layout: Layout, args: argparse.Namespace) -> int:
    if args.limit < 1:
        raise NotAProvince(f"--limit {args.limit}: must be at least 1.")
    with closing(database.connect(layout.register)) as connection:
        asked = looking.ask_number("-") if args.about else None
        found = list(audit.lines(connection)) if asked is None else audit.about(connection, Keystore(layout.keystore), asked)
    newest = found[-args.limit :]
    if args.json:
        for line in newest:
            print_json(_as_json(line))
        return 0
    print_table(
        ("number", "time", "officer", "second", "action", "reason"),
        [(str(line.number), shown(line.at_ms), line.officer, line.second or "-", line.action, line.reason) for line in newest],
    )
    return 0


def _as_json(line: Line) -> dict[str, object]:
    return {
        "number": line.number, "at_ms": line.at_ms, "action": line.action, "officer": line.officer, "user": line.user,
        "second": line.second, "reason": line.reason,
    }  # fmt: skip


def _add_officer(layout: Layout, name: str) -> int:
    auditors.check_name(name)
    passphrase = looking.ask(f"passphrase for {name}, at least {auditors.PASSPHRASE_LEAST} characters: ", hidden=True)
    at_ms, user = now_ms(), looking.user()
    try:
        key = auditors.add(layout, name, passphrase)
        public = key.public_key().public_bytes_raw()

        def make(number: int, previous: bytes) -> Line:
            return Line(number, previous, at_ms, OFFICER_ADDED, user, user, "an officer who looks along", None, name, public)

        try:
            with closing(database.connect(layout.register)) as connection:
                audit.append(connection, layout.register, Keystore(layout.keystore), make, key)
        except BaseException:
            auditors.path(layout, name).unlink(missing_ok=True)  # a key that no line names would be of no use
            raise
    except OSError as error:
        raise ProvinceError(f"{layout.auditors}: cannot be written ({error.strerror}).") from None
    print_line(
        f"{name} may look along now: --second-officer {name}. Nobody can open the key without the passphrase; it cannot be recovered."
    )
    return 0
