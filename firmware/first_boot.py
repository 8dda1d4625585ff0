"""Has a gate test itself once, before it first opens, in a process of its own: whatever a device hangs in, the gate opens.

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

from edge_agent.settings import Settings
from firmware import check_result
from firmware.verdict import Verdict, fault

log = logging.getLogger(__name__)
_AT_MOST_S = 60.0
_LOOK_S = 0.2
_END_S = 2.0
_TODO = "run: gate-firmware check, with the gate stopped"


def open_to_others(state: Path) -> list[str]:
    """The keys that others could read before the first start, to be asked before the identity is loaded, which closes them.

    Raises:
        OSError: the state folder cannot be read.
    """
    if check_result.result_file(state).exists():
        return []
    from firmware.certificate_checks import loose_files  # noqa: PLC0415 - for the first start only

    return list(loose_files(state))


def try_once(settings: Settings, stopping: threading.Event, loosened: Sequence[str] = (), at_most_s: float = _AT_MOST_S) -> None:
    """Runs the self-test unless its result is in the state folder already; logs a line for each fault, and raises nothing.

    Args:
        settings: of the gate, whose lock the caller holds, and whose devices are free.
        stopping: ends the test; it is then run at the next start.
        loosened: what `open_to_others` said.
        at_most_s: how long it may take.
    """
    state = settings.device.state
    try:
        if check_result.result_file(state).exists():
            return
        log.info("first start: the gate tests itself, silently; at most %g s", at_most_s)
        ended = _run([str(settings.source), *loosened], stopping, at_most_s)
        if stopping.is_set():
            return
        if not check_result.result_file(state).exists():
            why = f"not done within {at_most_s:g} s" if ended is None else f"ended with {ended} and left no result"
            check_result.keep([fault("self-test", why, _TODO)], state)
        _tell(state)
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("self-test: fault: no result in %s (%s) → %s", state, error, _TODO)


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


def _tell(state: Path) -> None:
    findings = check_result.kept(state)
    faults = [finding for finding in findings if finding.verdict is Verdict.FAULT]
    for finding in faults:
        log.warning("self-test: %s: fault: %s → %s", finding.part, finding.detail, finding.todo)
    log.info("self-test: %d parts, %d faults; all of it is in %s", len(findings), len(faults), check_result.result_file(state))


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
    return check_command.first_boot(Path(sys.argv[1]), sys.argv[2:])


if __name__ == "__main__":
    sys.exit(_main())
