"""Has a gate test itself at its first start, in a process of its own: whatever a device hangs in, the gate opens.

A device that is nobody's yet tests all that needs no identity before it waits for its ticket, at each start until that is well; the rest
when it has joined.

That process ends with the gate's: its standard input is a pipe that nobody writes to, and whose end tells it to go.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edge_agent.device.settings import Settings
from firmware import check_result
from firmware.verdict import Finding, Scope, Verdict, fault

log = logging.getLogger(__name__)
_AT_MOST_S = 60.0
_LOOK_S = 0.2
_END_S = 2.0
_TODO = "run: gate-firmware check, with the gate stopped"


def open_to_others(state: Path) -> list[str]:
    """The keys that others could read before the first start, to be asked before the identity is loaded, which closes them."""
    if _of_member(state) is None:
        return []
    from firmware.certificate_checks import loose_files  # noqa: PLC0415 - for the first start only

    return list(loose_files(state))


def _of_member(state: Path) -> Scope | None:
    """What a member has still to test; None when all was, or when nobody can tell."""
    try:
        return Scope.MEMBERSHIP if check_result.kept(state).scope is Scope.PARTS else None
    except FileNotFoundError:
        return Scope.WHOLE
    except check_result.NO_RESULT:
        return None


def try_parts(settings: Settings, stopping: threading.Event, at_most_s: float = _AT_MOST_S) -> frozenset[str]:
    """Tests what needs no identity, unless it was well before; returns the parts at fault. Otherwise as `try_once`.

    Readers are not among them: how each is shows while the gate waits.
    """
    state = settings.device.state
    with suppress(*check_result.NO_RESULT):
        before = check_result.kept(state)
        if before.scope is Scope.PARTS and check_result.well(before.findings):
            return frozenset()
    readers = {f'reader of lane "{lane.name}"' for lane in settings.lanes}
    return frozenset(finding.part for finding in _try(settings, Scope.PARTS, stopping, (), at_most_s)) - readers


def try_once(settings: Settings, stopping: threading.Event, loosened: Sequence[str] = (), at_most_s: float = _AT_MOST_S) -> None:
    """Tests what a member has not tested yet; logs a line for each fault, and raises nothing.

    Args:
        settings: of the gate, whose lock the caller holds, and whose devices are free.
        stopping: ends the test; it is then run at the next start.
        loosened: what `open_to_others` said.
        at_most_s: how long it may take.
    """
    if (scope := _of_member(settings.device.state)) is not None:
        _try(settings, scope, stopping, loosened, at_most_s)


def _try(settings: Settings, scope: Scope, stopping: threading.Event, loosened: Sequence[str], at_most_s: float) -> Sequence[Finding]:
    """Runs the self-test and returns the faults."""
    state = settings.device.state
    try:
        log.info("the gate tests itself, silently; at most %g s", at_most_s)
        before = _written(state)
        ended = _run([str(settings.source), str(scope), *loosened], stopping, at_most_s)
        if stopping.is_set():
            return ()
        if _written(state) == before:
            why = f"not done within {at_most_s:g} s" if ended is None else f"ended with {ended} and left no result"
            check_result.keep([fault("self-test", why, _TODO)], state, scope)
        return _tell(state)
    except check_result.NO_RESULT as error:
        log.warning("self-test: fault: no result in %s (%s) → %s", state, error, _TODO)
        return [fault("self-test", "no result", _TODO)]


def _written(state: Path) -> tuple[int, int] | None:
    """Tells one result from the next: each is a file of its own."""
    try:
        file = check_result.result_file(state).stat()
    except FileNotFoundError:
        return None
    return file.st_ino, file.st_mtime_ns


def _run(words: Sequence[str], stopping: threading.Event, at_most_s: float) -> int | None:
    """The self-test's exit code, None when it was ended."""
    command = [sys.executable, "-P", "-m", __name__, *words]
    child = subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until_s = time.monotonic() + at_most_s
        while not stopping.is_set() and time.monotonic() < until_s:
            with suppress(subprocess.TimeoutExpired):
                return child.wait(_LOOK_S)
    finally:
        if child.stdin is not None:
            child.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        child.wait(2 * _END_S)
        return None
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):  # one that hangs in the kernel cannot even be killed
        child.wait(_END_S)
    return None


def _tell(state: Path) -> Sequence[Finding]:
    findings = check_result.kept(state).findings
    faults = [finding for finding in findings if finding.verdict is Verdict.FAULT]
    for finding in faults:
        log.warning("self-test: %s: fault: %s → %s", finding.part, finding.detail, finding.todo)
    log.info("self-test: %d parts, %d faults; all of it is in %s", len(findings), len(faults), check_result.result_file(state))
    return faults


def _end_with_the_gate() -> None:
    while os.read(0, 1):
        pass
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # lets go of devices and scratch files
    threading.Event().wait(_END_S)
    os._exit(1)


def _main() -> int:
    from firmware import check_command  # noqa: PLC0415 - only in the process of its own

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})  # which the gate's process leaves to a thread
    threading.Thread(target=_end_with_the_gate, daemon=True).start()
    return check_command.first_boot(Path(sys.argv[1]), Scope(sys.argv[2]), sys.argv[3:])


if __name__ == "__main__":
    sys.exit(_main())
