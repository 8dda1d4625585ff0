"""`gate-province quarantine`: shows what was refused, and why."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from edge_agent.base.console import print_json, print_line, print_table
from province.base.clock import shown
from province.base.layout import Layout
from province.collecting import quarantine
from province.store import database

_EPILOG = """\
examples:
  gate-province quarantine /srv/gate
  gate-province quarantine /srv/gate --json

A refused message never gets a receipt: if it was a device's own, the device keeps it and sends it again.
unknown-device    `gate-province device add` it, or find out who has its certificate
forged            the signature does not hold: a damaged device, or someone with its certificate but not its key
another-device    the header names another device than the topic
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `quarantine` to the command line."""
    parser = subparsers.add_parser(
        "quarantine",
        help="show what was refused, and why",
        description="Shows how many messages were refused for which reason, and the latest of them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("--limit", type=int, default=10, help="how many of the latest to list (default 10)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the tables")


def run(args: argparse.Namespace) -> int:
    """Shows the quarantine."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    with closing(database.connect(layout.register)) as connection:
        counts, dropped = quarantine.counts(connection), quarantine.dropped(connection)
        latest = [dict(row) for row in quarantine.latest(connection, max(0, args.limit))]
    if args.json:
        reasons = {count.reason: {"messages": count.messages, "times": count.times, "last_ms": count.last_ms} for count in counts}
        print_json({"reasons": reasons, "dropped": dropped, "latest": [{**row, "sha256": row["sha256"].hex()} for row in latest]})
        return 0
    print_table(
        ("reason", "messages", "times", "last"),
        [(count.reason, str(count.messages), str(count.times), shown(count.last_ms)) for count in counts],
    )
    for row in latest:
        print_line(f"{shown(row['last_ms'])}  {row['topic']}  {row['reason']}: {row['detail']} ({row['size']} bytes, {row['times']} times)")
    if dropped:
        print_line(f"{dropped} older messages were dropped to make room.")
    return 0
