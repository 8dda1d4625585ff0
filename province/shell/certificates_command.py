"""`gate-province certificates`: when what the province proves itself with ends, and renewing it."""

from __future__ import annotations

import argparse
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.base.console import complain, print_json, print_line, print_table
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import Layout
from province.keys import officers
from province.keys.terms import CLIENTS, OFFICERS, Role, Term, term, terms
from province.trust import renewing, revoking

_WHAT = {
    Role.AUTHORITY: "signs the TLS certificates",
    Role.BROKER: "TLS of the broker",
    Role.COLLECTOR: "TLS of `collect` at the broker",
    Role.SECOND_COLLECTOR: "the same of `collect --number 2`",
    Role.REGISTRAR: "TLS of `admit` at the broker",
    Role.COMMANDER: "TLS of `command` and `config` at the broker",
    Role.FLEET: "TLS of `watch` at the broker",
    Role.DOOR: "TLS of the door of `admit`",
    Role.REVOCATIONS: "the list of revoked certificates",
    Role.KEYRING: "signs keyrings",
    Role.RECEIPTS: "signs receipts",
    Role.TICKETS: "signs tickets",
    Role.IDENTIFY: "signs commands that only show where a scanner is",
    Role.CONFIGURE: "signs the other commands and configurations",
    Role.UPDATE: "signs updates",
}
_BROKERS = {Role.AUTHORITY, Role.BROKER, Role.REVOCATIONS}  # what the broker has read when it started

_LIST_EPILOG = """\
examples:
  gate-province certificates list /srv/gate           exit code 1 when one is due or cannot be read
  gate-province certificates list /srv/gate --json

A role is due 60 days before its end, the authority two years: scanners get its new certificate together with their own, each year.
"""

_RENEW_EPILOG = """\
examples:
  gate-province certificates renew /srv/gate                              whatever is due
  gate-province certificates renew /srv/gate --root /media/safe/root      also the officers' (keyring, receipts, tickets …)
  gate-province certificates renew /srv/gate receipts --root /media/safe/root --new-keys
  gate-province certificates renew /srv/gate broker --reload "ssh mqtt systemctl reload mosquitto"

Keys stay unless --new-keys is given; root and authority keep theirs for good. Scanners notice nothing: they pin the root. What runs takes
renewed certificates by itself: `collect` and `admit` with the next thing they sign, RabbitMQ within minutes, Mosquitto when it is told to
(SIGHUP, sent from here when it runs here). A broker on another machine needs broker/ and authority/ca.crt, ca.crl copied there first:
let --reload's COMMAND do that. With new keys for `tickets`, invitations made before are worth nothing any more.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `certificates` to the command line."""
    raw, text = argparse.RawDescriptionHelpFormatter, "Lists and renews the certificates of the province itself."
    parser = subparsers.add_parser("certificates", help="when the province's own end, and renewing them", description=text)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="when each ends", description=text, epilog=_LIST_EPILOG, formatter_class=raw)
    listing.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    listing.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    renew = actions.add_parser("renew", help="renew what is due", description=text, epilog=_RENEW_EPILOG, formatter_class=raw)
    renew.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    renew.add_argument("roles", nargs="*", metavar="ROLE", help=f"these, due or not: {', '.join(Role)}")
    renew.add_argument("--all", action="store_true", help="all, due or not")
    renew.add_argument("--new-keys", action="store_true", help="exchange their keys too")
    renew.add_argument("--root", type=Path, metavar="PATH", help="the root's key or its folder, from the safe (default: DIR/root)")
    renew.add_argument("--reload", metavar="COMMAND", help="makes the broker read its files again (default: SIGHUP to the one here)")


