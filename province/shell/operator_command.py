"""`gate-province operator`: gives somebody a desk of their own for one organisation's scanners, and takes it away."""

from __future__ import annotations

import argparse
import shlex
import sys
from datetime import timedelta
from pathlib import Path

from edge_agent.base.console import complain, print_json, print_line, print_table
from edge_agent.wire.authority import Power
from edge_agent.wire.command import POWERS
from province.base.broker_address import broker_address
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.commands import operator_keys
from province.commands.operator_keys import Grant
from province.shell.certificates_command import root_key
from province.trust import operator_records, rabbitmq_control, revoking
from province.trust.operator_records import Operator

_EPILOG = """\
examples:
  gate-province operator add /srv/gate an --org bus-co --power identify configure --out /media/usb/an --root /media/safe/root
  gate-province operator list /srv/gate
  gate-province operator renew /srv/gate an --out /media/usb/an --root /media/safe/root    other keys; those before count no more
  gate-province operator revoke /srv/gate an
  gate-province operator scanners /srv/gate an > scanners.json      for the desk, when scanners have joined

At the desk, with the folder alone:  gate-province command identify ./an bus-co/xe-12
Its keys sign for that organisation's scanners and these powers only; the broker shows and takes nothing else. What is ordered there is
entered in the province's audit log by `gate-province watch`, as the broker carries it. A revoked desk is put out by the broker at once, and
its keys are named by the next keyring: scanners that are connected refuse them within a minute or two.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `operator` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "operator", help="give somebody a desk for one organisation's scanners", description=__doc__, epilog=_EPILOG, formatter_class=raw
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    words = {
        "add": "make a desk", "renew": "make other keys for a desk", "revoke": "take a desk away", "list": "who has one",
        "scanners": "print the list of scanners that a desk needs",
    }  # fmt: skip
    each = {
        action: actions.add_parser(action, help=words[action], description=__doc__, epilog=_EPILOG, formatter_class=raw) for action in words
    }
    for action, one in each.items():
        one.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        if action != "list":
            one.add_argument("name", metavar="NAME", help=f"the operator's: {operator_records.NAME_RULE}")
    for one in (each["add"], each["renew"]):
        one.add_argument("--power", nargs="+", choices=POWERS, metavar="POWER", help=f"what for: {', '.join(POWERS)} (renew: as before)")
        one.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the desk goes; made, must not exist")
        one.add_argument("--days", type=int, default=366, metavar="N", help="how long its keys and certificate hold (%(default)s)")
        one.add_argument("--root", type=Path, metavar="PATH", help="the root's key or its folder, from the safe (default: DIR/root)")
    each["add"].add_argument("--org", required=True, metavar="ORG", help="whose scanners")
    each["list"].add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    each["revoke"].add_argument("--broker", metavar="HOST:PORT", help="default: the first --host and --port of init")
    for one in (each["add"], each["renew"], each["revoke"]):
        how = one.add_mutually_exclusive_group()
        how.add_argument(
            "--reload", metavar="COMMAND", help="makes the broker read its files again (default: SIGHUP to the one started here)"
        )
        if one is each["revoke"]:
            how.add_argument("--rabbitmqctl", metavar="COMMAND", help="the broker is a RabbitMQ: how its rabbitmqctl is run")


def run(args: argparse.Namespace) -> int:
    """Does one of them."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    match args.action:
        case "list":
            return _list(layout, as_json=args.json)
        case "scanners":
            sys.stdout.write(operator_keys.roster(layout, operator_records.find(layout, args.name).org, now_ms()).decode())
            return 0
        case "revoke":
            return _revoke(layout, args)
        case _:
            return _make(layout, args)


def _make(layout: Layout, args: argparse.Namespace) -> int:
    root = root_key(layout, args.root)
    if root is None:
        raise NotAProvince(f"{layout.root_key}: not there. The root certifies an operator's keys: --root /media/safe/root")
    if not 1 <= args.days <= 3652:
        raise NotAProvince(f"--days {args.days}: must be 1 to 3652.")
    org, powers = _of(layout, args)
    grant = Grant(args.name, org, powers, timedelta(days=args.days), args.out.absolute())
    made = (operator_keys.add if args.action == "add" else operator_keys.renew)(layout, grant, root, now_ms())
    print_line(
        f"{args.out}: the desk of {made.name}, for scanners of {made.org}: {', '.join(made.powers)}; until {shown(made.keys[0].ends_ms)}."
    )
    print_line("It holds private keys, of which the province keeps no copy: carry it there yourself, and leave none on the way.")
    return 0 if _reloaded(layout, args) else 1


def _of(layout: Layout, args: argparse.Namespace) -> tuple[str, list[Power]]:
    if args.action == "add":
        if not args.power:
            raise NotAProvince(f"--power: name some of {', '.join(POWERS)}.")
        return args.org, [Power(word) for word in args.power]
    before = operator_records.find(layout, args.name)
    return before.org, [Power(word) for word in args.power or before.powers]


def _reloaded(layout: Layout, args: argparse.Namespace) -> bool:
    words = shlex.split(args.reload or "")
    try:
        revoking.run(words) if words else revoking.reload_by_pid(layout)
    except revoking.StillOpen:
        complain(
            "gate-province",
            "the broker does not know of it yet. Where it is elsewhere copy mosquitto.acl and authority/ca.crl to it, then `systemctl "
            "reload mosquitto`; RabbitMQ: gate-province rabbitmq.",
        )
        return False
    print_line("The broker was told to read its rules again.")
    return True


def _revoke(layout: Layout, args: argparse.Namespace) -> int:
    settings = layout.read_settings()
    address = broker_address(args.broker, (settings.hosts[0], settings.port))
    user = operator_records.find(layout, args.name).user
    if control := shlex.split(args.rabbitmqctl or ""):
        broker = revoking.Broker(address, lambda: rabbitmq_control.delete_user(control, user), by_name=True)
    else:
        words = shlex.split(args.reload or "")
        broker = revoking.Broker(address, (lambda: revoking.run(words)) if words else (lambda: revoking.reload_by_pid(layout)))
    operator_keys.revoke(layout, args.name, broker, now_ms())
    print_line(f"Revoked {args.name}: the broker has ended its session and lets it in no more; the keyring names its keys.")
    print_line("Scanners refuse them once `gate-province collect` has published it; one that is away, when it is back.")
    return 0


def _list(layout: Layout, *, as_json: bool) -> int:
    active = {one.name for one in operator_records.active(layout)}
    found = operator_records.every(layout)
    if as_json:
        for one in found:
            print_json({
                "name": one.name, "org": one.org, "powers": [str(power) for power in one.powers], "since_ms": one.since_ms,
                "ends_ms": min((key.ends_ms for key in one.keys), default=None), "revoked_ms": one.revoked_ms, "active": one.name in active,
            })  # fmt: skip
    else:
        print_table(("operator", "organisation", "may", "since", "until", ""), [_row(one, is_active=one.name in active) for one in found])
    return 0


def _row(one: Operator, *, is_active: bool) -> tuple[str, ...]:
    ends_ms = min((key.ends_ms for key in one.keys), default=None)
    state = "" if is_active and (ends_ms or 0) > now_ms() else "ended" if is_active else f"revoked {shown(one.revoked_ms)}"
    return one.name, one.org, ", ".join(one.powers), shown(one.since_ms), shown(ends_ms), state
