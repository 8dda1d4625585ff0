"""`gate-province prove`: certifies that a scanner's day is complete, or where it is not."""

from __future__ import annotations

import argparse
from contextlib import closing
from datetime import date
from pathlib import Path

from edge_agent.base.console import print_json, print_line
from edge_agent.wire.authority import Power
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import PUBLIC, write_atomically
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.keys.officers import load_officer, read_root_public
from province.proof import certificate, proving
from province.records import views
from province.shell.entries_command import device_name
from province.store import database

_EPILOG = """\
examples:
  gate-province prove /srv/gate cho-dong-ba/cong-1 2021-10-05
  gate-province prove /srv/gate cho-dong-ba/cong-1 2021-10-05 --out cong-1-2021-10-05.txt
  gate-province prove /srv/gate --check cong-1-2021-10-05.txt         whoever has the province's root.pub can do this

Exit code 0 when the day is proved complete, 1 when it is not (or a page that is checked is not genuine). It goes by the ledger, and works
long after retention has destroyed the entries themselves.

open-end   nothing later has come from a clock that the network had set: ask again once the scanner has sent such an entry
clock      a clock that the network had set was wrong: the days around it cannot be proved
fork       two cards wrote as this scanner; from there on no day can be proved, until it is enrolled under another name
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `prove` to the command line."""
    parser = subparsers.add_parser(
        "prove",
        help="certify that a scanner's day is complete, or where it is not",
        description="Writes one signed page: whether a scanner's day is complete, or where it is not.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("device", nargs="?", metavar="ORG/NAME", help="the scanner")
    parser.add_argument("day", nargs="?", metavar="YYYY-MM-DD", help="the day, Vietnam time")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the page to this file too")
    parser.add_argument("--check", type=Path, metavar="FILE", help="check a page instead of making one")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the page")


def run(args: argparse.Namespace) -> int:
    """Certifies or checks."""
    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    if args.check is not None:
        return _check(layout, args.check)
    if args.device is None or args.day is None:
        raise NotAProvince("say which scanner and which day: gate-province prove DIR ORG/NAME YYYY-MM-DD")
    name, day, at_ms = device_name(args.device), _day(args.day), now_ms()
    with closing(database.connect(layout.register)) as connection:
        views.check_registered(connection, name)
        verdict = proving.judge(certificate.known_logs(connection, name), day)
        kept = certificate.fates(connection, name, day)
    if args.json:
        print_json(_as_json(verdict))
    destroyed = day in Keystore(layout.keystore).destroyed()
    text = certificate.page(settings.name, name, verdict, kept, destroyed=destroyed, at_ms=at_ms)
    content = certificate.signed(text, load_officer(layout, Power.RECEIPTS))
    if args.out is not None:
        try:
            write_atomically(args.out, content.encode(), PUBLIC)
        except OSError as error:
            raise ProvinceError(f"{args.out}: cannot be written ({error.strerror}). Choose another --out.") from None
    if not args.json:
        for line in content.splitlines():
            print_line(line)
    return 0 if verdict.whole else 1


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise NotAProvince(f"{text!r}: write the day as YYYY-MM-DD, such as 2021-10-05.") from None


def _check(layout: Layout, file: Path) -> int:
    try:
        text = certificate.check(file.read_text("utf-8"), read_root_public(layout))
    except (OSError, UnicodeDecodeError) as error:
        raise NotAProvince(f"{file}: cannot be read ({type(error).__name__}).") from None
    except (Malformed, Forged) as error:
        raise ProvinceError(f"{file}: NOT GENUINE: {error}.") from None
    for line in text.splitlines():
        print_line(line)
    print_line("GENUINE: signed by this province, unchanged since.")
    return 0


def _as_json(verdict: proving.DayVerdict) -> dict[str, object]:
    logs = [
        {
            "log": log.log.hex(), "first": log.first, "last": log.last, "entries": log.entries, "between": list(log.between),
            "findings": [{"flaw": str(one.flaw), "first": one.first, "last": one.last} for one in log.findings],
        }
        for log in verdict.logs
    ]  # fmt: skip
    return {"day": verdict.day, "complete": verdict.whole, "entries": verdict.entries, "logs": logs}
