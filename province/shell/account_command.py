"""`gate-province account`: who works with the province's pages: role and reach, phones, passwords."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from edge_agent.base.console import print_json_list, print_line, print_table
from firmware.person_codes.masking import mask_name, mask_number
from province.accounts import account as accounts
from province.accounts import noting, passwords, reach
from province.accounts.account import Account, Role
from province.accounts.roll import Member, Roll, new_id
from province.base.clock import now_ms
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.keys import people_keys
from province.keys.keystore import Keystore
from province.looks.looking import ask, user
from province.records.audit import HeadNotNoted
from province.store import database
from province.store.opened import Connection

_ACTIONS = {
    "role": "account-role",
    "password": "account-password",
    "phone": "account-phone",
    "second": "account-second",
    "remove": "account-removed",
}
_EPILOG = """\
examples:
  gate-province account add /srv/gate --role keeper --name "Nguyễn Thị Lan" --phone - --site cho-dong-ba
  gate-province account add /srv/gate --role tracer --name "Trần Văn Minh" --phone - --unit 46-01
  gate-province account add /srv/gate --role operator --name "Lê Hùng" --phone - --org bus-co --commands
  gate-province account list /srv/gate                            masked
  gate-province account role /srv/gate k7m2pq9x --role special --site benh-vien
  gate-province account password /srv/gate k7m2pq9x               a new password; where they are in, they are out
  gate-province account phone /srv/gate k7m2pq9x --add -
  gate-province account second /srv/gate k7m2pq9x                 their phone is lost
  gate-province account remove /srv/gate k7m2pq9x

WHO is an account's id, or one of its phone numbers. `-` for a number asks for it, so that it stays out of the shell's history.
Passwords are made here and shown once. Each change is a line of the audit log and counts at once: `gate-province web` needs no restart.
Roles: keeper (own sites, masked) · special (hospital, checkpoint: own sites, all, each look noted) · tracer (within a case; one a unit)
· reporter (sums of a unit, an organisation, or the whole) · operator (own organisation's scanners) · admin (sites and accounts).
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `account` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "account", help="who works with the province's pages", description=__doc__, epilog=_EPILOG, formatter_class=raw
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    each = {
        name: actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=_EPILOG, formatter_class=raw)
        for name, text in (
            ("add", "let somebody in"), ("list", "list them, masked"), ("role", "give one another role or reach"),
            ("password", "give one a new password"), ("phone", "give one another number, or take one"),
            ("second", "have one set up the second step anew: the phone is lost"), ("remove", "let one in no more"),
        )
    }  # fmt: skip
    for name, one in each.items():
        one.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        if name not in {"add", "list"}:
            one.add_argument("who", metavar="WHO", help="an account's id, or a phone number of it; `-` asks")
    for name in ("add", "role"):
        one = each[name]
        one.add_argument("--role", required=True, choices=[str(role) for role in Role], help="what they may do")
        one.add_argument("--org", metavar="ORG", help="operator, reporter: the organisation they are of")
        one.add_argument("--unit", metavar="UNIT", help="tracer, reporter: the administrative unit they are of")
        one.add_argument("--whole", action="store_true", help="operator, reporter: of the province's staff, who see all of it")
        one.add_argument("--site", action="append", default=[], metavar="SITE", help="keeper, special: a site they see; give each")
        one.add_argument("--commands", action="store_true", help="operator: may send commands to scanners")
    for name in ("role", "remove"):
        each[name].add_argument("--last-admin", action="store_true", help="although no administrator is left to make accounts on the pages")
    each["add"].add_argument("--name", required=True, help="theirs")
    each["add"].add_argument("--phone", action="append", required=True, metavar="NUMBER", help="by which they come in; give each; `-` asks")
    each["list"].add_argument("--json", action="store_true", help="one JSON list instead of the table")
    how = each["phone"].add_mutually_exclusive_group(required=True)
    how.add_argument("--add", metavar="NUMBER", help="one more")
    how.add_argument("--remove", metavar="NUMBER", help="no more")


