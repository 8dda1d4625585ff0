"""`gate-province held`: shows what waits for a key, and opens it."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from edge_agent.base.console import print_json, print_line, print_table
from province.base.clock import shown
from province.base.layout import Layout
from province.collecting.reopening import Reopened, Reopening, held_counts, key_ids
from province.keys.day_keys import read_pair
from province.keys.keystore import Keystore
from province.store import database

_EPILOG = """\
examples:
  gate-province held list /srv/gate
  gate-province held open /srv/gate --undated-key /media/safe/offline/undated.key    with the stick from the safe
  gate-province held open /srv/gate                                                  without: all but the undated ones

undated              sealed without a trusted day or past the keyring's end: needs the offline key
key-missing          the keystore had no keys of that day: open again once it is restored
key-unknown          sealed to a key this province never published
key-damaged          that day's file in the keystore is damaged
cannot-open          damaged, or sealed under another header
body-not-understood, newer-version    written by a newer release: update, then open

Run it before retention does away with what is held. An entry is kept under its own day's keys, so it goes when that day goes.
Take the stick out again afterwards. Exit code 1 when entries remain that only the undated key opens.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `held` to the command line."""
    raw, text = argparse.RawDescriptionHelpFormatter, "Shows and opens entries that wait for a key."
    parser = subparsers.add_parser("held", help="show and open held entries", description=text, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="how many are held, and why", description=text, epilog=_EPILOG, formatter_class=raw)
    opening = actions.add_parser("open", help="open what can be opened now", description=text, epilog=_EPILOG, formatter_class=raw)
    opening.add_argument(
        "--undated-key", type=Path, action="append", default=[], metavar="FILE", help="the offline key; again for one before a rotation"
    )
    for each in (listing, opening):
        each.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        each.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Lists or opens."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    with closing(database.connect(layout.register)) as connection:
        if args.action == "list":
            counts = held_counts(connection)
            if args.json:
                for reason, entries, first_ms in counts:
                    print_json({"reason": reason, "entries": entries, "first_ms": first_ms})
            else:
                print_table(("reason", "entries", "first arrived"), [(why, str(count), shown(first)) for why, count, first in counts])
            return 0
        undated = key_ids([read_pair(file) for file in args.undated_key])
        done = Reopened()
        total = sum(count for _why, count, _first in held_counts(connection))
        for done in Reopening(connection, layout.register, Keystore(layout.keystore), undated).run():
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{done.seen} of {total}")
        if sys.stderr.isatty():
            sys.stderr.write("\n")
        database.fold(connection)
    return _tell(done, as_json=args.json)


def _tell(done: Reopened, *, as_json: bool) -> int:
    if as_json:
        print_json({"registered": done.registered, "expired": done.expired, "held": dict(done.held)})
    else:
        print_line(f"{done.registered} opened and registered, {done.expired} expired: their day is destroyed.")
        for reason, count in sorted(done.held.items()):
            print_line(f"{count} still held: {reason}")
    return 1 if done.held["undated"] else 0
