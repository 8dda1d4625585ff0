"""`gate-province unit`: the province's administrative units."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from edge_agent.base.console import print_line, print_table
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince
from province.registry import units
from province.registry.units import Level, Unit
from province.shell.actions import add_actions, add_close, print_list, register_of
from province.store.opened import Connection

_EPILOG = """\
examples:
  gate-province unit add /srv/gate --id 10 --level province --name "Tỉnh Lào Cai"
  gate-province unit add /srv/gate --id 080 --level district --name "Thành phố Lào Cai" --parent 10
  gate-province unit add /srv/gate --id 02647 --level commune --name "Phường Cốc Lếu" --parent 080
  gate-province unit list /srv/gate --within 080
  gate-province unit show /srv/gate 02647
  gate-province unit close /srv/gate 02647              merged into another; --undo opens it again

All at once from a table: gate-province registry import.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `unit` to the command line."""
    action = add_actions(
        subparsers,
        "unit",
        "the province's districts and communes",
        "The administrative units: the province, its districts, their communes.",
        _EPILOG,
    )
    add = action("add", "add a unit", "Adds a unit.")
    add.add_argument("--id", required=True, help="its official number or a short name: lower-case letters, digits, hyphens")
    add.add_argument("--level", required=True, choices=[str(level) for level in Level])
    add.add_argument("--name", required=True, help='for people, such as "Phường Cốc Lếu"')
    add.add_argument("--parent", metavar="ID", help="the unit it is part of")
    listing = action("list", "list the units", "Lists the units.")
    listing.add_argument("--level", choices=[str(level) for level in Level], help="only of this level")
    listing.add_argument("--within", metavar="ID", help="only this one and what is part of it")
    listing.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    show = action("show", "show one unit", "Shows one unit and what it is part of.")
    show.add_argument("id", metavar="ID", help="which one")
    add_close(action("close", "a unit is no more", "Notes that a unit is no more. What was registered in it must stand in another first."))


def run(args: argparse.Namespace) -> int:
    """Adds, lists, shows or closes."""
    with register_of(args) as (layout, connection):
        if args.action == "add":
            units.add(connection, layout.register, units.unit(args.id, Level(args.level), args.name, args.parent))
            print_line(f"Added {args.level} {args.id}.")
        elif args.action == "close":
            units.close(connection, layout.register, args.id, None if args.undo else now_ms())
            print_line(f"Unit {args.id} is {'open' if args.undo else 'closed'}.")
        elif args.action == "show":
            _show(connection, args.id)
        else:
            _list(connection, args)
    return 0


def _show(connection: Connection, id_: str) -> None:
    path = units.path_of(units.every(connection), id_)
    if not path:
        raise NotAProvince(f"{id_!r}: not a unit. See `gate-province unit list`.")
    print_table(("unit", "level", "name", "closed"), [_row(one) for one in path])


def _row(one: Unit) -> tuple[str, ...]:
    return (one.id, str(one.level), one.name, shown(one.closed_ms))


def _list(connection: Connection, args: argparse.Namespace) -> None:
    known = units.every(connection)
    if args.within is not None:
        within = units.beneath(connection, args.within)
        if not within:
            raise NotAProvince(f"--within {args.within!r}: not a unit. See `gate-province unit list`.")
        known = [one for one in known if one.id in within]
    if args.level is not None:
        known = [one for one in known if one.level == args.level]
    print_list(known, ("unit", "level", "name", "part of", "closed"), _listed, asdict, as_json=args.json)


def _listed(one: Unit) -> tuple[str, ...]:
    return (*_row(one)[:3], one.parent or "-", shown(one.closed_ms))
