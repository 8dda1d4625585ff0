"""What every look for one person has in common: whom for, who looks, why, who looks along, and the line in the audit log before it."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import Layout
from province.keys.identifiers import Identifier, canonical
from province.keys.keystore import Keystore
from province.records import audit, auditors, erasures
from province.records.audit import Line
from province.store.opened import Connection

NUMBER_MOST = 100
_DIGITS = re.compile(r"\d(?:[ .-]?\d){8,}")


@dataclass(frozen=True, slots=True)
class Looker:
    """Who looks, and why.

    Attributes:
        second: name and key of who looks along, or None.
    """

    officer: str
    reason: str
    second: tuple[str, Ed25519PrivateKey] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Look:
    """A look that the audit log has a line of.

    Attributes:
        number: the identifier to look up.
    """

    layout: Layout
    keystore: Keystore
    connection: Connection
    number: str = field(repr=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what every look needs to say."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    add_subject(parser)
    add_officers(parser)


def add_subject(parser: argparse.ArgumentParser) -> None:
    """Adds whom the look is for, and why."""
    parser.add_argument("--id", metavar="NUMBER", default="-", help="the identifier, or - for standard input (default)")
    parser.add_argument("--reason", required=True, help='why, such as "case 2021/117"; kept in the audit log: name no person in it')


def add_officers(parser: argparse.ArgumentParser) -> None:
    """Adds who looks."""
    parser.add_argument("--officer", metavar="NAME", help="who looks (default: the operating system's user)")
    parser.add_argument("--second-officer", metavar="NAME", help="who looks along, and types their passphrase")


@contextmanager
def entered(args: argparse.Namespace, action: str) -> Iterator[Look]:
    """Asks for what the command line leaves open, enters the look in the audit log, and only then lets look.

    Args:
        args: the command line, with the arguments of `add_arguments`.
        action: what the audit log calls it.

    Raises:
        NotAProvince: no province, no number, a reason that will not do, or a second officer without a key or with another passphrase.
        RegisterBusy, KeystoreAway, ProvinceError: not entered.
    """
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    number = ask_number(args.id)
    who = looker(args, layout, check_reason(args.reason, number))
    keystore = Keystore(layout.keystore)
    with closing(erasures.connect(layout, keystore, now_ms())) as connection:
        enter(connection, layout, keystore, who, action, number)
        yield Look(layout, keystore, connection, number)


def ask(prompt: str, *, hidden: bool = False) -> str:
    """One line from the person at the keyboard, or from standard input."""
    if sys.stdin.isatty():
        if hidden:
            return getpass.getpass(prompt)
        sys.stderr.write(prompt)
        sys.stderr.flush()
    return sys.stdin.readline().strip()


def ask_number(given: str) -> str:
    """The identifier to look up, `-` for asking, so that it stays out of the shell's history.

    Raises:
        NotAProvince: none, or too long.
    """
    value = (ask("number: ") if given == "-" else given).strip()
    if not 1 <= len(value) <= NUMBER_MOST or not canonical(Identifier.ID_NUMBER, value):
        raise NotAProvince(f"--id: give one number of 1 to {NUMBER_MOST} characters.")
    return value


def user() -> str:
    """The operating system's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def check_reason(given: str, number: str) -> str:
    """A reason as it may stand in the audit log.

    Raises:
        NotAProvince: it is none, or names the person.
    """
    reason = given.strip()
    if not 3 <= len(reason) <= 200 or not reason.isprintable():
        raise NotAProvince("--reason: must be 3 to 200 printable characters.")
    if _DIGITS.search(reason) or (len(number) > 5 and number.casefold() in reason.casefold()):
        raise NotAProvince("--reason: name the case, not the person: it stays in the audit log longer than anything about them.")
    return reason


def looker(args: argparse.Namespace, layout: Layout, reason: str) -> Looker:
    """Reads who looks, with the arguments of `add_officers`, and asks a second officer for their passphrase.

    Raises:
        NotAProvince: a name will not do, or the second officer has no key or another passphrase.
    """
    officer = auditors.check_name(args.officer) if args.officer else user()
    if args.second_officer is None:
        return Looker(officer, reason)
    if args.second_officer == officer:
        raise NotAProvince("--second-officer: must be another person than --officer.")
    key = auditors.unlock(layout, args.second_officer, ask(f"passphrase of {args.second_officer}: ", hidden=True))
    return Looker(officer, reason, (args.second_officer, key))


def enter(
    connection: Connection, layout: Layout, keystore: Keystore, who: Looker, action: str, number: str | None,
    also: Callable[[], object] = lambda: None,
) -> None:  # fmt: skip
    """Enters a look for the person of a number in the audit log; only then may anything be shown.

    Args:
        connection: the register.
        layout: the province.
        keystore: keeps the log's head.
        who: looks, and why.
        action: what the log calls it.
        number: None where nobody knows it any more.
        also: the change that the line is about, in the same transaction; what it raises leaves no line.

    Raises:
        RegisterBusy, KeystoreAway, ProvinceError: not entered, and nothing changed.
    """
    at_ms = now_ms()
    mark = None if number is None else audit.subject(keystore, number, at_ms)
    second, key = who.second or (None, None)

    def make(place: int, previous: bytes) -> Line:
        return Line(place, previous, at_ms, action, who.officer, user(), who.reason, mark, second)

    try:
        audit.append(connection, layout.register, keystore, make, key, also)
    except OSError as error:
        raise ProvinceError(f"{layout.keystore}: the audit log cannot be written ({error.strerror}); nothing is shown.") from None
