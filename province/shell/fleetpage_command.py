"""`gate-province fleet-page`: the fleet for operators' browsers, each seeing its own organisation; alerts told on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.base.notify import Beat
from province.base.broker_address import broker_address
from province.base.layout import Layout
from province.shell import served_at

if TYPE_CHECKING:
    from province.web.serving import Served

_EPILOG = """\
examples:
  gate-province fleet-page /srv/gate                                      https://127.0.0.1:8443/, for this machine
  gate-province fleet-page /srv/gate --listen 0.0.0.0:8443 --name fleet.tinh.example.vn
  gate-province fleet-page /srv/gate --behind https://fleet.tinh.example.vn     plain HTTP on loopback, for a reverse proxy
  gate-province fleet-page /srv/gate --no-commands                        to look only, whoever asks

It shows what `gate-province watch` learns. Its certificate is of the province's own authority: give browsers DIR/authority/ca.crt, or
put a reverse proxy with another certificate before it. `gate-province login add` lets people in, by name; and so does
`gate-province account add --role operator`, by phone. Where alerts are told on to, by
webhook or e-mail, is in DIR/fleet-notices.toml (hw_docs/operators/fleet.md).
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `fleet-page` to the command line."""
    parser = subparsers.add_parser(
        "fleet-page",
        help="the fleet for operators' browsers",
        description="Shows the fleet to operators' browsers, lets them acknowledge alerts and send commands, and tells alerts on.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    served_at.add_options(parser, "127.0.0.1:8443")
    parser.add_argument("--password-only", action="store_true", help="the province's accounts come in without a second step too")
    parser.add_argument("--no-commands", action="store_true", help="send no commands, whoever asks")
    parser.add_argument("--broker", metavar="HOST:PORT", help="for commands; default: the first --host and --port of init")
    parser.add_argument("--verbose", action="store_true", help="log more")


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    from province.fleet import service  # noqa: PLC0415 - its libraries are loaded for this alone

    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    place = served_at.place(args, settings.hosts)
    broker = None if args.no_commands else broker_address(args.broker, (settings.hosts[0], settings.port))

    def make(beat: Beat) -> Served:
        return service.fleet_page(layout, place, broker, beat, password_only=args.password_only)

    return served_at.serve(layout, args, place, layout.fleet_page_lock, "fleet page", make)
