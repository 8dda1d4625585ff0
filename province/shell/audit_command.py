"""`gate-province audit`: checks and shows the log of every unmasked look, and adds officers who look along."""

from __future__ import annotations

import argparse
import re
from contextlib import closing
from pathlib import Path

from edge_agent.base.console import print_json, print_line, print_table
from province.base.clock import now_ms, shown
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.looks import looking
from province.records import audit, audit_check, auditors
from province.records.audit import OFFICER_ADDED, OFFICER_REPLACED, HeadNotNoted, Line
from province.store import database

_EXPECTED = re.compile(r"(\d{1,12}):([0-9a-f]{64})")
_EPILOG = """\
examples:
  gate-province audit verify /srv/gate                     exit code 1 when a line is missing, changed or not the newest
  gate-province audit verify /srv/gate --expect 120:3f…    and line 120 is still the one that was noted on paper
  gate-province audit list /srv/gate --limit 20
  gate-province audit list /srv/gate --about               asks for a number: who looked for this person?
  gate-province audit officer /srv/gate nguyen.an          a key for an officer who looks along; they type a passphrase of their own
  gate-province audit officer /srv/gate nguyen.an --replace    their key or passphrase is lost; `verify` names such lines

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
            each.add_argument("--replace", action="store_true", help="another key for an officer whose key or passphrase is lost")
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
        return _officer(layout, args.name, replace=args.replace)
    return _verify(layout, args) if args.action == "verify" else _list(layout, args)


def _verify(layout: Layout, args: argparse.Namespace) -> int:
    expected = None
    if args.expect is not None:
        match = _EXPECTED.fullmatch(args.expect)
        if match is None:
            raise NotAProvince("--expect: write NUMBER:HASH as `audit verify` prints it.")
        expected = int(match[1]), bytes.fromhex(match[2])
    with closing(database.connect(layout.register)) as connection:
        verdict = audit_check.verify(connection, Keystore(layout.keystore), expected)
        replaced = [] if verdict.problems else [line for line in audit.lines(connection) if line.action == OFFICER_REPLACED]
    if args.json:
        print_json({
            "lines": verdict.count, "head": verdict.head.hex(), "problems": list(verdict.problems),
            "replaced": [line.number for line in replaced],
        })  # fmt: skip
    else:
        for problem in verdict.problems:
            print_line(problem)
        for line in replaced:
            told = f"line {line.number}: {line.officer} gave {line.second} another key on {shown(line.at_ms)}"
            print_line(f"{told}: ask {line.second} whether it is theirs")
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


def _officer(layout: Layout, name: str, *, replace: bool) -> int:
    """Enters an officer's new key in the log, and then writes it: a key that no line names never lies about."""
    with closing(database.connect(layout.register)) as connection:
        _check_known(layout, name, known=bool(audit.public_keys(connection, auditors.check_name(name))), replace=replace)
        passphrase = looking.ask(f"passphrase for {name}, at least {auditors.PASSPHRASE_LEAST} characters: ", hidden=True)
        key, closed = auditors.generate(passphrase)
        at_ms, user, public = now_ms(), looking.user(), key.public_key().public_bytes_raw()
        action, why = (OFFICER_REPLACED, "another key for an officer") if replace else (OFFICER_ADDED, "an officer who looks along")

        def make(number: int, previous: bytes) -> Line:
            return Line(number, previous, at_ms, action, user, user, why, None, name, public)

        late: HeadNotNoted | None = None
        try:
            audit.append(connection, layout.register, Keystore(layout.keystore), make, key)
        except HeadNotNoted as error:
            late = error
        except OSError as error:
            raise ProvinceError(f"{layout.root}: the audit log cannot be written ({error.strerror}). {name} has no new key.") from None
    try:
        auditors.store(layout, name, closed)
    except OSError as error:
        raise ProvinceError(
            f"{layout.auditors}: cannot be written ({error.strerror}), but the log names {name}'s new key already. Make room, then give "
            f"them another: gate-province audit officer {layout.root} {name} --replace"
        ) from None
    print_line(
        f"{name} may look along now: --second-officer {name}. Nobody can open the key without the passphrase; it cannot be recovered."
    )
    if late is not None:
        raise ProvinceError(f"{name} is entered and has the key, but the keystore does not know of the line until the next one: {late}")
    return 0


def _check_known(layout: Layout, name: str, *, known: bool, replace: bool) -> None:
    if replace and not known:
        raise NotAProvince(f"officer {name} was never added: leave --replace out.")
    if known and not replace:
        raise AlreadyThere(
            f"officer {name} has a key already ({auditors.path(layout, name)}). If it or its passphrase is lost, say --replace: the log "
            "says so for ever, and lines signed before stay good."
        )
