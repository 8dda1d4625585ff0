"""`gate-province site`: adds places and lists them."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from edge_agent.base.console import print_json, print_line, print_table
from province.base.layout import Layout
from province.registry import sites
from province.registry.sites import Category
from province.store import database

_EPILOG = """\
examples:
  gate-province site add /srv/gate --id cho-dong-ba --org cho-dong-ba --name "Chợ Đông Ba" --category market \\
      --address "2 Trần Hưng Đạo, Huế" --gate "Cổng chính" --gate "Cổng sau"
  gate-province site list /srv/gate
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `site` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "site",
        help="add places, list them",
        description="Adds places with their gates and lists them.",
        epilog=_EPILOG,
        formatter_class=raw,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="add a place", description="Adds a place and its gates.", epilog=_EPILOG, formatter_class=raw)
    add.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    add.add_argument("--id", required=True, help="its short name: lower-case letters, digits, hyphens")
    add.add_argument("--org", required=True, help="whose it is: the same letters")
    add.add_argument("--name", required=True, help='for people, such as "Chợ Đông Ba"')
    add.add_argument("--category", required=True, choices=[str(category) for category in Category], help="what kind of place it is")
    add.add_argument("--address", required=True, help="where it is")
    add.add_argument("--gate", action="append", required=True, help="a door of it; give each")
    listing = actions.add_parser("list", help="list the places", description="Lists the places.", epilog=_EPILOG, formatter_class=raw)
    listing.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    listing.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")


def run(args: argparse.Namespace) -> int:
    """Adds or lists."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    with closing(database.connect(layout.register)) as connection:
        if args.action == "add":
            one = sites.site(args.id, args.org, args.name, Category(args.category), args.address, tuple(args.gate))
            sites.add(connection, layout.register, one)
            gates = "1 gate" if len(one.gates) == 1 else f"{len(one.gates)} gates"
            print_line(f"Added site {one.id} with {gates}. A scanner for it: gate-province ticket {args.folder} --site {one.id} …")
            return 0
        known = sites.every(connection)
    if args.json:
        for one in known:
            print_json(
                {"id": one.id, "org": one.org, "name": one.name, "category": str(one.category), "address": one.address, "gates": one.gates}
            )
        return 0
    rows = [(one.id, one.org, one.name, str(one.category), one.address, ", ".join(one.gates)) for one in known]
    print_table(("site", "org", "name", "category", "address", "gates"), rows)
    return 0
