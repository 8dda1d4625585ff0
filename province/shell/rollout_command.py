"""`gate-province rollout`: updates scanners stage by stage, and halts by itself when too many are not well with it."""

from __future__ import annotations

import argparse
import sys
import threading
from contextlib import closing
from pathlib import Path

from edge_agent.base import logs
from edge_agent.base.console import print_json, print_line, print_table
from edge_agent.base.ending import stop_when_asked
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from edge_agent.wire.topics import DeviceName
from province.base.broker_address import broker_address
from province.base.clock import now_ms, shown
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import RELEASES_PORT, Layout
from province.commands import operators
from province.commands.seat import enter
from province.looks.looking import ask
from province.registry import devices, revocations
from province.release import releases, rollout
from province.release.rollout import Phase, Rollout, Rules
from province.release.rollout_step import Pace, Step

_USUAL = Rules()
_EPILOG = """\
examples:
  gate-province rollout start /srv/gate 1.2.0 --org bus-co           1 %, 10 %, 50 %, 100 %; halts at 5 % that fail
  gate-province rollout start /srv/gate 1.2.0 bus-co/xe-12 --stages 100 --without-watch      one bus
  gate-province rollout status /srv/gate
  gate-province rollout resume /srv/gate 1.2.0 --org bus-co          after a halt: those that failed have another turn
  gate-province rollout abort /srv/gate 1.2.0 --org bus-co           nobody else is updated

It may be killed and resumed at any time: its file in rollouts/ says how far it is. Other commands go between its steps. A scanner counts
as updated once it has been well on its own, and as unwell when `gate-province watch` finds something wrong with it afterwards.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `rollout` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser("rollout", help="update scanners, a few first", description=__doc__, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    words = {"start": "begin one", "resume": "go on after a halt or a kill", "abort": "end one", "status": "how far each is"}
    parsers = {
        name: actions.add_parser(name, help=text, description=__doc__, epilog=_EPILOG, formatter_class=raw) for name, text in words.items()
    }
    for name, each in parsers.items():
        each.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        if name == "status":
            each.add_argument("--json", action="store_true", help="one JSON object a line")
            continue
        each.add_argument("release", metavar="RELEASE", help="its version, or the beginning of its name: release list")
        each.add_argument("--org", default="", metavar="ORG", help="the one organisation whose scanners it is for")
    starting = parsers["start"]
    starting.add_argument("names", nargs="*", metavar="ORG/DEVICE", help="only these scanners")
    starting.add_argument("--all-orgs", action="store_true", help="the scanners of every organisation")
    starting.add_argument("--stages", default="1,10,50,100", metavar="P,P,100", help="percent of all, rising (%(default)s)")
    starting.add_argument("--most-failed", type=float, default=_USUAL.most_failed_percent, metavar="P", help="halts above (%(default)s %%)")
    starting.add_argument(
        "--enough", type=float, default=_USUAL.enough_percent, metavar="P", help="halts when fewer were reached (%(default)s %%)"
    )
    starting.add_argument("--soak-s", type=int, default=_USUAL.soak_s, metavar="N", help="a stage must be well for so long (%(default)s)")
    starting.add_argument("--address", metavar="URL", help=f"where scanners fetch it (https://FIRST-HOST:{RELEASES_PORT}/)")
    starting.add_argument("--yes", action="store_true", help="do not ask first")
    for name in ("start", "resume"):
        each = parsers[name]
        each.add_argument("--broker", metavar="HOST:PORT", help="default: the first --host and --port of init")
        each.add_argument(
            "--for", dest="life_s", type=int, default=86_400, metavar="SECONDS", help="how long a scanner may be away (%(default)s)"
        )
        each.add_argument("--every", type=float, default=60.0, metavar="SECONDS", help="between two steps (%(default)s)")
        each.add_argument("--listen", type=float, default=20.0, metavar="SECONDS", help="how long a step hears answers (%(default)s)")
        each.add_argument("--without-watch", action="store_true", help="believe the scanners' own word alone")


def run(args: argparse.Namespace) -> int:
    """Starts, goes on, ends or shows; exit code 1 unless what was started or resumed is done."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    if args.action == "status":
        return _status(layout, as_json=args.json)
    if not operators.is_ready(layout):
        raise NotAProvince(f"{layout.root}: has no keys for commands yet. Once: gate-province command prepare {layout.root}")
    logs.configure(verbose=False)
    known = releases.named(layout, args.release)
    file = rollout.file_of(layout, known.release_id, args.org)
    if args.action == "abort":
        return _abort(layout, rollout.load(file))
    try:
        lock = ProcessLock(layout.rollouts_lock, "gate-province rollout")
    except (AlreadyRunning, OSError) as error:
        raise ProvinceError(f"{error}.") from None
    with lock:
        going = _start(layout, args, known) if args.action == "start" else _resume(layout, rollout.load(file))
        return _go(layout, going, args)


