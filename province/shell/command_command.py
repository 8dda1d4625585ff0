"""`gate-province command`: orders scanners to do something, and tells what became of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from edge_agent.base import logs
from edge_agent.base.console import complain, print_json, print_line, visible
from edge_agent.wire import command, sealed_bundle, sealing
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.command import LONGEST_LIFE_MS, Action
from edge_agent.wire.cose import Forged
from edge_agent.wire.results import Result, State
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.commands import issuing, operators, seat
from province.commands.issuing import Sent
from province.commands.operating import Desk, at_the_broker
from province.commands.ordering import Order
from province.keys.day_keys import KeyDamaged
from province.keys.keystore import Absent, Keystore
from province.keys.officers import read_root_public
from province.looks.looking import ask
from province.shell.certificates_command import root_key
from province.trust import revoking

_AGAIN, _PREPARE = "again", "prepare"
_ASK_FIRST = {
    Action.CLOSE, Action.SETUP, Action.SET_DIRECTION, Action.RESTART_DEVICE, Action.RESTART_FIRMWARE, Action.ROTATE_KEYS, Action.UPDATE,
}  # fmt: skip
_WAIT_S = {
    Action.RESTART_DEVICE: 300.0,
    Action.RESTART_FIRMWARE: 180.0,
    Action.SET_DIRECTION: 120.0,
    Action.UPDATE: 1800.0,
    Action.DIAGNOSTICS: 300.0,
}
_EPILOG = """\
examples:
  gate-province command identify /srv/gate bus-co/xe-12                   its light blinks: which of them is it?
  gate-province command close /srv/gate cho-coc-leu/cong-1 cho-coc-leu/cong-2 --reason "flood"
  gate-province command set-direction /srv/gate cho-coc-leu/cong-1 --lane trái --direction out
  gate-province command restart-device /srv/gate bus-co/xe-12 --yes       without asking first
  gate-province command again /srv/gate bus-co/xe-12                      how far is the last one? Never does it twice
  gate-province command prepare /srv/gate --root /media/safe/root         once, where an earlier release made the province

