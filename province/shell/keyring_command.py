"""`gate-province keyring`: shows the published sealing keys, makes longer ones, changes the undated key."""

from __future__ import annotations

import argparse
import os
from datetime import date, timedelta
from pathlib import Path

from edge_agent.base.console import print_json, print_line
from edge_agent.wire import sealing
from edge_agent.wire.authority import Power
from edge_agent.wire.keyring import UNDATED, EpochKey, day_of
from province.base.clock import now_ms, shown
from province.base.errors import AlreadyThere, ProvinceError
from province.base.layout import Layout
from province.keys.day_keys import write_pair
from province.keys.officers import load_officer
from province.keys.terms import Role, terms
from province.trust.keyring_office import KeyringOffice, check, read_signed

_FEW_DAYS = 7
_EPILOG = """\
examples:
  gate-province keyring show /srv/gate                              exit code 1 when fewer than 7 days are left or a day has no key
  gate-province keyring extend /srv/gate                            what a running collector does by itself, every day
  gate-province keyring rotate /srv/gate --out /media/safe/undated-2.key

The collector makes and publishes longer keyrings by itself, also after days when it did not run. `extend` is for when it cannot; the
collector publishes what it finds. `rotate` changes the undated key: entries sealed to the one before still arrive, so keep its file until
all scanners have the new keyring and `gate-province held list` is empty, then destroy it: that closes them for good.

The certificates of the keys that sign: gate-province certificates.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `keyring` to the command line."""
    raw, text = argparse.RawDescriptionHelpFormatter, "Shows, extends and changes the published sealing keys."
    parser = subparsers.add_parser(
        "keyring", help="show and extend the sealing keys", description=text, epilog=_EPILOG, formatter_class=raw
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("show", "what is published"),
        ("extend", "publish keys for the days ahead"),
        ("rotate", "publish another undated key"),
    ):
        each = actions.add_parser(name, help=summary, description=text, epilog=_EPILOG, formatter_class=raw)
        each.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        each.add_argument("--json", action="store_true", help="JSON instead of text")
        if name == "rotate":
            each.add_argument("--out", type=Path, required=True, metavar="FILE", help="the new private key: on the stick for the safe")


def run(args: argparse.Namespace) -> int:
    """Shows, extends or rotates."""
    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    office = KeyringOffice(layout, settings, load_officer(layout, Power.KEYRING))
    try:
        if args.action == "extend":
            office.extend(now_ms())
        elif args.action == "rotate":
            _rotate(layout, office, settings.suite, args.out)
    except OSError as error:
        raise ProvinceError(
            f"{error.filename or layout.root}: cannot be written ({error.strerror}). Check the disk and the rights."
        ) from None
    return _show(layout, office, as_json=args.json)


def _rotate(layout: Layout, office: KeyringOffice, suite: sealing.Suite, out: Path) -> None:
    pair = sealing.generate(suite)
    undated = EpochKey(UNDATED, pair.suite, pair.public)
    try:
        os.close(os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # claims the name
    except FileExistsError:
        raise AlreadyThere(f"{out}: exists; a key is never overwritten. Choose another --out.") from None
    try:
        write_pair(out, pair)
        office.rotate(undated, now_ms())
    except BaseException as error:
        if not _may_be_published(layout, undated):
            out.unlink(missing_ok=True)
            raise
        why = str(error) or type(error).__name__
        raise ProvinceError(
            f"{out}: kept, though this ended early ({why}): the keyring on the disk may name this key already, and what is sealed to it "
            "opens with nothing else. Put it into the safe; `gate-province keyring show` says which key is published."
        ) from error


def _may_be_published(layout: Layout, undated: EpochKey) -> bool:
    """Whether the keyring on the disk names the key; also when that cannot be told."""
    try:
        return check(layout, read_signed(layout)).key_for(None) == undated
    except (OSError, ProvinceError):
        return True


def _show(layout: Layout, office: KeyringOffice, *, as_json: bool) -> int:
    keyring = office.current
    days = sorted(key.epoch for key in keyring.keys if key.epoch != UNDATED)
    today = day_of(now_ms())
    ahead = (date.fromisoformat(office.last_day) - today).days
    missing = [day for offset in range(ahead + 1) if (day := (today + timedelta(days=offset)).isoformat()) not in days]
    signers = terms(layout, (Role.KEYRING, Role.RECEIPTS))
    ends = min((one.ends_ms for one in signers if one.ends_ms is not None), default=None)
    undated = keyring.key_for(None).key_id
    if as_json:
        print_json({
            "counter": keyring.counter, "issued_ms": keyring.issued_ms, "first_day": days[0], "last_day": days[-1], "days_ahead": ahead,
            "missing": missing, "undated": undated, "signers_end_ms": ends,
        })  # fmt: skip
    else:
        print_line(f"keyring {keyring.counter}, signed {shown(keyring.issued_ms)}; the signing keys are certified until {shown(ends)}")
        print_line(f"days {days[0]} to {days[-1]}, {ahead} ahead of today; the undated key is {undated}")
        if missing:
            print_line(f"no key for {', '.join(missing)}: entries of these days are sealed to the undated key")
    return 1 if ahead < min(_FEW_DAYS, layout.read_settings().days) or missing else 0
