"""`gate-province init`: makes a province: keys, register and broker configuration, in one folder."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from edge_agent.base.console import print_line
from edge_agent.wire.sealing import Suite
from province.base.clock import now_ms
from province.base.errors import NotAProvince
from province.base.layout import DOOR_PORT, Layout, Settings
from province.trust import founding

_SUITES = {"xwing": Suite.XWING, "x25519": Suite.X25519}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z.:-]{0,251}[0-9A-Za-z])?|::1")

_EPILOG = """\
examples:
  gate-province init /srv/gate --name "Tỉnh Thừa Thiên Huế" --host mqtt.hue.example.vn
  gate-province init ./trial                  a trial on this machine alone
  mosquitto -c /srv/gate/mosquitto.conf       then start the broker
  gate-province collect /srv/gate             and the collector

Take root/ and offline/ off this machine afterwards: adding devices and collecting need neither.
Never put keystore/ into a backup: destroying a day's file there is what closes that day for good.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `init` to the command line."""
    parser = subparsers.add_parser(
        "init",
        help="make a province: keys, register and broker configuration",
        description="Makes a folder with all keys, the register and the broker's configuration of a new province.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="where; must not exist or be empty")
    parser.add_argument("--name", default="Tỉnh thử nghiệm", help="the province's name, for people")
    parser.add_argument("--host", action="append", default=[], help="a name or address of the broker; devices use the first given")
    parser.add_argument("--port", type=int, default=8883, help="the broker's TLS port (default 8883)")
    parser.add_argument("--door-port", type=int, default=DOOR_PORT, help=f"the TCP port where scanners join (default {DOOR_PORT})")
    parser.add_argument("--bind", metavar="ADDRESS", help="listen on this address only, such as 127.0.0.1 (default: all)")
    parser.add_argument("--suite", choices=sorted(_SUITES), default="xwing", help="how entries are sealed; x25519 for thin links")
    parser.add_argument(
        "--database", metavar="URL", help="an empty PostgreSQL database for the register, postgresql://USER@HOST/NAME (default: a file)"
    )
    parser.add_argument("--days", type=int, default=45, help="days ahead to publish keys for, 1 to 90 (default 45)")


def _settings(args: argparse.Namespace) -> Settings:
    hosts = tuple(dict.fromkeys((*args.host, *_LOOPBACK)))
    wrong = next((host for host in (*hosts, *([args.bind] if args.bind else [])) if _HOST.fullmatch(host) is None), None)
    if wrong is not None:
        raise NotAProvince(f"{wrong!r} is not a host name or address. Write it like mqtt.example.vn or 192.0.2.7.")
    for option, port in (("--port", args.port), ("--door-port", args.door_port)):
        if not 1 <= port <= 65535:
            raise NotAProvince(f"{option} {port}: must be 1 to 65535.")
    if not 1 <= args.days <= founding.AHEAD_MOST_DAYS:
        raise NotAProvince(f"--days {args.days}: must be 1 to {founding.AHEAD_MOST_DAYS}.")
    if not 1 <= len(args.name) <= 100 or not args.name.isprintable():
        raise NotAProvince("--name: must be 1 to 100 printable characters.")
    return Settings(args.name, hosts, args.port, args.bind, _SUITES[args.suite], args.days, args.door_port)


def _advise(layout: Layout) -> None:
    for line in (
        f"Made {layout.root}.",
        f"  Root key      {layout.root_key}",
        "                Take root/ offline now (a stick in a safe): whoever has it can speak as the province.",
        f"  Undated key   {layout.undated_key}",
        "                Take offline/ offline too: it opens entries made without a clock; the collector never needs it.",
        f"  Day keys      {layout.keystore}",
        "                Keep out of every backup.",
        f"Next: mosquitto -c {layout.broker_config}",
        f"      gate-province collect {layout.root}",
        f"      gate-province admit {layout.root}",
        f"      gate-province site add {layout.root} --help      the place and its gates, then a ticket for each scanner",
    ):
        print_line(line)


def run(args: argparse.Namespace) -> int:
    """Makes the province."""
    _advise(founding.found(args.folder, _settings(args), now_ms(), args.database))
    return 0
