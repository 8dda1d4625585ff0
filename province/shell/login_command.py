"""`gate-province login`: who may look at the fleet's page, each with a password of their own."""

from __future__ import annotations

import argparse
from contextlib import closing
from functools import partial
from pathlib import Path

from edge_agent.base.console import print_json_list, print_line, print_table
from province.accounts import account, noting
from province.accounts.account import Role
from province.accounts.roll import Roll, new_id
from province.base.clock import now_ms
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.fleet.accounts import AccountsFile, Operator
from province.keys import people_keys
from province.keys.keystore import Keystore
from province.looks.looking import ask, user
from province.store import database

_EPILOG = """\
examples:
  gate-province login add /srv/gate lan --org bus-co                   sees the scanners of bus-co alone
  gate-province login add /srv/gate hung --org bus-co --commands       and may restart, close and open them
  gate-province login add /srv/gate truc-ban --staff                   the province's own: sees all
  gate-province login password /srv/gate lan                           a new password; where lan is in, lan is out
  gate-province login remove /srv/gate lan
  gate-province login list /srv/gate
  gate-province login move /srv/gate lan --phone - --as "Nguyễn Thị Lan"   an account of the province from now on, with the same password

The password is shown once. It counts at once, without a restart of `gate-province fleet-page`.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `login` to the command line."""
    parser = subparsers.add_parser(
        "login", help="who may look at the fleet's page", description=__doc__, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("what", choices=("add", "password", "remove", "list", "move"), help="what to do")
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("name", nargs="?", metavar="NAME", help="what they type to come in")
    parser.add_argument("--org", metavar="ORG", help="add: the organisation whose scanners they see")
    parser.add_argument("--staff", action="store_true", help="add: they see the scanners of all")
    parser.add_argument("--commands", action="store_true", help="add: they may send commands too")
    parser.add_argument("--phone", metavar="NUMBER", help="move: by which they come in from now on; `-` asks")
    parser.add_argument("--as", dest="people_name", metavar="NAME", help="move: their name for people (default: NAME)")
    parser.add_argument("--json", action="store_true", help="list: one JSON list")


def run(args: argparse.Namespace) -> int:
    """Does it; 0 when it is done."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    accounts = AccountsFile(layout)
    if args.what == "list":
        return _list(accounts, as_json=args.json)
    if not args.name:
        raise NotAProvince(f"{args.what}: NAME is missing.")
    if args.what == "add":
        if bool(args.org) == args.staff:
            raise NotAProvince("say either --org ORG, whose scanners they see, or --staff, who see all.")
        _tell(args.name, accounts.add(args.name, args.org, commands=args.commands))
    elif args.what == "password":
        _tell(args.name, accounts.renew(args.name))
    elif args.what == "move":
        _move(layout, accounts, args)
    else:
        accounts.remove(args.name)
        print_line(f"{args.name}: is let in no more.")
    return 0


def _move(layout: Layout, accounts: AccountsFile, args: argparse.Namespace) -> None:
    """Makes an operator one of the province's accounts; they are kept there alone from then on."""
    if not args.phone:
        raise NotAProvince("move: --phone is missing, by which they come in from now on.")
    number = account.phone(ask("phone: ") if args.phone == "-" else args.phone)
    roll = Roll(layout.register, people_keys.ensure(Keystore(layout.keystore)))

    def take(operator: Operator) -> None:
        one = account.account(
            new_id(),
            args.people_name or args.name,
            Role.OPERATOR,
            org=operator.org,
            unit=None,
            sites=frozenset(),
            commands=operator.commands,
            whole=operator.org is None,
        )
        with closing(database.connect(layout.register)) as connection:
            also = partial(roll.add, connection, one, [number], operator.hashed, now_ms())
            noting.note(connection, layout, roll, (user(), user()), "account-added", one, also)
        print_line(f"{args.name}: is account {one.id} now, with the same password. A second step is set up on the province's pages.")

    accounts.hand_over(args.name, take)


def _tell(name: str, password: str) -> None:
    print_line(f"name      {name}")
    print_line(f"password  {password}      shown this once")


def _list(accounts: AccountsFile, *, as_json: bool) -> int:
    found = sorted(accounts.all().values(), key=lambda each: each.name)
    if as_json:
        print_json_list([{"name": each.name, "org": each.org, "commands": each.commands} for each in found])
    else:
        rows = [(each.name, each.org or "all, as staff", "yes" if each.commands else "no") for each in found]
        print_table(("operator", "sees", "commands"), rows)
    return 0
