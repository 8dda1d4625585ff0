"""`gate-province org`: the organisations."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from edge_agent.base.console import print_line, print_table
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince
from province.registry import organisations, sites
from province.registry.organisations import Organisation, Sector
from province.shell.actions import add_actions, add_close, print_list, register_of
from province.store.opened import Connection

_EPILOG = """\
examples:
  gate-province org add /srv/gate --id so-y-te --name "Sở Y tế" --sector monitoring --unit 10
  gate-province org add /srv/gate --id ubnd-sa-pa --name "UBND thị xã Sa Pa" --sector district --unit 088
  gate-province org add /srv/gate --id benh-vien-tinh --name "Bệnh viện Đa khoa tỉnh" --parent so-y-te
  gate-province org list /srv/gate --sector monitoring
  gate-province org show /srv/gate so-y-te
  gate-province org close /srv/gate so-y-te             --undo opens it again

--sector says on which form it reports: department Phụ lục 1, monitoring (Health, Education, Transport, the economic zone) Phụ lục 2,
district (a district's people's committee) Phụ lục 3, other none.
"""
_HEADINGS = ("organisation", "name", "sector", "unit", "part of", "closed")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `org` to the command line."""
    action = add_actions(
        subparsers,
        "org",
        "the organisations: who has sites, who watches over them",
        "The organisations: who has sites and scanners, who watches over those of others, on which form each reports.",
        _EPILOG,
    )
    add = action("add", "add an organisation", "Adds an organisation.")
    add.add_argument("--id", required=True, help="its short name, as in its scanners' topics: lower-case letters, digits, hyphens")
    add.add_argument("--name", required=True, help='for people, such as "Sở Y tế"')
    add.add_argument("--unit", metavar="ID", help="the administrative unit it is in or governs, see `gate-province unit list`")
    add.add_argument("--parent", metavar="ID", help="the organisation it is part of")
    add.add_argument("--sector", choices=[str(sector) for sector in Sector], default=str(Sector.OTHER), help="see below (default: other)")
    listing = action("list", "list the organisations", "Lists the organisations.")
    listing.add_argument("--sector", choices=[str(sector) for sector in Sector], help="only of this one")
    listing.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    show = action("show", "show one organisation", "Shows one organisation and its sites.")
    show.add_argument("id", metavar="ID", help="which one")
    add_close(action("close", "an organisation is no more", "Notes that an organisation is no more. Its sites must be closed first."))


def run(args: argparse.Namespace) -> int:
    """Adds, lists, shows or closes."""
    with register_of(args) as (layout, connection):
        if args.action == "add":
            one = organisations.organisation(args.id, args.name, args.unit, args.parent, Sector(args.sector))
            organisations.add(connection, layout.register, one)
            print_line(f"Added organisation {one.id}. A place of it: gate-province site add {args.folder} --org {one.id} …")
        elif args.action == "close":
            organisations.close(connection, layout.register, args.id, None if args.undo else now_ms())
            print_line(f"Organisation {args.id} is {'open' if args.undo else 'closed'}.")
        elif args.action == "show":
            _show(connection, args.id)
        else:
            _list(organisations.every(connection), args)
    return 0


def _row(one: Organisation) -> tuple[str, ...]:
    return (one.id, one.name, str(one.sector), one.unit or "-", one.parent or "-", shown(one.closed_ms))


def _show(connection: Connection, id_: str) -> None:
    one = organisations.find(connection, id_)
    if one is None:
        raise NotAProvince(f"{id_!r}: not an organisation. See `gate-province org list`.")
    print_table(_HEADINGS, [_row(one)])
    if its := sites.every(connection, org=id_):
        print_line("")
        rows = [(site.id, site.name, str(site.category), site.address, shown(site.closed_ms)) for site in its]
        print_table(("site", "name", "category", "address", "closed"), rows)


def _list(known: list[Organisation], args: argparse.Namespace) -> None:
    if args.sector is not None:
        known = [one for one in known if one.sector == args.sector]
    print_list(known, _HEADINGS, _row, asdict, as_json=args.json)