def run(args: argparse.Namespace) -> int:
    """Does one of them."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    roll = Roll(layout.register, people_keys.ensure(Keystore(layout.keystore)))
    with closing(database.connect(layout.register)) as connection:
        if args.action == "list":
            return _list(roll, connection, as_json=args.json)
        if args.action == "add":
            return _add(layout, roll, connection, args)
        _change(layout, roll, connection, args)
    return 0


def _add(layout: Layout, roll: Roll, connection: Connection, args: argparse.Namespace) -> int:
    one, password = _wanted(connection, args, new_id(), args.name), passwords.made()
    numbers, hashed = list(dict.fromkeys(_number(each) for each in args.phone)), passwords.hashed(password)
    with _noted(layout, roll, connection, "account-added", one, lambda: roll.add(connection, one, numbers, hashed, now_ms())):
        _tell(one.id, password)
    return 0


@contextmanager
def _noted(layout: Layout, roll: Roll, connection: Connection, action: str, one: Account, also: Callable[[], object]) -> Iterator[None]:
    """Makes a change; within it what came of it is told, which stands although the log's head is not noted.

    Raises:
        ProvinceError: nothing is changed; `HeadNotNoted`: it is, and told.
    """
    late: HeadNotNoted | None = None
    try:
        noting.note(connection, layout, roll, (user(), user()), action, one, also)
    except HeadNotNoted as error:
        late = error
    yield
    if late is not None:
        raise late


def _change(layout: Layout, roll: Roll, connection: Connection, args: argparse.Namespace) -> None:
    found = _found(roll, connection, args.who)
    one = found.account
    wanted = _wanted(connection, args, one.id, one.name) if args.action == "role" else one
    number = None if args.action != "phone" else _number(args.remove if args.add is None else args.add)
    password = passwords.made()
    hashed = passwords.hashed(password) if args.action == "password" else ""

    def do() -> None:
        match args.action:
            case "role":
                roll.change(connection, wanted, seen=found.mark, last_admin=args.last_admin)
            case "password":
                roll.set_password(connection, one.id, hashed)
            case "phone" if number is not None:
                (roll.remove_phone if args.add is None else roll.add_phone)(connection, one.id, number)
            case "second":
                roll.set_second(connection, one.id, None)
            case _:
                roll.remove(connection, one.id, last_admin=args.last_admin)

    with _noted(layout, roll, connection, _ACTIONS[args.action], wanted, do):
        _tell_change(roll, connection, args.action, wanted, password)


def _tell_change(roll: Roll, connection: Connection, action: str, one: Account, password: str) -> None:
    match action:
        case "role":
            print_line(f"{one.id}: {one.role} now. Where they were in, they are out.")
        case "password":
            _tell(one.id, password)
        case "phone":
            print_line(f"{one.id}: comes in by {', '.join(map(mask_number, roll.phones(connection, one.id)))}.")
        case "second":
            print_line(f"{one.id}: sets up the second step when they come in next. Where they were in, they are out.")
        case _:
            print_line(f"{one.id}: is let in no more.")


def _wanted(connection: Connection, args: argparse.Namespace, id_: str, name: str) -> Account:
    """The account that the options say; what it reaches is there.

    Raises:
        NotAProvince: it cannot be.
    """
    role = Role(args.role)
    one = accounts.account(
        id_, name, role, org=args.org, unit=args.unit, sites=frozenset(args.site), commands=args.commands, whole=args.whole
    )
    reach.check(connection, one)
    return one


def _found(roll: Roll, connection: Connection, who: str) -> Member:
    who = ask("phone: ") if who == "-" else who
    found = roll.find(connection, who) or roll.by_phone(connection, who)
    if found is None:
        raise NotAProvince("WHO: no account of this id or number. `gate-province account list DIR` shows them.")
    return found


def _number(given: str) -> str:
    return accounts.phone(ask("phone: ") if given == "-" else given)


def _tell(id_: str, password: str) -> None:
    print_line(f"account   {id_}")
    print_line(f"password  {password}      shown this once")


def _list(roll: Roll, connection: Connection, *, as_json: bool) -> int:
    rows, phones = [], roll.all_phones(connection)
    for member in roll.every(connection):
        one = member.account
        numbers = [mask_number(number) for number in phones.get(one.id, [])]
        rows.append((one, mask_name(one.name), numbers, one.reach or "all"))
    if as_json:
        print_json_list([
            {
                "id": one.id, "role": str(one.role), "name": name, "phones": numbers, "org": one.org, "unit": one.unit,
                "sites": sorted(one.sites), "commands": one.commands,
            }
            for one, name, numbers, _reach in rows
        ])  # fmt: skip
    else:
        print_table(
            ("account", "role", "name", "phone", "reach"),
            [(one.id, str(one.role), name, ", ".join(numbers), reach) for one, name, numbers, reach in rows],
        )
    return 0