def run(args: argparse.Namespace) -> int:
    """Lists or renews."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    try:
        renewing.finish_exchanges(layout)
    except OSError as error:
        raise ProvinceError(f"{error.filename or layout.root}: cannot be written ({error.strerror}). Run this as its owner.") from None
    if args.action == "list":
        return _list(layout, as_json=args.json)
    return _renew(layout, args)


def _list(layout: Layout, *, as_json: bool) -> int:
    now, found = now_ms(), terms(layout)
    if as_json:
        for one in found:
            print_json({
                "role": str(one.role), "ends_ms": one.ends_ms, "days_left": None if one.ends_ms is None else one.days_left(now),
                "due": one.is_due(now), "file": str(one.file), "trouble": one.trouble,
            })  # fmt: skip
    else:
        print_table(("role", "for", "ends", "days left", ""), [_row(one, now) for one in found])
    return 1 if any(one.is_due(now) or one.trouble for one in found) else 0


def _row(one: Term, now: int) -> tuple[str, ...]:
    if one.ends_ms is None:
        return one.role, _WHAT[one.role], "-", "-", f"{one.file}: {one.trouble}"
    return one.role, _WHAT[one.role], shown(one.ends_ms), str(one.days_left(now)), "renew it now" if one.is_due(now) else ""


def _roles(args: argparse.Namespace, layout: Layout) -> list[Role]:
    """Which to renew, in the order in which it is done."""
    unknown = [word for word in args.roles if word not in set(Role)]
    if unknown or (args.roles and args.all):
        wrong = f"{unknown[0]!r} is not one" if unknown else "--all says it already"
        raise NotAProvince(f"ROLE: {wrong}; name some of {', '.join(Role)}, or --all.")
    if args.new_keys and not args.roles and not args.all:
        raise NotAProvince("--new-keys: name the ROLEs whose keys to exchange, or --all.")
    if args.new_keys and Role.AUTHORITY in args.roles:
        raise NotAProvince("authority: its key stays, because every scanner knows it. Renew it without --new-keys.")
    now = now_ms()
    return [role for role in Role if args.all or role in args.roles or (not args.roles and term(layout, role).is_due(now))]


def root_key(layout: Layout, given: Path | None) -> Ed25519PrivateKey | None:
    """The root's private key; None when it is in the safe and nobody named it.

    Raises:
        NotAProvince: what was named is not this root's key.
    """
    if given is None and not layout.root_key.exists():
        return None
    file = layout.root_key if given is None else given
    return officers.read_root_key(layout, file / layout.root_key.name if file.is_dir() else file)


def _renew(layout: Layout, args: argparse.Namespace) -> int:
    roles = _roles(args, layout)
    root = root_key(layout, args.root) if OFFICERS.keys() & set(roles) else None
    without_root = [role for role in roles if role in OFFICERS and root is None]
    done = [role for role in roles if role not in without_root]
    renewal = renewing.Renewal(layout, now_ms(), args.new_keys, root)
    for role in done:
        try:
            renewal.renew(role)
        except OSError as error:
            why = f"{error.filename or layout.root}: cannot be written ({error.strerror}). Check the disk and the rights."
            raise ProvinceError(f"{role}: not renewed. {why}") from None
        key = "" if role is Role.REVOCATIONS else ", new key" if args.new_keys and role is not Role.AUTHORITY else ", same key"
        print_line(f"{role}: until {shown(term(layout, role).ends_ms)}{key}")
    if not roles:
        print_line("Nothing is due.")
    told = _tell_broker(layout, args, done)
    if without_root:
        complain(
            "gate-province",
            f"{', '.join(without_root)}: not renewed: the root certifies officers, and {layout.root_key} is not there. Take it from the "
            f"safe: gate-province certificates renew {layout.root} {' '.join(without_root)} --root /media/safe/root",
        )
    return 1 if without_root or not told else 0


def _tell_broker(layout: Layout, args: argparse.Namespace, done: Sequence[Role]) -> bool:
    """Makes the broker read what it must; False when it has to be done by hand."""
    keys_of_clients = args.new_keys and not CLIENTS.keys().isdisjoint(done)  # the old ones are on the list now
    if not keys_of_clients and not _BROKERS & set(done):
        return True
    words = shlex.split(args.reload or "")
    try:
        if words:
            subprocess.run(words, check=True)  # noqa: S603 - the operator's own command
        else:
            revoking.reload_by_pid(layout)
    except (OSError, subprocess.CalledProcessError, revoking.StillOpen) as error:
        complain(
            "gate-province",
            f"the broker goes on with what it read before ({error if words else 'no Mosquitto of ours runs here'}). Make it read its files "
            "again: `systemctl reload mosquitto` where it runs, or --reload COMMAND here. RabbitMQ does so by itself.",
        )
        return False
    print_line("The broker was told to read its files again.")
    return True
