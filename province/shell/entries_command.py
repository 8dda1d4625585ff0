"""`gate-province entries`: shows passages, people masked."""

from __future__ import annotations

import argparse
from contextlib import closing
from datetime import date
from pathlib import Path

from edge_agent.base.console import print_json, print_table
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import erasures, views

_EPILOG = """\
examples:
  gate-province entries /srv/gate --limit 20
  gate-province entries /srv/gate --device cho-dong-ba/cong-1 --day 2021-10-05 --json

People are shown the way the health ministry's site does: Nguyễn Văn ***, 0123456 ***. Vietnam time, the device's own or
as a later entry of its boot corrected it; with ? while nobody knows whether it is right. dated-ahead: it claims to be of after it came.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `entries` to the command line."""
    parser = subparsers.add_parser(
        "entries",
        help="show passages, masked",
        description="Shows the latest passages, newest last, people masked.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("--device", metavar="ORG/NAME", help="of this scanner only")
    parser.add_argument("--day", metavar="YYYY-MM-DD", help="of this day only, Vietnam time")
    parser.add_argument("--limit", type=int, default=50, help="at most so many (default 50)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")


def device_name(text: str) -> DeviceName:
    """Takes ORG/NAME apart.

    Raises:
        NotAProvince: it is not of that form.
    """
    org, _, device = text.partition("/")
    try:
        return DeviceName(org, device)
    except ValueError as error:
        raise NotAProvince(f"--device {text!r}: write it as ORG/NAME ({error}).") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotAProvince(f"--day {text!r}: write it as YYYY-MM-DD, such as 2021-10-05.") from None


def run(args: argparse.Namespace) -> int:
    """Shows the passages."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    if args.limit < 1:
        raise NotAProvince(f"--limit {args.limit}: must be at least 1.")
    device, day = (None if args.device is None else device_name(args.device)), (None if args.day is None else _day(args.day))
    keystore = Keystore(layout.keystore)
    with closing(erasures.connect(layout, keystore, now_ms())) as connection:
        if device is not None:
            views.check_registered(connection, device)
        found = views.entries(connection, keystore, args.limit, device, day)
    if args.json:
        for entry in found:
            print_json(_as_json(entry))
    else:
        print_table(("time", "device", "gate", "direction", "person", "number", "status"), [_as_row(entry) for entry in found])
    return 0


def _as_json(entry: views.ShownEntry) -> dict[str, object]:
    return {
        "org": entry.name.org, "device": entry.name.device, "log": entry.log.hex(), "seq": entry.seq, "kind": entry.kind,
        "site": entry.site, "gate": entry.gate, "direction": entry.direction, "wall_ms": entry.wall_ms,
        "corrected_ms": entry.corrected_ms, "clock": entry.clock,
        "name": entry.person[0] if entry.person else None, "id_number": entry.person[1] if entry.person else None,
        "status": entry.status, "note": entry.note, "forked": entry.forked, "dated_ahead": entry.dated_ahead,
    }  # fmt: skip


def _as_row(entry: views.ShownEntry) -> tuple[str, ...]:
    status = " ".join(filter(None, (entry.status, entry.note, "fork" if entry.forked else "", "dated-ahead" if entry.dated_ahead else "")))
    name, number = entry.person or ("-", "-")
    at_ms = entry.wall_ms if entry.corrected_ms is None else entry.corrected_ms
    doubt = " ?" if entry.corrected_ms is None and entry.clock == "unknown" else ""
    return shown(at_ms) + doubt, str(entry.name), entry.gate or "-", entry.direction or "-", name, number, status