Each command names one scanner and its log, is signed by the key for its power, counts up, and ends after --for seconds. A scanner that is
away gets it when it is back, if that is in time. One that knows no time asks for its nonce, which is answered by itself. Each is a line of
the audit log before it is sent. Exit code 1 unless every scanner has done it.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `command` to the command line."""
    parser = subparsers.add_parser(
        "command",
        help="have scanners do something",
        description="Orders scanners to do something, and waits for what becomes of it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words = [str(action) for action in Action] + [_AGAIN, _PREPARE]
    parser.add_argument("what", choices=words, metavar="WHAT", help=f"one of {', '.join(words)}")
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder, or a desk's (gate-province operator)")
    parser.add_argument("names", nargs="*", metavar="ORG/DEVICE", help="the scanners")
    parser.add_argument("--org", metavar="ORG", help="refuse scanners of any other organisation")
    parser.add_argument("--lane", metavar="NAME", help="for set-direction: which lane")
    parser.add_argument("--direction", choices=("in", "out", "alternate"), help="for set-direction")
    parser.add_argument(
        "--argument", action="append", default=[], metavar="TEXT", help="for update: what the updater needs; again for more"
    )
    parser.add_argument("--reason", default="", help="why, kept in the audit log")
    parser.add_argument("--for", dest="life_s", type=int, default=600, metavar="SECONDS", help="how long it may wait for its scanner (600)")
    parser.add_argument("--wait", type=float, metavar="SECONDS", help="how long to wait for its end (by the action)")
    parser.add_argument("--yes", action="store_true", help="do not ask first")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--broker", metavar="HOST:PORT", help="default: the first --host and --port of init")
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="for diagnostics: where to (default: here)")
    parser.add_argument("--root", type=Path, metavar="PATH", help="for prepare: the root's key or its folder (default: DIR/root)")


def run(args: argparse.Namespace) -> int:
    """Sends, and waits."""
    if args.what == _PREPARE:
        layout = Layout(args.folder.absolute())
        layout.read_settings()
        return _prepare(layout, args.root)
    logs.configure(verbose=False)
    with seat.taken(args.folder, args.broker) as here:
        layout = here.layout
        names = _names(args, here.scanners.named)
        if args.what == Action.DIAGNOSTICS and here.listed is not None:
            raise NotAProvince("diagnostics: sealed to the province, which alone can open it; have it ordered there.")
        order = Order(layout, here.scanners, *_ordered(args), args.life_s * 1000, now_ms, _json if args.json else _line)
        if args.what != _AGAIN:
            _agree(args, names)
        wait_s = _WAIT_S.get(order.action, 60.0) if args.wait is None else args.wait
        with at_the_broker(layout, here.address, names, *here.leaves(Leaf.RESULTS), user=here.user) as desk:
            here.learn(desk, names)
            for name in names:
                if args.what == _AGAIN:
                    _again(layout, order, desk, name)
                else:
                    here.enter(f"{name}: {' '.join((order.action, *order.arguments))}", args.reason)
                    order.send(desk, name)
            order.follow(desk, wait_s)
        here.forget_wrong(order.ends)
        if order.action is Action.DIAGNOSTICS:
            for name in order.ends:
                _keep_diagnosis(order, name, args.out)
    return _concluded(order, names, wait_s)


def _names(args: argparse.Namespace, find: Callable[[str], DeviceName]) -> list[DeviceName]:
    if not args.names:
        raise NotAProvince("ORG/DEVICE: name at least one scanner; `gate-province device list` shows them.")
    if not 1 <= args.life_s * 1000 <= LONGEST_LIFE_MS:
        raise NotAProvince(f"--for {args.life_s}: must be 1 to {LONGEST_LIFE_MS // 1000} seconds.")
    if not args.reason.isprintable() or len(args.reason) > 100:
        raise NotAProvince("--reason: at most 100 printable characters.")
    names = list(dict.fromkeys(find(text) for text in args.names))
    if strangers := [str(name) for name in names if args.org not in {None, name.org}]:
        raise NotAProvince(f"{', '.join(strangers)}: not of {args.org}; nothing was sent.")
    return names


def _ordered(args: argparse.Namespace) -> tuple[Action, tuple[str, ...]]:
    """The action and its arguments."""
    if args.what == _AGAIN:
        return Action.IDENTIFY, ()
    action, arguments = Action(args.what), tuple(args.argument)
    if action is Action.SET_DIRECTION:
        if not args.lane or not args.direction:
            raise NotAProvince("set-direction: needs --lane NAME and --direction in, out or alternate.")
        arguments = (args.lane, args.direction)
    elif args.lane or args.direction:
        raise NotAProvince(f"--lane, --direction: {action} takes neither.")
    if not command.suits(action, arguments) or any(not 1 <= len(text) <= 500 for text in arguments):
        raise NotAProvince(f"{action}: not with {len(arguments)} arguments, or one is empty or longer than 500 characters.")
    return action, arguments


def _agree(args: argparse.Namespace, names: Iterable[DeviceName]) -> None:
    if args.yes or Action(args.what) not in _ASK_FIRST:
        return
    if not sys.stdin.isatty():
        raise NotAProvince(f"{args.what}: say --yes where nobody can be asked.")
    if ask(f"{args.what}: {', '.join(map(str, names))}. Type yes: ") != "yes":
        raise ProvinceError("nothing was sent.")


def _again(layout: Layout, order: Order, desk: Desk, name: DeviceName) -> None:
    message = issuing.last_sent(layout, name)
    try:
        known = command.verify(message, read_root_public(layout))
    except (Malformed, Forged) as error:
        raise ProvinceError(f"{name}: the last command cannot be read ({error}). Order it anew.") from None
    order.send_again(desk, name, Sent(known.issuer, known.command.counter, message))


def _line(name: DeviceName, result: Result) -> None:
    why = f": {result.reason}, {visible(result.detail)}" if result.reason else ""
    print_line(f"{name}: {visible(result.action)} {result.state}{why}")
    sys.stdout.flush()


def _json(name: DeviceName, result: Result) -> None:
    print_json({
        "device": str(name), "counter": result.counter, "action": result.action, "state": str(result.state), "reason": result.reason,
        "detail": result.detail,
    })  # fmt: skip
    sys.stdout.flush()


def _keep_diagnosis(order: Order, name: DeviceName, folder: Path) -> None:
    """Opens what a scanner has sent, and writes it; it tells of no person and holds no secret, and is its sender's all the same."""
    data = order.received(name)
    if data is None:
        return
    try:
        header, closed = sealed_bundle.verify(data, order.scanners.public_key(name))
        keys = Keystore(order.layout.keystore).load(header.key_id.partition("/")[0])
        if isinstance(keys, Absent) or header.name != name:
            raise ProvinceError(f"{name}: sealed to {visible(header.key_id)}, of which there is no key here")
        opened = sealed_bundle.unseal(closed, keys.pair.suite, keys.private)
        file = folder / f"{name.org}.{name.device}.{header.counter}.tar.gz"
        write_atomically(file, opened)
    except (Malformed, Forged, sealing.CannotOpen, KeyDamaged) as error:
        raise ProvinceError(f"{name}: its diagnosis cannot be opened ({error}).") from None
    except OSError as error:
        raise ProvinceError(
            f"{folder}: cannot be written ({error.strerror}). Name another place: --out FOLDER, and order it anew."
        ) from None
    print_line(f"{name}: {file}")


def _concluded(order: Order, names: list[DeviceName], wait_s: float) -> int:
    for name in order.silent():
        complain("gate-province", f"{name}: its end is not known after {wait_s:g} s. Ask later: gate-province command {_AGAIN} DIR {name}")
    return 0 if all(name in order.ends and order.ends[name].state is State.SUCCESSFUL for name in names) else 1


def _prepare(layout: Layout, given: Path | None) -> int:
    root = root_key(layout, given)
    if root is None:
        raise NotAProvince(f"{layout.root_key}: not there. Take it from the safe: --root /media/safe/root")
    try:
        operators.prepare(layout, root, now_ms())
    except OSError as error:
        raise ProvinceError(f"{error.filename or layout.root}: cannot be written ({error.strerror}). Run this as its owner.") from None
    try:
        revoking.reload_by_pid(layout)
    except revoking.StillOpen:
        print_line("Ready. Have the broker read mosquitto.acl again: systemctl reload mosquitto; RabbitMQ: gate-province rabbitmq.")
        return 0
    print_line("Ready. The broker was told to read its rules again.")
    return 0
