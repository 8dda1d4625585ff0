"""`gate-province retention run`: closes the days that are past retention, for good."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from edge_agent.base.console import print_json, print_line
from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import Layout
from province.keys.keystore import FLOOR_DAYS, Keystore
from province.records import erasures
from province.records.retention import DEFAULT_DAYS, ClosedDay, Leftovers, Retention
from province.store import database

_MOST_DAYS = 3650
_NAMED_MOST = 5
_EPILOG = f"""\
examples:
  gate-province retention run /srv/gate --dry-run    what would go, and nothing goes
  gate-province retention run /srv/gate              keeps {DEFAULT_DAYS} days before today, destroys the days before them
  gate-province retention run /srv/gate --days 14

Meant to run every night (cron, a systemd timer). A run that was cut short is finished by the next one; nothing is done twice.

Of each day past retention it destroys the epoch key, the token key and the data key together, and clears its rows. What backups, broker
stores and stolen scanners still hold of that day can then be read by nobody. The ledger stays, so that `prove` still works; what arrives
later for that day is receipted as expired. Held entries that nobody opened in so many days go too, and so do old refused messages.

Destroying goes by this machine's clock. It refuses when no scanner with a synchronised clock was heard of in the last days, unless you say
--trust-clock. It cannot reach copies of keystore/: make none. Files in keystore/ that are not its own are named, and the exit code is 1.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `retention` to the command line."""
    raw, text = argparse.RawDescriptionHelpFormatter, "Closes the days that are past retention."
    parser = subparsers.add_parser(
        "retention", help="destroy what is past retention", description=text, epilog=_EPILOG, formatter_class=raw
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    run_parser = actions.add_parser("run", help="close those days now", description=text, epilog=_EPILOG, formatter_class=raw)
    run_parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    run_parser.add_argument(
        "--days", type=int, default=DEFAULT_DAYS, help=f"full days before today to keep, at least {FLOOR_DAYS} (default {DEFAULT_DAYS})"
    )
    run_parser.add_argument("--dry-run", action="store_true", help="only say what would be destroyed")
    run_parser.add_argument("--trust-clock", action="store_true", help="go by this machine's clock although nothing confirms it")
    run_parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Closes what is due."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    if not FLOOR_DAYS <= args.days <= _MOST_DAYS:
        raise NotAProvince(f"--days {args.days}: must be {FLOOR_DAYS} to {_MOST_DAYS}.")
    keystore = Keystore(layout.keystore)
    with closing(erasures.connect(layout, keystore, now_ms())) as connection:
        retention = Retention(connection, layout.register, keystore, args.days, now_ms())
        due = retention.due()
        if args.dry_run:
            _tell_plan(retention, due, as_json=args.json)
            _name_strangers(keystore)
            return 0
        if not args.trust_clock and (any(one.keys for one in due) or retention.leftovers() != Leftovers(0, 0)):
            retention.doubt()
        try:
            for one in retention.close(due):
                _tell_day(one, "destroyed", as_json=args.json)
        except OSError as error:
            raise ProvinceError(f"{layout.keystore}: a day could not be destroyed ({error.strerror}). Run it again.") from None
        _tell_end(retention, retention.sweep(), "cleared", len(due), as_json=args.json)
        if not database.fold(connection):
            print_line("The register's write-ahead log is still in use; the next run empties it.")
    _name_strangers(keystore)
    return 0


def _name_strangers(keystore: Keystore) -> None:
    """Ends the run with an error when something lies in the keystore that may keep a day readable."""
    if strangers := keystore.strangers():
        names = ", ".join(str(path.relative_to(keystore.folder)) for path in strangers[:_NAMED_MOST])
        more = f" and {len(strangers) - _NAMED_MOST} more" if len(strangers) > _NAMED_MOST else ""
        raise ProvinceError(
            f"{keystore.folder}: {names}{more}: not the keystore's own. A copy of a day's keys keeps that day readable: the days above "
            "are closed, these files are not touched. Overwrite and remove them (shred -u), and find out who copied them."
        )


def _tell_plan(retention: Retention, due: list[ClosedDay], *, as_json: bool) -> None:
    for one in due:
        _tell_day(one, "would be destroyed", as_json=as_json)
    _tell_end(retention, retention.leftovers(), "would be cleared", len(due), as_json=as_json)


def _tell_day(one: ClosedDay, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"day": one.day, "keys": one.keys, "entries": one.entries, "done": done})
        return
    print_line(f"{one.day}: {'keys' if one.keys else 'no keys any more, what was left'} {done}, {one.entries} entries")


def _tell_end(retention: Retention, left: Leftovers, done: str, days: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"first_kept": retention.first_kept.isoformat(), "days": days, "held": left.held, "quarantined": left.quarantined})
        return
    print_line(f"{days} days; kept from {retention.first_kept} on. {left.held} held and {left.quarantined} refused messages {done}.")
