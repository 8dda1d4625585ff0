"""`gate-province ticket`: a ticket for one new scanner, as a QR for the installer's phone; or an invitation for many."""

from __future__ import annotations

import argparse
import io
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edge_agent.base.console import complain, print_json, print_line
from edge_agent.wire import ticket
from edge_agent.wire.authority import Power
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.topics import DeviceName
from province.base.broker_address import broker_address
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.keys.officers import load_officer, read_root_public
from province.registry import devices, sites, tickets
from province.registry.tickets import LIFE_MS, Grant
from province.store import database
from province.store.opened import Connection

_INVITATION_DAYS = 366
_DAY_MS = 86_400_000
_PICTURES = {".png": {"scale": 8}, ".svg": {"scale": 4}}

_EPILOG = """\
examples:
  gate-province ticket /srv/gate --site cho-dong-ba --gate "Cổng chính" --device cong-1
  gate-province ticket /srv/gate --site cho-dong-ba --gate "Cổng sau" --device cong-2 --out ticket.png
  gate-province ticket /srv/gate --invitation --out invitation.svg

Show the picture to the scanner's camera, or run on it: gate-agent enrol --ticket TEXT. A ticket works once and for ten minutes: do not
send it round, and if a device that is not yours used it first, revoke that one (gate-province device revoke). --key ties it to the
fingerprint on the device's label, so that nobody else can use it at all.
An invitation lets nobody in by itself: who shows it waits for `gate-province approve`.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `ticket` to the command line."""
    parser = subparsers.add_parser(
        "ticket",
        help="a QR that lets one new scanner join",
        description="Makes a ticket that lets one scanner join as the given device, once, within ten minutes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("--site", help="where it stands, see `gate-province site list`")
    parser.add_argument("--gate", help="the door of that place")
    parser.add_argument("--device", metavar="NAME", help="its name in the site's organisation: lower-case letters, digits, hyphens")
    parser.add_argument("--invitation", action="store_true", help=f"good for {_INVITATION_DAYS} days and many devices, each to be approved")
    parser.add_argument("--serial", help="only for the device with this serial number")
    parser.add_argument("--key", metavar="FINGERPRINT", help="only for the device whose label shows this")
    parser.add_argument(
        "--door", metavar="HOST:PORT", help="the door as the device reaches it (default: the first --host and --door-port of init)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the QR as .png or .svg instead of drawing it here")
    parser.add_argument("--json", action="store_true", help="print the text and its end as JSON instead of drawing")


def _grant(args: argparse.Namespace, layout: Layout) -> Grant | None:
    if args.invitation:
        if args.site or args.gate or args.device:
            raise NotAProvince("--invitation: names no place and no device; that comes with the approval.")
        return None
    if not (args.site and args.gate and args.device):
        raise NotAProvince("a ticket needs --site, --gate and --device; or --invitation for an invitation.")
    return place(layout, args.site, args.gate, args.device)


def place(layout: Layout, site: str, gate: str, device: str) -> Grant:
    """Who a device becomes at a gate of a site.

    Raises:
        NotAProvince: there is no such gate, or the name cannot be.
    """
    with closing(database.connect(layout.register)) as connection:
        one, door = sites.gate_of(connection, site, gate)
    try:
        return Grant(DeviceName(one.org, device), one.name, door)
    except ValueError as error:
        raise NotAProvince(f"{error}.") from None


def _key(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return ticket.from_shown(text)
    except ValueError as error:
        raise NotAProvince(f"--key {text!r}: {error}.") from None


def run(args: argparse.Namespace) -> int:
    """Makes the ticket and shows it."""
    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    if args.out is not None and args.out.suffix not in _PICTURES:
        raise NotAProvince(f"--out {args.out}: must end in .png or .svg.")
    officer = load_officer(layout, Power.TICKETS)
    host, port = broker_address(args.door, (settings.hosts[0], settings.door_port))
    grant = _grant(args, layout)
    end_ms = now_ms() + (LIFE_MS if grant else _INVITATION_DAYS * _DAY_MS)
    made = ticket.Ticket(ticket.fingerprint(read_root_public(layout)), host, port, end_ms, None, args.serial, _key(args.key))
    with closing(database.connect(layout.register)) as connection, database.transaction(connection, layout.register):
        if grant is not None:
            _tell_of_a_taken_name(connection, grant, made.key)
            made = replace(made, number=tickets.give_out(connection, grant, end_ms))
        try:
            text = ticket.issue(made, officer.key)
        except Malformed as error:
            raise NotAProvince(f"{error}.") from None
    _show(args, text, end_ms, "an invitation" if grant is None else f"a ticket for {grant.name} at {grant.site}, {grant.gate}")
    return 0


def _tell_of_a_taken_name(connection: Connection, grant: Grant, key: bytes | None) -> None:
    """A device may be moved under its own name; any other would be refused at the site.

    Raises:
        NotAProvince: the ticket is for a key that is not this device's.
    """
    device = devices.find(connection, grant.name)
    if device is None or device.status != devices.ACTIVE:
        return
    its_key = ticket.fingerprint(device.public_key)
    if key is not None and key != its_key[: ticket.SHOWN_BYTES]:
        raise NotAProvince(
            f"{grant.name} is registered with another key, {ticket.shown(its_key)}. Choose another --device, or revoke that one first: "
            "gate-province device revoke."
        )
    complain("gate-province", f"{grant.name} is registered already: this ticket moves that very device, and no other can use it.")


def _show(args: argparse.Namespace, text: str, end_ms: int, what: str) -> None:
    if args.json:
        print_json({"ticket": text, "expires_ms": end_ms})
        return
    try:
        import segno  # noqa: PLC0415 - only this command draws
    except ImportError:
        raise ProvinceError("drawing needs the package segno: pip install 'gate-scanner[province]'; or use --json.") from None
    code = segno.make(text, error="l", micro=False)
    if args.out is not None:
        picture = io.BytesIO()
        code.save(picture, kind=args.out.suffix[1:], **_PICTURES[args.out.suffix])
        try:
            write_atomically(args.out.absolute(), picture.getvalue())
        except OSError as error:
            raise ProvinceError(f"{args.out}: cannot be written ({error.strerror}). Choose another --out.") from None
        print_line(f"{args.out}: {what}, until {shown(end_ms)}.")
        return
    drawing = io.StringIO()
    code.terminal(out=drawing, compact=True)
    sys.stdout.write(drawing.getvalue() + "\n")
    print_line(f"This is {what}, until {shown(end_ms)}. As text, for `gate-agent enrol --ticket`:")
    print_line(text)
