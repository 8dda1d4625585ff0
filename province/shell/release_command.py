"""`gate-province release`: signs software for scanners, lists it, and serves it to them."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from edge_agent.base import logs
from edge_agent.base.console import print_json, print_line, print_table
from edge_agent.base.notify import of_this_process
from edge_agent.wire.release import LONGEST_S, SHORTEST_S
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince
from province.base.layout import RELEASES_PORT, Layout
from province.commands import operators
from province.release import releases
from province.release.releases import Known, Terms

_DAY_MS = 86_400_000
_EPILOG = """\
examples:
  gate-province release add /srv/gate dist/gate-scanner_1.2.0+deb12_arm64.deb       signed with the key for updates
  gate-province release add /srv/gate dist/gate-scanner_1.2.1+deb12_arm64.deb --raise-floor     nobody goes back below this one
  gate-province release list /srv/gate
  gate-province release serve /srv/gate                                             to scanners with a certificate of this province

Then: gate-province rollout start. What a scanner fetches is what it has not yet, mostly some 100 kB.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `release` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser("release", help="sign software for scanners", description=__doc__, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    adding = actions.add_parser("add", help="sign a release", description=__doc__, epilog=_EPILOG, formatter_class=raw)
    listing = actions.add_parser("list", help="show them", description=__doc__, epilog=_EPILOG, formatter_class=raw)
    serving = actions.add_parser("serve", help="serve them", description=__doc__, epilog=_EPILOG, formatter_class=raw)
    for each in (adding, listing, serving):
        each.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    adding.add_argument("source", type=Path, metavar="FILE", help="a Debian package of the gate, or a folder of wheels")
    adding.add_argument("--architecture", choices=("amd64", "arm64"), help="of a folder of wheels")
    adding.add_argument("--python", metavar="3.N", help="of a folder of wheels")
    adding.add_argument("--days", type=int, default=365, metavar="N", help="nobody installs it after (%(default)s)")
    adding.add_argument("--well-s", type=int, default=180, metavar="N", help="so long a scanner must be well with it (%(default)s)")
    adding.add_argument("--within-s", type=int, default=1200, metavar="N", help="within so long, or it goes back (%(default)s)")
    adding.add_argument("--raise-floor", action="store_true", help="whoever runs it takes no earlier release any more")
    for each in (adding, listing):
        each.add_argument("--json", action="store_true", help="one JSON object a line")
    serving.add_argument("--bind", default="", metavar="ADDRESS", help="listen there only (default: everywhere)")
    serving.add_argument("--port", type=int, default=RELEASES_PORT, metavar="PORT", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Signs, lists or serves."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    match args.action:
        case "add":
            _tell([_add(layout, args)], as_json=args.json)
        case "list":
            _tell(releases.every(layout), as_json=args.json)
        case _:
            _serve(layout, (args.bind, args.port))
    return 0


def _add(layout: Layout, args: argparse.Namespace) -> Known:
    if not operators.is_ready(layout):
        raise NotAProvince(f"{layout.root}: has no key for updates yet. Once: gate-province command prepare {layout.root}")
    for option, value, most in (
        ("--well-s", args.well_s, LONGEST_S),
        ("--within-s", args.within_s, LONGEST_S),
        ("--days", args.days, 3650),
    ):
        if not SHORTEST_S <= value <= most:
            raise NotAProvince(f"{option} {value}: must be {SHORTEST_S} to {most}.")
    if args.well_s >= args.within_s:
        raise NotAProvince("--well-s: must be shorter than --within-s, or every scanner would go back.")
    if not args.source.is_dir():
        source = releases.of_package(args.source)
    elif args.architecture and args.python:
        source = releases.of_folder(args.source, args.architecture, args.python)
    else:
        raise NotAProvince(f"{args.source}: a folder of wheels needs --architecture and --python.")
    terms = Terms(now_ms() + args.days * _DAY_MS, args.well_s, args.within_s, args.raise_floor)
    return releases.add(layout, source, terms, now_ms())


def _tell(known: list[Known], *, as_json: bool) -> None:
    if as_json:
        for each in known:
            print_json({
                "release": each.release_id, "software": each.release.software, "counter": each.release.counter,
                "floor": each.release.floor, "architecture": each.release.architecture, "python": each.release.python,
                "bytes": each.release.part_bytes, "expires_ms": each.release.expires_ms,
            })  # fmt: skip
        return
    rows = [
        [each.release_id[:12], each.release.software, each.release.architecture, f"{each.release.part_bytes / 1e6:.1f} MB",
         shown(each.release.expires_ms)]
        for each in known
    ]  # fmt: skip
    print_table(["release", "software", "for", "size", "until"], rows)
    if not known:
        print_line("none yet: gate-province release add")


def _serve(layout: Layout, address: tuple[str, int]) -> None:
    logs.configure(verbose=False)
    try:
        from province.release.release_server import server  # noqa: PLC0415 - its libraries are needed by nobody else
    except ImportError as error:
        raise NotAProvince(f"{error.name} is missing: pip install 'gate-scanner[province]'.") from None
    made = server(layout, address)
    of_this_process().ready(f"serves releases on port {address[1]}")
    asyncio.run(made.serve())
