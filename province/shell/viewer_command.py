"""`gate-province viewer`: lets an organisation's own tools read its devices' health, and takes that back."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

from edge_agent.base.console import print_line
from edge_agent.wire.topics import discovery_prefix
from province.base.clock import now_ms
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.trust import revoking, viewers

_EPILOG = """\
examples:
  gate-province viewer add /srv/gate bus-co --out /media/usb/bus-co       certificate, key and authority for Home Assistant or Telegraf
  gate-province viewer revoke /srv/gate bus-co                            whoever has them is let in no more

hw_docs/operators says how the tools are set up with them.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `viewer` to the command line."""
    parser = subparsers.add_parser(
        "viewer", help="let an organisation's own tools read its scanners' health", description=__doc__, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("what", choices=("add", "revoke"), help="what to do")
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("org", metavar="ORG", help="the organisation")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="add: where the three files go; made, must not exist")
    parser.add_argument("--days", type=int, default=731, metavar="N", help="add: how long it holds (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Adds or revokes; 0 when it is done."""
    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    if args.what == "revoke":
        marked = viewers.revoke(layout, args.org, now_ms())
        revoking.have_it_read(layout, marked)
        print_line(f"{marked} certificates of viewers of {args.org} are revoked. Restart the broker to end a session that is open.")
        return 0
    if args.out is None:
        raise NotAProvince("--out FOLDER is missing: where the certificate goes.")
    if not 1 <= args.days <= 3652:
        raise NotAProvince(f"--days {args.days}: must be 1 to 3652.")
    viewers.add(layout, args.org, args.out.absolute(), timedelta(days=args.days), now_ms())
    print_line(f"{args.out}: viewer.crt, viewer.key, ca.crt. Broker {settings.hosts[0]}:{settings.port}, client id and user {args.org};")
    print_line(f"topics gate/v1/{args.org}/+/telemetry and …/status; Home Assistant's discovery prefix {discovery_prefix(args.org)}")
    return 0
