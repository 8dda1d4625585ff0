"""`gate-province client`: the programs that may ask the province's API, each with a token of its own."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from edge_agent.base.console import print_json, print_line
from province.api import clients
from province.api.clients import LONGEST_DAYS, Client, Scope
from province.base.clock import now_ms, shown
from province.base.layout import Layout
from province.store import database

_DAY_MS = 86_400_000
_EPILOG = """\
examples:
  gate-province client add /srv/gate grafana --scope metrics:read                 prints its token, once
  gate-province client add /srv/gate bus-dashboard --scope fleet:read --org bus-co
  gate-province client list /srv/gate
  gate-province client revoke /srv/gate grafana                                   from its next request on

scopes: registry:read, registry:write, counts:read, fleet:read, metrics:read. What each may ask: gate-province api DIR --document
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `client` to the command line."""
    parser = subparsers.add_parser(
        "client", help="programs that may ask the API, and their tokens", description=__doc__, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    actions = parser.add_subparsers(dest="what", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="let a program in; its token is printed and kept nowhere")
    listed = actions.add_parser("list", help="all there ever were")
    revoke = actions.add_parser("revoke", help="let a program in no more")
    for each in (add, listed, revoke):
        each.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    for each in (add, revoke):
        each.add_argument("name", metavar="NAME", help="of the program")
    add.add_argument("--scope", action="append", default=[], choices=[str(one) for one in Scope], help="what it may do; again for more")
    add.add_argument("--org", metavar="ORG", help="sees this organisation's sites and scanners alone")
    add.add_argument("--days", type=int, default=366, metavar="N", help=f"how long it counts, 1 to {LONGEST_DAYS} (%(default)s)")
    listed.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Adds, lists or revokes; 0 when it is done."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    at_ms = now_ms()
    with closing(database.connect(layout.register)) as connection:
        if args.what == "add":
            wanted = Client(args.name, frozenset(map(Scope, args.scope)), args.org, at_ms, at_ms + args.days * _DAY_MS)
            print_line(clients.add(connection, layout.register, wanted))
        elif args.what == "revoke":
            clients.revoke(connection, layout.register, args.name, at_ms)
            print_line(f"{args.name}: may ask nothing any more.")
        else:
            for one in clients.every(connection):
                _show(one, at_ms, as_json=args.json)
    return 0


def _show(one: Client, at_ms: int, *, as_json: bool) -> None:
    state = "revoked" if one.revoked_ms is not None else "past" if one.expires_ms <= at_ms else "active"
    scopes = sorted(map(str, one.scopes))
    if as_json:
        print_json({"name": one.name, "scopes": scopes, "org": one.org, "expires_ms": one.expires_ms, "state": state})
    else:
        print_line(f"{one.name}  {state}  {' '.join(scopes)}  {one.org or 'all'}  until {shown(one.expires_ms)}")
