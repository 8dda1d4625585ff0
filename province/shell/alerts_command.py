"""`gate-province alerts`: what is wrong in the fleet, and who has taken it on."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from edge_agent.base.console import print_json, print_line, print_table
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import Layout
from province.watch.fleet_store import FleetAlert, FleetStore

_EPILOG = """\
examples:
  gate-province alerts /srv/gate                                what is wrong now
  gate-province alerts /srv/gate --org bus-co --all --json      an organisation's of the last 30 days
  gate-province alerts /srv/gate --take 17 --by "Nguyễn Thị Ba"    somebody looks after it

hw_docs/operators says what each alert means. `gate-province watch` raises and ends them.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `alerts` to the command line."""
    parser = subparsers.add_parser(
        "alerts",
        help="what is wrong in the fleet",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("--org", help="one organisation's alone")
    parser.add_argument("--all", action="store_true", help="also those that have ended")
    parser.add_argument("--take", type=int, metavar="NUMBER", help="note that somebody looks after this one")
    parser.add_argument("--by", metavar="NAME", help="who, with --take")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, for machines")


def run(args: argparse.Namespace) -> int:
    """Lists alerts, or takes one; 1 when there is none of that number or it is taken."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    if (args.take is None) != (args.by is None):
        raise NotAProvince("--take NUMBER and --by NAME belong together.")
    if not layout.fleet_store.exists():
        raise ProvinceError(f"{layout.fleet_store}: is not there yet. Start `gate-province watch`.")
    with FleetStore(layout.fleet_store) as store:
        if args.take is not None:
            if not store.acknowledge(args.org, args.take, args.by, now_ms()):
                raise ProvinceError(f"no alert {args.take} that nobody has taken. `gate-province alerts` shows them.")
            return 0
        found = store.alerts(args.org, also_ended=args.all)
    if args.json:
        for alert in found:
            print_json({**asdict(alert), "name": str(alert.name)})
    elif found:
        print_table(("number", "device", "alert", "since", "until", "taken by", ""), [_row(alert) for alert in found])
    else:
        print_line("Nothing is wrong.")
    return 0


def _row(alert: FleetAlert) -> tuple[str, ...]:
    ended = "" if alert.ended_ms is None else shown(alert.ended_ms)
    return (
        str(alert.number), str(alert.name), str(alert.trouble), shown(alert.raised_ms), ended, alert.acknowledged_by or "", alert.words,
    )  # fmt: skip
