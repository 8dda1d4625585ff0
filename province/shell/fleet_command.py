"""`gate-province fleet`: how the scanners are, live in this terminal, or once for a script."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge_agent.base.console import print_json_list, print_line, print_table
from edge_agent.wire.topics import is_name
from province.base.broker_address import broker_address
from province.base.clock import shown
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.commands import operators
from province.fleet.accounts import Operator
from province.fleet.picking import ORDERS, Wanted, pick
from province.fleet.sight import Row, Sight, State, picture_of
from province.looks.looking import user
from province.watch.fleet_rules import Trouble
from province.watch.fleet_store import FleetStore
from province.web.languages import LANGUAGES

_EPILOG = """\
examples:
  gate-province fleet /srv/gate                               live; enter: a device, c: commands, k: acknowledge, l: English
  gate-province fleet /srv/gate --org bus-co                  one organisation's alone
  gate-province fleet /srv/gate --once --state offline        a table, then it ends; exit code 1 when it lists any
  gate-province fleet /srv/gate --json --trouble backlog      the same as one JSON list

It shows what `gate-province watch` learns. `gate-province fleet-page` shows it to browsers.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `fleet` to the command line."""
    parser = subparsers.add_parser(
        "fleet",
        help="see how the scanners are, in this terminal",
        description="Shows how the scanners are: live in this terminal, or once for a script.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("--org", metavar="ORG", help="the scanners of this organisation alone")
    parser.add_argument("--once", action="store_true", help="print a table and end")
    parser.add_argument("--json", action="store_true", help="print one JSON list and end")
    parser.add_argument("--state", choices=[str(state) for state in State], help="once: only these")
    parser.add_argument("--trouble", choices=[str(trouble) for trouble in Trouble], help="once: only those with it")
    parser.add_argument("--find", default="", metavar="TEXT", help="once: only those in whose name, place or release it occurs")
    parser.add_argument("--order", choices=ORDERS, default="state", help="once: in which order (%(default)s)")
    parser.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0], help="live: to begin with (%(default)s)")
    parser.add_argument("--no-commands", action="store_true", help="live: send none")
    parser.add_argument("--broker", metavar="HOST:PORT", help="live: for commands; default: the first --host and --port of init")


def run(args: argparse.Namespace) -> int:
    """Shows it; live 0, once 0 unless something was asked for by --state or --trouble and is there: then 1."""
    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    if args.org is not None and not is_name(args.org):
        raise NotAProvince(f"--org {args.org}: not an organisation's name. `gate-province device list` shows them.")
    if not layout.fleet_store.exists():
        raise NotAProvince(f"{layout.fleet_store.name}: not there: nobody has watched yet. Start: gate-province watch {layout.root}")
    if args.once or args.json:
        return _once(layout, args)
    if not sys.stdout.isatty():
        raise NotAProvince("this is no terminal; for a script: --once or --json.")
    address = broker_address(args.broker, (settings.hosts[0], settings.port))
    return _live(layout, args, address)


def _once(layout: Layout, args: argparse.Namespace) -> int:
    with FleetStore(layout.fleet_store) as store:
        picture = picture_of(store, args.org)
    query = {"state": args.state or "", "trouble": args.trouble or "", "q": args.find, "order": args.order}
    picked = pick(picture.of(args.org), Wanted.of(query), None)
    if args.json:
        print_json_list([_fields(row) for row in picked.rows])
    else:
        print_table(("state", "scanner", "site", "look at", "waiting", "heard"), [_texts(row) for row in picked.rows])
        print_line(f"{picked.found} scanners: " + ", ".join(f"{state} {picked.counts.get(state, 0)}" for state in State))
    return 1 if (args.state or args.trouble) and picked.found else 0


def _texts(row: Row) -> tuple[str, ...]:
    told = row.seen.telemetry
    waiting = "-" if told is None or told.outbox is None else str(told.outbox.waiting)
    look = "; ".join(f"{alert.trouble}: {alert.words}" for alert in row.alerts)
    return str(row.state), str(row.seen.name), f"{row.seen.site}, {row.seen.gate}", look, waiting, shown(row.heard_ms or None)


def _fields(row: Row) -> dict[str, object]:
    seen, told = row.seen, row.seen.telemetry
    return {
        "org": seen.name.org, "device": seen.name.device, "site": seen.site, "gate": seen.gate, "state": str(row.state),
        "heard_ms": row.heard_ms or None,
        "alerts": [
            {"trouble": str(alert.trouble), "words": alert.words, "raised_ms": alert.raised_ms, "acknowledged_by": alert.acknowledged_by}
            for alert in row.alerts
        ],
        "waiting": None if told is None or told.outbox is None else told.outbox.waiting,
        "entries_today": None if told is None or told.log is None else told.log.entries_today,
        "software": None if told is None else told.versions.software,
    }  # fmt: skip


def _live(layout: Layout, args: argparse.Namespace, address: tuple[str, int]) -> int:
    from province.fleet.orders import Orders  # noqa: PLC0415 - what a script asks for needs neither
    from province.fleet.terminal import FleetTerminal  # noqa: PLC0415 - Textual is loaded for this alone

    commands = not args.no_commands and operators.is_ready(layout)
    orders = Orders(layout, address) if commands else None
    sight = Sight(layout.fleet_store)
    sight.start()
    try:
        if orders is not None:
            orders.start()
        FleetTerminal(sight, Operator(_name(), args.org, commands, ""), orders, args.language).run()
    finally:
        sight.stop()
        if orders is not None:
            orders.stop()
    return 0


def _name() -> str:
    """Who sits here, for acknowledgements and the audit log."""
    return user()[:80]
