"""`gate-province demo`: the whole chain on one machine, with invented people, live in the terminal."""

from __future__ import annotations

import argparse
import itertools
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from edge_agent.base.console import print_json, print_line
from firmware.person_codes import Person
from province.base.errors import ProvinceError
from province.demo.demo_show import Show
from province.demo.demo_stage import Stage
from province.demo.demo_tally import is_whole, summary
from province.demo.synthetic import synthetic_people
from province.keys.keystore import Keystore
from province.records import views
from province.store import database

_EPILOG = """\
examples:
  gate-province demo                              30 people, then one now and then until Ctrl-C; the province's pages meanwhile
  gate-province demo --people 200 --exit          ends when all are receipted, with one JSON line last
  gate-province demo --keep /tmp/demo             keeps the province's folder, to look at with the other commands

What runs: Mosquitto, gate-province collect, web, watch, fleet-page and report serve, gate-agent run, gate-firmware run. The
camera is simulated: a drawn phone comes in, tilts, blurs and is held still until the light answers. Everything behind the camera is real.
All people are invented, and so is the district around the gate: forty places and ten days of passages, to look at in a browser as a
keeper, tracing officer, reporter and so on.
"""


_OTHERS = 100_000  # between the seeds of those who come later


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return number


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `demo` to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="the whole chain on this machine, with invented people",
        description="Starts a broker, a collector, an agent and a gate on this machine, lets invented people pass, and shows what happens.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--people", type=_positive, default=30, metavar="N", help="how many people pass (default: 30)")
    parser.add_argument("--exit", action="store_true", help="end when all are receipted; exit code 0 only if nothing is lost")
    parser.add_argument("--no-pages", action="store_true", help="only the gate, without a district around it and pages (so with --exit)")
    parser.add_argument("--seed", type=int, default=1, help="other people and other hands (default: 1)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="an empty or new folder for everything; kept afterwards")


def _end_as_with_ctrl_c(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def run(args: argparse.Namespace) -> int:
    """Runs the demonstration; 0 when everyone shown got a green light and is in the register once, 1 otherwise."""
    # A closed terminal too must leave no process and no key behind; a shell's background jobs begin with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end_as_with_ctrl_c)
    if args.keep is None:
        with tempfile.TemporaryDirectory(prefix="gate-demo-") as folder:
            return _play(Path(folder), args)
    try:
        args.keep.mkdir(parents=True, exist_ok=True)
        empty = not any(args.keep.iterdir())
    except OSError as error:
        raise ProvinceError(f"{args.keep}: cannot be used ({error.strerror}). Name an empty folder of yours.") from None
    if not empty:
        raise ProvinceError(f"{args.keep}: is not empty. Name an empty or new folder.")
    return _play(args.keep.absolute(), args)


def _play(root: Path, args: argparse.Namespace) -> int:
    people = synthetic_people(args.people, seed=args.seed)
    print_line("Chuẩn bị tỉnh, máy chủ MQTT, bộ thu, cổng … · setting up province, broker, collector, gate …")
    pages = not (args.exit or args.no_pages)
    with Stage(root, seed=args.seed, colour=sys.stdout.isatty(), pages=pages) as stage, closing(Show(stage)) as show:
        if pages:
            _tell_pages(stage)
        show.show(people)
        receipted = show.wait_for_receipts()
        result = summary(show.tally, _passages(stage, people), receipted)
        if not args.exit:
            print_json(result)
            print_line(f"Ctrl-C kết thúc · ends. Xem sổ · the register: gate-province entries {stage.layout.root}")
            with suppress(KeyboardInterrupt):
                show.go_on(_more_people(args.seed) if pages else None)
    if args.exit:
        print_json(result)
    return 0 if is_whole(result) else 1


def _tell_pages(stage: Stage) -> None:
    """Where the pages are, and how to come in; the logins die with this run."""
    print_line(f"Các trang của tỉnh · the province's pages: {stage.address}")
    print_line("  (chứng thư của chính tỉnh: trình duyệt sẽ hỏi · the province's own certificate: the browser will ask)")
    for login in stage.logins.values():
        print_line(f"  {login.phone}  {login.password}  {login.who}")
    print_line(f"Trang máy quét, cho người vận hành · the scanners' page, for the operator: {stage.fleet_address}")
    print_line("Bảng trực tiếp của cổng này · this gate's live board: người giữ cổng chợ → Chợ Cốc Lều · the keeper → Chợ Cốc Lều")


def _more_people(seed: int) -> Iterator[Person]:
    """Others than those before, without end."""
    for number in itertools.count(1):
        yield from synthetic_people(50, seed=seed + _OTHERS * number)


def _passages(stage: Stage, people: list[Person]) -> list[int]:
    """How often each person is in the register, looked up by token as a tracer would."""
    keystore = Keystore(stage.layout.keystore)
    with closing(database.connect(stage.layout.register, 5.0)) as connection:
        return [views.count_passages(connection, keystore, person.id_number) for person in people]
