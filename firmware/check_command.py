"""`gate-firmware check`: tests each configured part and says plainly how it is and what to do next."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.base.console import print_json_list, print_line
from edge_agent.device import settings as settings_of
from edge_agent.device.settings import ConfigError, Settings
from firmware.check_table import rows, summary
from firmware.configuration import load_settings
from firmware.verdict import Finding, Scope, Verdict, fault, ok

if TYPE_CHECKING:
    from firmware.self_test import Manner

_EPILOG = """\
examples:
  gate-firmware check                      is everything of this gate well?
  gate-firmware check --ask                also asks for a code at each camera and reader, best that of
                                           `gate-firmware test-code`
  gate-firmware check --json               for machines
  gate-firmware check --first-boot         in silence; the result goes to check.json in the state folder and, for
                                           three seconds, to the lights: ready or fault. `gate-firmware run` does
                                           this by itself at its first start; on a device without an identity it
                                           tests what needs none, at each start until all of it is well, and the
                                           rest once it has joined. Remove check.json and it does so again

✔ well   ! works, but look at it   ✘ not well   – not tested, with the reason   → what to do next
While a gate runs here its devices are left alone; everything else is tested without disturbing it.

JSON: [{"part": "clock", "verdict": "ok" | "note" | "fault" | "skipped", "detail": "…", "todo": "…"}, …], todo of notes and
faults only; check.json: {"format": "gate-scanner-check/1", "software": "0.1.0", "wall_ms": 1633300000000, "scope":
"whole" | "parts" (not joined yet), "well": true, "findings": [as above]}, nobody's data in it
exit code: 0 no fault; 1 a fault; 2 the configuration cannot be used
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "check",
        help="test each configured part",
        description="Tests each configured part for real: enrolment, keys, certificate, clock, disk, outbox, broker, board, pins, "
        "cameras, readers, lights, displays, barriers, contacts, positions.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON list, for machines")
    parser.add_argument("--offline", action="store_true", help="leave the network alone: do not try the broker")
    parser.set_defaults(loosened=(), of_gate=False, scope=Scope.WHOLE)
    asking = parser.add_mutually_exclusive_group()
    asking.add_argument("--ask", action="store_true", help="ask for a code at each camera and barcode reader")
    asking.add_argument("--first-boot", action="store_true", help="ask nobody, make no sound, keep and show the result")


def run(args: argparse.Namespace) -> int:
    """Tests and shows; see the epilogue for the exit codes."""
    show: Callable[[Finding], None] = (lambda _finding: None) if args.json else _print
    try:
        settings = load_settings(args.config)
    except ConfigError as error:
        findings = list(_told(error))
        for finding in findings:
            show(finding)
        _end(findings, as_json=args.json)
        return 2
    findings = []
    for finding in _test(settings, args):
        findings.append(finding)
        show(finding)
    _end(findings, as_json=args.json)
    kept = not args.first_boot or _keep(findings, settings.device.state, args.scope)
    return 0 if kept and all(finding.verdict is not Verdict.FAULT for finding in findings) else 1


def first_boot(config: Path, scope: Scope, loosened: Sequence[str]) -> int:
    """What `--first-boot` does, for a gate that holds its lock, has loaded its identity, if any, and closed what it found open."""
    manner = {"json": False, "offline": False, "ask": False, "first_boot": True, "loosened": loosened, "of_gate": True}
    return run(argparse.Namespace(config=config, scope=scope, **manner))


def _test(settings: Settings, args: argparse.Namespace) -> Iterator[Finding]:
    from firmware import check_result  # noqa: PLC0415 - sealing and SQLite load only once the configuration is good
    from firmware.self_test import Manner, self_test  # noqa: PLC0415 - the same

    lanes = len(settings.lanes)
    yield ok("configuration", f"{settings.source}: {lanes} lane{'' if lanes == 1 else 's'}")
    manner: Manner = Manner(
        _ask if args.ask else None,
        online=not args.offline,
        first_boot=args.first_boot,
        no_output=args.json,
        loosened=tuple(args.loosened),
        of_gate=args.of_gate,
        scope=args.scope,
        earlier=check_result.earlier(settings.device.state) if args.scope is Scope.MEMBERSHIP else (),
    )
    yield from self_test(settings, manner)


def _told(error: ConfigError) -> Iterator[Finding]:
    for problem in str(error).splitlines():
        yield fault("configuration", problem, "correct the file; `gate-firmware run` needs every line of it right")


def _ask(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def _print(finding: Finding) -> None:
    for line in rows(finding):
        print_line(line)
    sys.stdout.flush()


def _end(findings: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        print_json_list([asdict(finding) for finding in findings])
    else:
        print_line(summary(findings))


def _keep(findings: Sequence[Finding], state: Path, scope: Scope) -> bool:
    """Writes the result to the state folder; says so when it cannot."""
    from firmware import check_result  # noqa: PLC0415 - loaded by now
    from firmware.running_gate import give_to_owner  # noqa: PLC0415 - loaded by now

    file = check_result.result_file(state)
    try:
        check_result.keep(findings, state, scope)
        give_to_owner(file)
    except OSError as error:
        sys.stderr.write(f"gate-firmware check: {file}: cannot be written ({error.strerror})\n")
        return False
    return True
