"""`gate-agent run`: carries entries to the province until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import threading
from pathlib import Path

from edge_agent.base import logs
from edge_agent.base.disk import make_folder
from edge_agent.base.ending import RESTART_STATUS, stop_when_asked
from edge_agent.base.notify import Beat, of_this_process
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock, make_runtime
from edge_agent.carry.carrying import carry
from edge_agent.carry.connecting import Stop, Work
from edge_agent.carry.intake import Intake
from edge_agent.device import identity as identities
from edge_agent.device import resetting, settings_file
from edge_agent.device import settings as settings_of
from edge_agent.device.mounts import lost_place
from edge_agent.device.settings import Settings
from edge_agent.enrolment import tls_rotation
from edge_agent.enrolment.waiting_to_join import Stopped, WaitingToJoin
from edge_agent.health.status_file import StatusFile
from edge_agent.station.beginning import Page

log = logging.getLogger(__name__)


def _work_until_stopped(settings: Settings, identity: identities.Identity | None) -> int:
    stopping, restarts = threading.Event(), threading.Event()
    work: Intake[Work] = Intake()

    beat = Beat(of_this_process())

    def stop() -> None:
        beat.notifier.stopping()
        stopping.set()
        work.put(Stop())

    def restart() -> None:
        log.warning("a restart was ordered: this process ends")
        restarts.set()
        stop()

    stop_when_asked(stop)
    status, page = StatusFile(settings.device.runtime), Page()
    try:
        page.show(settings)
        if identity is None:
            status.waiting_to_join()
            beat.notifier.ready("waits for an enrolment ticket")
            WaitingToJoin(settings.device.state, settings.device.runtime, stopping, beat).join()
        while True:
            work = Intake()  # what the connection before still tells is of no account
            if stopping.is_set():  # whoever ends needs no key: its token may be away by now
                return RESTART_STATUS if restarts.is_set() else 0
            carry(settings, identity or identities.load(settings.device.state), work, status, beat, restart)
            identity = None  # a ticket has moved us: maybe to another broker and door; or we were set anew from afar
            settings = settings_file.load(settings.source)
            page.show(settings)
    finally:
        page.end()
        status.remove()


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("run", help="carry entries to the province", description=__doc__)
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--verbose", action="store_true", help="log more")


def run(args: argparse.Namespace) -> int:
    """Runs the agent, on a device that is not enrolled after waiting for a ticket.

    Returns:
        0 after a stop, 1 when another one runs, or the disk or the token with the key fails,
        2 for a configuration error or a damaged identity, 75 when a restart was ordered.
    """
    logs.configure(verbose=args.verbose)
    settings = settings_file.load(args.config)
    if place := "" if settings.device.memory else lost_place(settings.device.state):
        log.error("%s lies %s: keys made there are lost at the next start. Have its partition mounted", settings.device.state, place)
        return 1
    try:
        make_folder(settings.device.state)
        lock = ProcessLock(settings.device.state / "agent.lock", "gate-agent")
    except (AlreadyRunning, OSError) as error:
        log.error("%s", error)  # noqa: TRY400 - the same
        return 1
    try:
        return _run_alone(settings)
    finally:
        lock.release()


def _run_alone(settings: Settings) -> int:
    try:
        tls_rotation.finish(settings.device.state)
        identity = resetting.identity_now(settings.device.state)
    except identities.BadIdentity as error:
        log.error("%s", error)  # noqa: TRY400 - a message for people, not a fault of ours
        return 1 if isinstance(error, identities.KeyAway) else 2
    except OSError as error:
        log.error("the state folder cannot be used: %s", error)  # noqa: TRY400 - the same
        return 1
    try:
        make_runtime(settings.device.runtime)
    except OSError as error:
        log.error("%s", error)  # noqa: TRY400 - the same
        return 1
    try:
        return _work_until_stopped(settings, identity)
    except Stopped:
        return 0
    except (OSError, identities.BadIdentity, identities.NotEnrolled) as error:
        away = isinstance(error, identities.KeyAway)
        log.error("%s", error if away else f"{settings.device.state}: its files cannot be used: {error}. Enrol this device again")  # noqa: TRY400 - the same
        return 1
