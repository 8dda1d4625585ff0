"""`gate-province store`: copies the register out and puts it back, and brings that of an earlier release to this one's version."""

from __future__ import annotations

import argparse
from contextlib import closing
from functools import partial
from pathlib import Path

from edge_agent.base.console import print_json, print_line
from province.accounts import noting
from province.accounts.roll import Roll
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.keys import people_keys, people_rights
from province.keys.keystore import Keystore
from province.looks.looking import ask
from province.records import backing_up
from province.store import database
from province.store.opened import Connection
from province.store.schema import SCHEMA_VERSION

_EPILOG = """\
examples:
  gate-province store show /srv/gate
  gate-province store upgrade /srv/gate     after an update, with collector, door and watch stopped
  gate-province store backup /srv/gate /backup/2021-10-05.register      while everything runs
  gate-province store restore /srv/gate /backup/2021-10-05.register     with everything stopped
  gate-province store restore /srv/gate /backup/2021-10-05.register --database postgresql:///gate2    into an empty one, then used

A backup holds sealed bodies, as the register does. Without the keystore, which is in no backup, nobody reads it. After a restore what was
erased, revoked or closed since is so again before anybody looks; what scanners still hold they send again.
Where a register stands that can be read, it is asked first, and that register is kept beside as a backup. A damaged one: move it away.

An upgrade is whole or not at all: what goes wrong leaves the register as it was. Make a backup before it all the same.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `store` to the command line."""
    raw, text = argparse.RawDescriptionHelpFormatter, "Shows and upgrades the register's tables."
    parser = subparsers.add_parser("store", help="show, upgrade the register", description=text, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    showing = actions.add_parser("show", help="which version it is of", description=text, epilog=_EPILOG, formatter_class=raw)
    upgrading = actions.add_parser(
        "upgrade", help="bring it to this release's version", description=text, epilog=_EPILOG, formatter_class=raw
    )
    saving = actions.add_parser("backup", help="copy it out while it is used", description=text, epilog=_EPILOG, formatter_class=raw)
    restoring = actions.add_parser("restore", help="put a backup in its place", description=text, epilog=_EPILOG, formatter_class=raw)
    for each in (showing, upgrading, saving, restoring):
        each.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        each.add_argument("--json", action="store_true", help="JSON instead of text")
    saving.add_argument("file", type=Path, metavar="FILE", help="a new file")
    restoring.add_argument("file", type=Path, metavar="FILE", help="made by `store backup`")
    restoring.add_argument("--over", action="store_true", help="without a question where a register stands that can be read")
    restoring.add_argument("--database", metavar="URL", help="for a register on a server: an empty database, used from then on")


def run(args: argparse.Namespace) -> int:
    """Does it; exit code 1 when what is shown needs an upgrade."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    if args.action == "backup":
        return _save(layout, args.file.absolute(), as_json=args.json)
    if args.action == "restore":
        if not args.over:
            _ask(layout)
        return _put_back(layout, args.file.absolute(), args.database, as_json=args.json)
    with closing(database.connect_any(layout.register)) as connection:
        before = database.version(connection)
        if args.action == "upgrade":
            database.upgrade(connection, layout.register)
        after = database.version(connection)
    _tell(layout.register, before, after, as_json=args.json)
    return 0 if after == SCHEMA_VERSION else 1


def _save(layout: Layout, target: Path, *, as_json: bool) -> int:
    size = backing_up.save(layout, target)
    if as_json:
        print_json({"file": str(target), "bytes": size})
    else:
        print_line(f"{target}: {size} bytes. It does not hold the keystore; nothing may.")
    return 0


def _ask(layout: Layout) -> None:
    """Has the person confirm, where a register stands that a backup would take the place of."""
    if (there := backing_up.standing(layout)) is None:
        return
    newest = "it has no entry" if there.newest_ms is None else f"its newest entry, number {there.newest}, came {shown(there.newest_ms)}"
    told = f"{layout.root}: there is a register that can be read: {newest}. What came after the backup will be in no register"
    if ask(f"{told}.\nType over to put the backup in its place: ") != "over":
        raise NotAProvince(f"{told}. Nothing was changed. If that is wanted: --over.")


def _put_back(layout: Layout, backup: Path, url: str | None, *, as_json: bool) -> int:
    accounts = 0

    def reapply(connection: Connection) -> None:
        nonlocal accounts
        if (keys := people_keys.read(Keystore(layout.keystore))) is not None:
            accounts = Roll(layout.register, keys).rights.reapply(connection)

    done = backing_up.put_back(layout, backup, url, now_ms(), [reapply], [partial(noting.settle_in, layout)])
    unsure = sorted(id_ for id_, note in people_rights.read(Keystore(layout.keystore)).accounts.items() if note.is_open)
    if as_json:
        kept = None if done.kept is None else str(done.kept)
        print_json(
            {"erased": done.erased, "revoked": done.revoked, "days": done.days, "accounts": accounts, "unsure": unsure, "kept": kept}
        )
    else:
        if accounts:
            print_line(
                f"{accounts} accounts were removed, or have or may have other rights since: those come in once `gate-province account "
                "password` says so."
            )
        if unsure:
            print_line(
                f"{', '.join(unsure)}: a change of these accounts was under way when the register before was lost; they are as the backup "
                "has them. Look at each, and change or remove it again."
            )
        print_line(
            f"Put back. Again erased: {done.erased} entries; revoked: {done.revoked} devices and certificates; closed: {done.days} days."
        )
        if done.kept is not None:
            print_line(f"What was there before is kept, sealed as a backup: {done.kept}. Delete it when nobody needs it.")
        print_line("If devices were revoked again: start `gate-province admit`, which writes the list, and reload the broker.")
    return 0


def _tell(register: Path, before: int, after: int, *, as_json: bool) -> None:
    if as_json:
        print_json({"register": str(register), "version": after, "was": before, "needed": SCHEMA_VERSION})
    elif after != before:
        print_line(f"{register}: version {after} now; it was {before}.")
    elif after == SCHEMA_VERSION:
        print_line(f"{register}: version {after}, which is what this release needs.")
    else:
        print_line(f"{register}: version {after}; this release needs {SCHEMA_VERSION}: gate-province store upgrade {register.parent}")