def _enter(layout: Layout, going: Rollout, what: str) -> None:
    with closing(revocations.connect(layout, now_ms())) as connection:
        enter(layout, connection, f"rollout {what} {going.release[:12]} {going.org or 'all'} {len(going.names)} scanners", going.why[:60])


def _start(layout: Layout, args: argparse.Namespace, known: releases.Known) -> Rollout:
    if rollout.file_of(layout, known.release_id, args.org).exists():
        raise NotAProvince("this release has a rollout already: rollout status, rollout resume.")
    if bool(args.org) == args.all_orgs and not args.names:
        raise NotAProvince("say --org ORG, or --all-orgs, or name the scanners.")
    names = _names(layout, args)
    settings = layout.read_settings()
    address = args.address or f"https://{settings.hosts[0]}:{RELEASES_PORT}/"
    try:
        rules = Rules(tuple(int(word) for word in args.stages.split(",")), args.most_failed, args.enough, args.soak_s)
        going = rollout.begun((known.release_id, known.release.software), names, args.org, address, rules, now_ms())
    except ValueError as error:
        raise NotAProvince(f"--stages {args.stages}: {error}.") from None
    if not args.yes:
        if not sys.stdin.isatty():
            raise NotAProvince("rollout start: say --yes where nobody can be asked.")
        if ask(f"update {len(names)} scanners to {known.release.software}, {len(going.batch())} first. Type yes: ") != "yes":
            raise ProvinceError("nothing was sent.")
    _enter(layout, going, "start")
    rollout.save(layout, going)
    return going


def _names(layout: Layout, args: argparse.Namespace) -> list[DeviceName]:
    with closing(revocations.connect(layout, now_ms())) as connection:
        active = [device.name for device in devices.every(connection) if device.status == devices.ACTIVE]
    own = [name for name in active if args.org in {"", name.org}]
    if not args.names:
        return own
    if strangers := [text for text in args.names if text not in set(map(str, own))]:
        raise NotAProvince(f"{', '.join(strangers)}: not a scanner of {args.org or 'this province'}; nothing was sent.")
    return [name for name in own if str(name) in args.names]


def _resume(layout: Layout, going: Rollout) -> Rollout:
    try:
        rollout.resume(going)
    except ValueError as error:
        raise NotAProvince(f"{going.software}: {error}.") from None
    _enter(layout, going, "resume")
    rollout.save(layout, going)
    return going


def _abort(layout: Layout, going: Rollout) -> int:
    _enter(layout, going, "abort")
    rollout.abort(layout, going)
    print_line("Nobody else is updated. Whoever was ordered it goes on; to go back, roll the earlier release out.")
    return 0


def _go(layout: Layout, going: Rollout, args: argparse.Namespace) -> int:
    stop = threading.Event()
    stop_when_asked(stop.set)
    settings = layout.read_settings()
    pace = Pace(broker_address(args.broker, (settings.hosts[0], settings.port)), args.life_s, args.listen, not args.without_watch)
    stage = -1
    while not stop.is_set():
        if rollout.is_aborted(layout, going):
            print_line("aborted.")
            return 1
        if going.stage != stage:
            stage = going.stage
            print_line(f"stage {going.percent} %: {len(going.batch())} of {len(going.names)} scanners")
        try:
            Step(layout, going, pace, lambda name, word: print_line(f"{name}: {word}")).take()
        except NotAProvince:
            raise
        except ProvinceError as error:
            print_line(f"this step came to nothing, the next follows: {error}")
        sys.stdout.flush()
        if going.phase is not Phase.RUNNING:
            break
        stop.wait(0 if going.stage != stage else args.every)
    if going.phase is Phase.HALTED:
        _enter(layout, going, "halted")
    print_line(f"{going.phase}{': ' + going.why if going.why else ''}. {_counted(going)}")
    return 0 if going.phase is Phase.DONE else 1


def _counted(going: Rollout) -> str:
    return ", ".join(f"{count} {came}" for came, count in going.counts().items())


def _status(layout: Layout, *, as_json: bool) -> int:
    found = rollout.every(layout)
    if as_json:
        for going in found:
            print_json({
                "release": going.release, "software": going.software, "org": going.org, "phase": going.phase, "why": going.why,
                "stage_percent": going.percent, "begun_ms": going.begun_ms, "counts": going.counts(),
                "scanners": {name: {"came": one.came, "why": one.why} for name, one in going.ones.items()},
            })  # fmt: skip
        return 0
    rows = [
        [
            going.release[:12],
            going.software,
            going.org or "all",
            going.phase,
            f"{going.percent} %",
            _counted(going),
            shown(going.begun_ms),
        ]
        for going in found
    ]
    print_table(["release", "software", "of", "is", "stage", "scanners", "begun"], rows)
    for going in found:
        for name, one in going.ones.items():
            if one.why:
                print_line(f"{name}: {one.came}: {one.why}")
    return 0
