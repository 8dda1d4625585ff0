"""`gate-province approve`: who waits to be let in, and letting one in whose fingerprint was compared."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from edge_agent.base.console import print_json, print_line, print_table
from edge_agent.wire.joining import Wish
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.registry import devices, revocations, waiting_room
from province.registry.tickets import Grant
from province.registry.waiting_room import Waiting
from province.shell.ticket_command import place
from province.store import database
from province.store.opened import Connection

_EPILOG = """\
examples:
  gate-province approve /srv/gate                                     who waits?
  gate-province approve /srv/gate 7K2Q-MB4X-ZQPA-T6UD --site cho-dong-ba --gate "Cổng chính" --device cong-1
  gate-province approve /srv/gate 7K2Q-MB4X-ZQPA-T6UD                 a member whose certificate has run out
  gate-province approve /srv/gate 7K2Q-MB4X-ZQPA-T6UD --forget        not ours, or not approved after all
  gate-province approve /srv/gate --forget                            empties the waiting room after a flood

Compare all sixteen letters with the label on the device (or with `gate-agent enrol --label` on it), not with what you are told by
telephone by somebody you do not know. The device asks again by itself and is in within a minute. An approval lets it in once, within a day.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `approve` to the command line."""
    parser = subparsers.add_parser(
        "approve",
        help="let in a scanner after comparing its fingerprint",
        description="Shows which devices wait, or lets one in whose fingerprint was compared with its label.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("fingerprint", nargs="?", metavar="FINGERPRINT", help="of the device's key, as its label shows it")
    parser.add_argument("--site", help="where it stands, see `gate-province site list`")
    parser.add_argument("--gate", help="the door of that place")
    parser.add_argument("--device", metavar="NAME", help="its name in the site's organisation")
    parser.add_argument("--forget", action="store_true", help="forget the device of FINGERPRINT; without one, all that are not approved")
    parser.add_argument("--json", action="store_true", help="list as one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Lists or approves."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    with closing(revocations.connect(layout, now_ms())) as connection:
        if args.forget:
            return _forget(connection, layout, args)
        waiting = waiting_room.every(connection, now_ms())
        if args.fingerprint is None:
            _list(waiting, as_json=args.json)
            return 0
        one = _of_fingerprint(waiting, args)
        if one.wish is Wish.JOIN:
            if not (args.site and args.gate and args.device):
                raise NotAProvince("a device that joins needs --site, --gate and --device.")
            grant = place(layout, args.site, args.gate, args.device)
            _refuse_a_taken_name(connection, grant, one)
        else:
            grant = _member(devices.with_key(connection, one.public_key))
        with database.transaction(connection, layout.register):
            waiting_room.approve(connection, one, grant, now_ms())
    print_line(f"Approved {one.fingerprint} as {grant.name} at {grant.site}, {grant.gate}. It is let in when it asks again.")
    return 0


def _refuse_a_taken_name(connection: Connection, grant: Grant, one: Waiting) -> None:
    """The door would refuse it, and the device would not ask again."""
    device = devices.find(connection, grant.name)
    if device is not None and device.status == devices.ACTIVE and device.public_key != one.public_key:
        raise NotAProvince(
            f"--device {grant.name.device}: {grant.name} is a device with another key. Choose another name, or revoke that one first: "
            "gate-province device revoke."
        )


def _of_fingerprint(waiting: list[Waiting], args: argparse.Namespace) -> Waiting:
    for one in waiting:
        if one.fingerprint == args.fingerprint.strip().upper():
            return one
    raise NotAProvince(f"{args.fingerprint}: no device with this key waits. See `gate-province approve {args.folder}`.")


def _forget(connection: Connection, layout: Layout, args: argparse.Namespace) -> int:
    if args.site or args.gate or args.device:
        raise NotAProvince("--forget: lets nobody in; leave out --site, --gate and --device.")
    if args.fingerprint is None:
        with database.transaction(connection, layout.register):
            count = waiting_room.empty(connection)
        print_line(f"{count} devices forgotten. Those that are really there ask again by themselves.")
        return 0
    one = _of_fingerprint(waiting_room.every(connection, now_ms()), args)
    with database.transaction(connection, layout.register):
        waiting_room.forget(connection, one.public_key)
    print_line(f"{one.fingerprint} forgotten{', and its approval' if one.approved_ms is not None else ''}.")
    return 0


def _member(known: list[devices.Device]) -> Grant:
    for device in known:
        if device.status == devices.ACTIVE:
            return Grant(device.name, device.site, device.gate)
    raise NotAProvince("the device with this key is not active any more: it was revoked.")


def _list(waiting: list[Waiting], *, as_json: bool) -> None:
    if as_json:
        for one in waiting:
            name = None if one.grant is None else str(one.grant.name)
            print_json(
                {
                    "fingerprint": one.fingerprint, "wish": str(one.wish), "serial": one.serial, "asked_ms": one.asked_ms,
                    "approved_ms": one.approved_ms, "device": name,
                }
            )  # fmt: skip
        return
    rows = [
        (one.fingerprint, str(one.wish), one.serial, shown(one.asked_ms), "-" if one.grant is None else f"approved as {one.grant.name}")
        for one in waiting
    ]
    print_table(("fingerprint", "wish", "serial", "last asked", "state"), rows)
