"""`gate-province find`: says where and when one identifier passed, without opening anyone else's row."""

from __future__ import annotations

import argparse

from edge_agent.base.console import print_json, print_line, print_table
from firmware.person_codes.masking import mask_number
from province.base.clock import shown
from province.looks import looking
from province.records import views

_EPILOG = """\
examples:
  gate-province find /srv/gate --reason "case 2021/117"     asks for the number, so that it stays out of the shell's history
  gate-province find /srv/gate --reason "case 2021/117" --id - --json < number.txt
  gate-province find /srv/gate --reason "case 2021/117" --second-officer nguyen.an

Finds citizen id, old id, passport, phone and insurance card numbers, on the days whose keys still exist. Each look goes into the audit
log first: `gate-province audit list`. A time that the scanner did not know is shown as after what its log had before and before what
came next. dated-ahead: the scanner claims a time after its entry came, or a later day; wall_ms is the claim.
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
    looking.add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")


def run(args: argparse.Namespace) -> int:
    """Looks the identifier up."""
    with looking.entered(args, "find") as look:
        found = views.find(look.connection, look.keystore, look.number)
    number = mask_number(look.number)
    if args.json:
        print_json({"number": number, "count": len(found), "passages": [as_json(one) for one in found]})
        return 0
    print_line(f"{number}: {len(found)} passages")
    if found:
        print_table(("time", "site", "gate", "direction"), [(shown_when(one), one.site, one.gate, one.direction) for one in found])
    return 0


def as_json(one: views.Found) -> dict[str, object]:
    """A passage found, without its person."""
    return {
        "org": one.name.org, "device": one.name.device, "site": one.site, "gate": one.gate, "direction": one.direction,
        "wall_ms": one.wall_ms, "at_ms": one.when.at_ms, "not_before_ms": one.when.not_before_ms, "not_after_ms": one.when.not_after_ms,
        "dated_ahead": one.dated_ahead,
    }  # fmt: skip


def shown_when(one: views.Found) -> str:
    """A time, or what it lies between, and whether the scanner claims another that is after it came."""
    when = one.when
    time = f"between {shown(when.not_before_ms)} and {shown(when.not_after_ms)}" if when.at_ms is None else shown(when.at_ms)
    return time + (" dated-ahead" if one.dated_ahead else "")
