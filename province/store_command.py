"""`gate-province store`: says which version the register's tables are of, and brings those of an earlier release to this one's."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from edge_agent.console import print_json, print_line
from province import database
from province.layout import Layout
from province.schema import SCHEMA_VERSION

_EPILOG = """\
examples:
  gate-province store show /srv/gate
  gate-province store upgrade /srv/gate     after an update, with collector, door and watch stopped

An upgrade is whole or not at all: what goes wrong leaves the register as it was. Make a backup before it all the same.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `store` to the command line."""
    raw, text = argparse.RawDescriptionHelpFormatter, "Shows and upgrades the register's tables."
    parser = subparsers.add_parser("store", help="show, upgrade the register", description=text, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    showing = actions.add_parser("show", help="which version it is of", description=text, epilog=_EPILOG, formatter_class=raw)
    upgrading = actions.add_parser(
        "upgrade", help="bring it to this release's version", description=text, epilog=_EPILOG, formatter_class=raw
    )
    for each in (showing, upgrading):
        each.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        each.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Shows or upgrades; exit code 1 when what is shown needs an upgrade."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    with closing(database.connect_any(layout.register)) as connection:
        before = database.version(connection)
        if args.action == "upgrade":
            database.upgrade(connection, layout.register)
        after = database.version(connection)
    _tell(layout.register, before, after, as_json=args.json)
    return 0 if after == SCHEMA_VERSION else 1


def _tell(register: Path, before: int, after: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"register": str(register), "version": after, "was": before, "needed": SCHEMA_VERSION})
    elif after != before:
        print_line(f"{register}: version {after} now; it was {before}.")
    elif after == SCHEMA_VERSION:
        print_line(f"{register}: version {after}, which is what this release needs.")
    else:
        print_line(f"{register}: version {after}; this release needs {SCHEMA_VERSION}: gate-province store upgrade {register.parent}")
