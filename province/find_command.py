"""`gate-province find`: says where and when one identifier passed, without opening anyone else's row."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from firmware.person_codes.masking import mask_number
from province import database, views
from province.clock import shown
from province.console import print_json, print_line, print_table
from province.errors import NotAProvince
from province.keystore import Keystore
from province.layout import Layout

_EPILOG = """\
examples:
  gate-province find /srv/gate             asks for the number, so that it stays out of the shell's history
  gate-province find /srv/gate --id -      reads it from standard input
  gate-province find /srv/gate --id 001099012345 --json

Finds citizen id, old id, passport, phone and insurance card numbers, on the days whose keys still exist.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `find` to the command line."""
    parser = subparsers.add_parser(
        "find",
        help="count where and when one identifier passed",
        description="Looks one identifier up by its tokens and shows the places and times, the number masked.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("--id", metavar="NUMBER", default="-", help="the identifier, or - for standard input (default)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")


def run(args: argparse.Namespace) -> int:
    """Looks the identifier up."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    if args.id == "-" and sys.stdin.isatty():
        sys.stderr.write("number: ")
        sys.stderr.flush()
    value = (sys.stdin.readline() if args.id == "-" else args.id).strip()
    if not 1 <= len(value) <= 100:
        raise NotAProvince("--id: give one number of 1 to 100 characters.")
    with closing(database.connect(layout.register)) as connection:
        found = views.find(connection, Keystore(layout.keystore), value)
    if args.json:
        places = [
            {
                "org": one.name.org, "device": one.name.device, "site": one.site, "gate": one.gate, "direction": one.direction,
                "wall_ms": one.wall_ms,
            }
            for one in found
        ]  # fmt: skip
        print_json({"number": mask_number(value), "count": len(found), "passages": places})
        return 0
    print_line(f"{mask_number(value)}: {len(found)} passages")
    if found:
        print_table(("time", "site", "gate", "direction"), [(shown(one.wall_ms), one.site, one.gate, one.direction) for one in found])
    return 0
