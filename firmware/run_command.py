"""`gate-firmware run`: opens the gate and keeps it open until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from drivers.errors import DriverError
from drivers.indicator import Signal
from edge_agent.base import logs
from edge_agent.base.disk import make_folder
from edge_agent.base.ending import RESTART_STATUS, stop_when_asked
from edge_agent.base.notify import of_this_process
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock, make_runtime
from edge_agent.device import identity as identities
from edge_agent.device import resetting
from edge_agent.device import settings as settings_of
from edge_agent.device.documents import DocumentsDamaged
from edge_agent.device.identity import Identity
from edge_agent.device.mounts import lost_place
from edge_agent.device.settings import Settings
from edge_agent.device.stored_keyring import NoKeyring
from edge_agent.store.outbox import OutboxError
from firmware.configuration import load_settings
from firmware.first_boot import open_to_others, try_once, try_parts
from firmware.health_pass import TrustListError

log = logging.getLogger(__name__)
_SELF_TEST_S = 120.0
_SHUT_S = 30.0  # less than a service may take to start
_NOBODY = (identities.NotEnrolled, identities.BadIdentity)
_EPILOG = """\
examples:
  gate-firmware run                              with /etc/gate-scanner/gate.toml
  gate-firmware run --config gate.toml           with another configuration
  GATE_LOG=json gate-firmware run                its log as JSON, an object a line; gate-agent the same
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "run",
        help="open the gate",
        description="Opens the gate: reads codes, records passages, answers with light and sound, until it is told to stop. "
        "At its first start it tests itself: see `gate-firmware check --help`.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--verbose", action="store_true", help="log more")


def _open_the_gate(settings: Settings, identity: Identity | None, loosened: Sequence[str]) -> int:
    from firmware.gatehouse import Gatehouse  # noqa: PLC0415 - decoders and sealing load only once the configuration is good
    from firmware.unenrolled import Unenrolled  # noqa: PLC0415 - the same

    stopping, notifier = threading.Event(), of_this_process()

    def stop() -> None:
        notifier.stopping()
        stopping.set()

    stop_when_asked(stop)
    if identity is None:
        notifier.may_take(_SELF_TEST_S)
        notifier.status("tests itself")
        faults = try_parts(settings, stopping)
        identity = Unenrolled(settings, stopping, notifier, faults).wait()
    if identity is not None:
        notifier.may_take(_SELF_TEST_S)
        notifier.status("opening the gate")
        try_once(settings, stopping, loosened)
    while identity is not None and not stopping.is_set():
        gatehouse = Gatehouse(settings, identity, stopping, notifier)
        if not gatehouse.run():
            return RESTART_STATUS if gatehouse.restarts else 0
        settings = load_settings(settings.source)  # it was set anew from afar,
        identity = identities.load(settings.device.state)  # a ticket has moved it, or the power is back
    return 0


def _stay_shut(settings: Settings, place: str) -> int:
    """Shows a fault for a while: what this gate would record is not kept, and whoever sees green is recorded."""
    from firmware.feedback import Feedback  # noqa: PLC0415 - the drivers load only where a gate opens, or must say that it does not

    log.error(
        "%s lies %s: a passage recorded there is lost at the next start, so the gate stays shut. Have its partition mounted, or set "
        "device.state to a folder on a disk",
        settings.device.state,
        place,
    )
    stopping, notifier = threading.Event(), of_this_process()
    stop_when_asked(stopping.set)
    notifier.status(f"closed: the state folder lies {place}")
    try:
        feedback = Feedback(settings.gate, settings.lanes)
    except DriverError as error:
        log.error("%s", error)  # noqa: TRY400 - a message for people, not a fault of ours
        return 1
    try:
        feedback.everywhere(Signal.FAULT)
        stopping.wait(_SHUT_S)  # a start anew sees what has been mounted since: a service has mounts of its own
    finally:
        feedback.close()
    return 1


def run(args: argparse.Namespace) -> int:
    """Runs the gate.

    Returns:
        0 after a stop, 1 when a device, the disk or the token with the key refuses, or nothing would be kept; 2 for a configuration error,
        75 when a restart was ordered.
    """
    logs.configure(verbose=args.verbose)
    settings = load_settings(args.config)
    loosened = open_to_others(settings.device.state)
    if place := "" if settings.device.memory else lost_place(settings.device.state):
        return _stay_shut(settings, place)
    try:
        make_runtime(settings.device.runtime)
        make_folder(settings.device.state)
        lock = ProcessLock(settings.device.state / "firmware.lock", "gate-firmware")
    except (AlreadyRunning, OSError) as error:
        log.error("%s", error)  # noqa: TRY400 - the same
        return 1
    try:
        return _run_alone(settings, loosened)
    finally:
        lock.release()


def _run_alone(settings: Settings, loosened: Sequence[str]) -> int:
    try:
        identity = resetting.identity_now(settings.device.state)
    except (identities.BadIdentity, DocumentsDamaged) as error:
        log.error("%s", error)  # noqa: TRY400 - a message for people, not a fault of ours
        return 1 if isinstance(error, identities.KeyAway) else 2
    except OSError as error:
        log.error("the state folder cannot be used: %s", error)  # noqa: TRY400 - the same
        return 1
    try:
        return _open_the_gate(settings, identity, loosened)
    except (DriverError, OutboxError, NoKeyring, *_NOBODY, DocumentsDamaged, TrustListError, OSError) as error:
        log.error("%s", error)  # noqa: TRY400 - the same
        return 1
