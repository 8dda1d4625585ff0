"""`gate-agent station`: makes the keeper's PIN for the station page, and shows where the page is."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.base.console import print_line
from edge_agent.base.disk import told
from edge_agent.device import settings as settings_of
from edge_agent.device import settings_file

if TYPE_CHECKING:
    from cryptography import x509

    from edge_agent.device.settings import Settings

log = logging.getLogger(__name__)
_EPILOG = """\
examples:
  sudo -u gate gate-agent station pin     a new PIN; the one before, and every phone that entered it, is out at once
  sudo -u gate gate-agent station show    where the page is, and its certificate's fingerprint

The PIN is shown once; the device keeps a hash of it alone.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "station",
        help="the keeper's page: make its PIN, show where it is",
        description="The page for the keeper's phone on the site's own network; `[station] enabled = true` in gate.toml turns it on.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("pin", "show"), help="what to do")
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--no-qr", action="store_true", help="the address as text alone")


def run(args: argparse.Namespace) -> int:
    """Makes a PIN or shows the page's address; 0 when done, 1 when the folder cannot be used, 2 for a configuration error."""
    settings = settings_file.load(args.config)
    state = settings.device.state
    if not settings.station.enabled:
        log.error("%s: station.enabled is false; set it to true, start gate-agent anew, then do this again", settings.source)
        return 2
    try:
        if state.stat().st_uid != os.geteuid():
            log.error("%s: belongs to another user; run this as that one, such as: sudo -u gate gate-agent station %s", state, args.what)
            return 1
        return _show(settings, new_pin=args.what == "pin", qr=not args.no_qr)
    except OSError as error:
        log.error("%s", told(error, state))  # noqa: TRY400 - the same
        return 1


def _show(settings: Settings, *, new_pin: bool, qr: bool) -> int:
    from edge_agent.station import certificate, pin  # noqa: PLC0415 - only where the page is on
    from edge_agent.station.addresses import own_addresses  # noqa: PLC0415 - the same

    name = settings.station.name
    addresses = own_addresses()
    certified = certificate.make_sure(settings.device.state, f"{name}.local" if name else "", addresses)
    port = settings.station.port
    url = f"https://{certificate.covered(certified)[0]}:{port}/"
    if qr:
        _print_qr(url)
    print_line(f"page          {url}")
    for address in addresses:
        print_line(f"              https://{address}:{port}/")
    if new_pin:
        print_line(f"PIN           {pin.shown(pin.make(settings.device.state))}")
        print_line("              write it down: it is not shown again")
    _print_certificate(certified)
    return 0


def _print_certificate(certified: x509.Certificate) -> None:
    from edge_agent.station import certificate  # noqa: PLC0415 - the same

    fingerprint = certificate.fingerprint(certified)
    print_line(f"certificate   {fingerprint[:47]}")
    print_line(f"              {fingerprint[48:]}")
    print_line("              the phone warns once: compare this (SHA-256), then go on")


def _print_qr(text: str) -> None:
    try:
        segno = import_module("segno")
    except ImportError:
        return
    if sys.stdout.isatty():
        segno.make(text, micro=False).terminal(sys.stdout, border=2, compact=True)
