"""`gate-firmware check`: tests each configured part and says plainly how it is and what to do next."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from drivers import system_clock
from edge_agent import settings as settings_of
from edge_agent.control import ask_counters
from edge_agent.process_lock import AlreadyRunning, ProcessLock
from edge_agent.settings import ConfigError, Settings
from firmware.configuration import load_settings
from firmware.console import print_json_list, print_line, visible
from firmware.reading import SourceState
from firmware.verdict import Finding, Verdict, fault, ok, skipped

_MARKS = {Verdict.OK: "✔", Verdict.FAULT: "✘", Verdict.SKIPPED: "–"}
_EPILOG = """\
examples:
  gate-firmware check                      is everything of this gate well?
  gate-firmware check --ask                also asks for a code at each barcode reader
  gate-firmware check --json               for machines

✔ well   ✘ not well, with what to do next   – not tested, with the reason
While a gate runs here its devices are left alone; everything else is tested without disturbing it.

JSON: [{"part": "clock", "verdict": "ok" | "fault" | "skipped", "detail": "…", "todo": "…"}, …]
exit code: 0 all is well; 1 a fault; 2 the configuration cannot be used
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "check",
        help="test each configured part",
        description="Tests each configured part: configuration, enrolment, keys, clock, disk, outbox, cameras, readers, lights.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON list, for machines")
    parser.add_argument("--ask", action="store_true", help="ask for a code at each barcode reader")


def run(args: argparse.Namespace) -> int:
    """Tests and shows; see the epilogue for the exit codes."""
    show: Callable[[Finding], None] = (lambda _finding: None) if args.json else _print
    findings: list[Finding] = []
    exit_code = 0
    for finding in _test_configuration(args.config, ask=args.ask, quiet=args.json):
        findings.append(finding)
        show(finding)
        if finding.verdict is Verdict.FAULT:
            exit_code = max(exit_code, 2 if finding.part == "configuration" else 1)
    if args.json:
        print_json_list([asdict(finding) for finding in findings])
    else:
        print_line(_summary(findings))
    return exit_code


def _test_configuration(path: Path, *, ask: bool, quiet: bool) -> Iterator[Finding]:
    try:
        settings = load_settings(path)
    except ConfigError as error:
        for problem in str(error).splitlines():
            yield fault("configuration", problem, "correct the file; `gate-firmware run` needs every line of it right")
        return
    lanes = len(settings.lanes)
    yield ok("configuration", f"{path}: {lanes} lane{'' if lanes == 1 else 's'}")
    from firmware.state_checks import check_state  # noqa: PLC0415 - sealing and SQLite load only once the configuration is good

    yield from check_state(settings, system_clock.wall_ms())
    with _alone(settings) as running:
        if running is not None:
            yield running
        yield from _test_devices(settings, running, ask=ask, quiet=quiet)


def _test_devices(settings: Settings, running: Finding | None, *, ask: bool, quiet: bool) -> Iterator[Finding]:
    from firmware import device_checks as devices  # noqa: PLC0415 - the same

    if any(lane.camera for lane in settings.lanes):
        yield devices.check_decoders()
    if running is not None:
        yield from _leave_alone(settings, running)
        return
    prompt = (lambda text: print(text, file=sys.stderr, flush=True)) if ask else None
    for lane in settings.lanes:
        yield devices.check_camera(lane) if lane.camera else devices.check_reader(lane, prompt)
    for part, url in _indicators(settings):
        with contextlib.redirect_stdout(sys.stderr) if quiet else contextlib.nullcontext():  # a terminal light must not spoil the JSON
            yield devices.check_indicator(part, url)


def _leave_alone(settings: Settings, running: Finding) -> Iterator[Finding]:
    """What the running gate itself says of its devices."""
    if running.verdict is Verdict.FAULT:
        for part, _key, _group in _devices(settings):
            yield skipped(part, "may be in use by a running gate")
        return
    counters = ask_counters(settings.device.runtime) or {}
    for part, key, group in _devices(settings):
        state = counters.get(group, {}).get(key)
        if state == SourceState.FAULT:
            yield fault(part, "in use by the running gate, which reports a fault", "its log says why: journalctl -u gate-firmware")
        else:
            yield skipped(part, "in use by the running gate" + (f": {state}" if state else ""))


def _devices(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Each device: what to call it, and where the counters of a running gate tell how it is."""
    for lane in settings.lanes:
        yield f'{"camera" if lane.camera else "reader"} of lane "{lane.name}"', lane.name, "sources"
    for part, url in _indicators(settings):
        yield part, url, "lights"


def _indicators(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each light of the gate once, with what to call it."""
    lanes_of: dict[str, list[str]] = {}
    for lane in settings.lanes:
        lanes_of.setdefault(lane.indicator or settings.gate.indicator, []).append(f'"{lane.name}"')
    for url, names in lanes_of.items():
        yield f"indicator of lane {' and '.join(names)}", url


@contextmanager
def _alone(settings: Settings) -> Iterator[Finding | None]:
    """Keeps a gate from starting while its devices are tested; yields a finding when one runs already or nobody can tell."""
    state = settings.device.state
    if not state.is_dir():
        yield None  # nobody can run without it
        return
    try:
        lock = ProcessLock(state / "firmware.lock", "gate-firmware")
        _give_to_owner(state / "firmware.lock")
    except AlreadyRunning as error:
        yield skipped("running gate", f"{error} to have its devices tested too")
        return
    except OSError as error:
        yield fault("running gate", f"nobody can tell whether one runs ({error})", "run this as the gate's user or as root")
        return
    try:
        yield None
    finally:
        lock.release()


def _give_to_owner(path: Path) -> None:
    """A lock file made by root must not keep the gate's own user out."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _print(finding: Finding) -> None:
    print_line(f"{_MARKS[finding.verdict]} {finding.part:<24} {finding.verdict:<8} {visible(finding.detail)}")
    if finding.todo:
        print_line(f"  {'':<24} {'':<8} → {visible(finding.todo)}")
    sys.stdout.flush()


def _summary(findings: list[Finding]) -> str:
    faults = sum(finding.verdict is Verdict.FAULT for finding in findings)
    if not faults:
        return "all is well" if all(finding.verdict is Verdict.OK for finding in findings) else "all that could be tested is well"
    return f"{faults} fault{'' if faults == 1 else 's'}: see → for what to do"
