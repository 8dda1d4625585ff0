"""`gate-agent run`: carries entries to the province until it is told to stop."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from edge_agent import boot_nonce, executors, join, logs, receipt, resetting, updater
from edge_agent import identity as identities
from edge_agent import settings as settings_of
from edge_agent.broker_link import BrokerLink, Message
from edge_agent.certificate_keeper import CertificateKeeper
from edge_agent.command import Action
from edge_agent.command_desk import CommandDesk
from edge_agent.command_judge import Judge, Times
from edge_agent.command_store import CommandStore
from edge_agent.config_keeper import ConfigKeeper
from edge_agent.control import BadMessage, ControlClient, Tried, scanned_ticket, tried_message
from edge_agent.disk import make_folder
from edge_agent.ending import RESTART_STATUS, stop_when_asked
from edge_agent.executors import Executor
from edge_agent.firmware_word import FirmwareWord
from edge_agent.intake import Intake
from edge_agent.mounts import memory_under
from edge_agent.notify import Beat, of_this_process
from edge_agent.outbox import FILE_NAME, OutboxError
from edge_agent.outbox_view import look_into
from edge_agent.own_health import OwnHealth, Surroundings
from edge_agent.process_lock import AlreadyRunning, ProcessLock, make_runtime
from edge_agent.reporting import Reporter
from edge_agent.settings import Settings
from edge_agent.slots import Slots
from edge_agent.topics import Leaf
from edge_agent.trusted_time import ToldClock, trusted_ms
from edge_agent.uplink import Recorded, Stop, Uplink, Work, connect, farewell
from edge_agent.waiting_to_join import Stopped, WaitingToJoin

if TYPE_CHECKING:
    from edge_agent.prometheus import Endpoint

log = logging.getLogger(__name__)
STATUS_FILE = "agent.json"
_REOPEN_S = 1.0
_GOODBYE_S = 3.0


def _move(text: str, state: Path) -> Tried:
    """Obeys a ticket shown to a member: another place, the same name. Firmware says when it may be obeyed."""
    try:
        granted = join.until_answered(text, state, lambda _seconds: True)
    except join.FAILURES as error:
        log.error("the ticket was not obeyed: %s", error)  # noqa: TRY400 - a message for people
        return join.what_came(error)
    log.warning("%s stands at %s, %s now: firmware and agent go on there", granted.name, granted.site, granted.gate)
    return Tried.JOINED


def _listen(runtime: Path, state: Path, work: Intake[Work], over: threading.Event, heard: Callable[[Mapping[str, Any]], None]) -> None:
    """Turns firmware's passage messages into work, reconnecting until the agent ends or a ticket has moved it, which ends the work too."""
    moved = False
    while not (over.is_set() or moved):
        with contextlib.suppress(OSError, BadMessage):
            client = ControlClient(runtime)
            try:
                work.put(Recorded())
                for message in client.messages():
                    if over.is_set():
                        break
                    heard(message)
                    if message["type"] == "passage":
                        work.put(Recorded())
                    elif (text := scanned_ticket(message)) is not None:
                        tried = _move(text, state)
                        moved = tried is Tried.JOINED
                        client.send(tried_message(text, tried))
                        if moved:
                            break
            finally:
                client.close()
        if not moved:
            over.wait(_REOPEN_S)
    work.put(Stop())


class _StatusFile:
    """What `gate-agent status` shows of the running agent, in the runtime folder (memory)."""

    def __init__(self, runtime: Path) -> None:
        self._path = runtime / STATUS_FILE

    def write(self, uplink: Uplink) -> None:
        self._write(connected=uplink.connected, trouble=uplink.trouble, last_receipt_ms=uplink.last_receipt_ms, counters=uplink.counters)

    def waiting_to_join(self) -> None:
        self._write(connected=False, trouble="running, not enrolled: waiting for a ticket", last_receipt_ms=0, counters={})

    def _write(self, *, connected: bool, trouble: str, last_receipt_ms: int, counters: Mapping[str, int]) -> None:
        status = {
            "pid": os.getpid(),
            "connected": connected,
            "trouble": trouble,
            "last_receipt_ms": last_receipt_ms,
            "counters": dict(counters),
        }
        new = self._path.with_suffix(".new")
        try:
            new.write_text(json.dumps(status), encoding="utf-8")
            new.rename(self._path)
        except OSError as error:
            log.warning("%s: cannot be written (%s)", self._path, error.strerror)

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def _begin_page(settings: Settings) -> Callable[[], None]:
    """Begins the keeper's page where there is one, and returns what ends it. Whatever comes of it, entries are carried."""
    if not settings.station.enabled:
        return lambda: None
    try:
        station = import_module("edge_agent.station.service").Station(settings)  # its libraries only where there is a page
    except ImportError as error:
        log.error("station page: there is none, %s is missing: pip install 'gate-scanner[station]'", error.name)  # noqa: TRY400 - a message for people
        return lambda: None
    station.start()
    return cast("Callable[[], None]", station.stop)


def _own_log(state: Path) -> bytes | None:
    """The log that this device writes now."""
    try:
        last = look_into(state / FILE_NAME).backlog.last
    except (OutboxError, OSError):
        return None
    return None if last is None else last.log


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
    status = _StatusFile(settings.device.runtime)
    end_page = _begin_page(settings)
    try:
        if identity is None:
            status.waiting_to_join()
            beat.notifier.ready("waits for an enrolment ticket")
            WaitingToJoin(settings.device.state, settings.device.runtime, stopping, beat).join()
        while True:
            work = Intake()  # what the connection before still tells is of no account
            if stopping.is_set():  # whoever ends needs no key: its token may be away by now
                return RESTART_STATUS if restarts.is_set() else 0
            _carry(settings, identity or identities.load(settings.device.state), work, status, beat, restart)
            identity = None  # a ticket has moved us: maybe to another broker and door; or we were set anew from afar
            settings = settings_of.load(settings.source)
    finally:
        end_page()
        status.remove()


def _desk(
    settings: Settings, identity: identities.Identity, link: BrokerLink, times: Callable[[], Times], able: Mapping[Action, Executor]
) -> CommandDesk:
    """Whoever takes commands, as this member."""
    state, runtime = settings.device.state, settings.device.runtime
    judge = Judge(identity.name, identity.root, CommandStore(state), boot_nonce.of_this_boot(runtime), partial(_own_log, state))
    return CommandDesk(judge, able, link.publish, times)


def _updater(settings: Settings, identity: identities.Identity, keeper: CertificateKeeper, uplink: Uplink) -> dict[Action, Executor]:
    """Whoever updates this device, where its package has made room for that."""
    if not Slots.here().exist():
        return {}
    device = updater.Device(
        identity.name, identity.root, replace(identity.endpoint, known_ms=keeper.known_ms), settings.device.state, settings.device.runtime,
        uplink.times, lambda: uplink.connected, lambda: sum(uplink.counters[f"receipted_{status}"] for status in receipt.Status),
    )  # fmt: skip
    return {Action.UPDATE: updater.of_this_process(device)}


def _carry(
    settings: Settings,
    identity: identities.Identity,
    work: Intake[Work],
    status: _StatusFile,
    beat: Beat,
    restart: Callable[[], None],
) -> None:
    """Carries entries as one member at one place, until a stop or a move."""
    state = settings.device.state
    keeper = CertificateKeeper(identity, state)
    link: BrokerLink = connect(identity, settings.agent, work, keeper.known_ms)
    keeper.use(link)
    told = ToldClock()
    clock = partial(trusted_ms, always=settings.device.clock == "system", told=told.is_set)
    word = FirmwareWord()
    around = Surroundings(word, partial(clock, 0), lambda: uplink.counters)
    reporter = Reporter(identity.name, OwnHealth(identity, settings, around), link.publish, settings.agent.telemetry_s)

    def heard(message: Mapping[str, Any]) -> None:
        told.heard(message)
        if word.heard(message):
            reporter.look_now()

    def changed() -> None:
        status.write(uplink)
        reporter.connection(uplink.connected)
        beat.notifier.status(f"connected to the broker of {identity.endpoint.host}" if uplink.connected else "not connected; entries wait")

    uplink = Uplink(identity, settings.agent, state, work, link.publish, changed, clock, keeper)
    uplink.use(link)
    topic = identity.name.topic(Leaf.CONFIG_REPORTED)
    config = ConfigKeeper(
        settings.source, state, settings.device.runtime, lambda: uplink.connected,
        lambda said: uplink.connected and link.publish(Message(topic, said, retain=True)), lambda: work.put(Stop()),
    )  # fmt: skip
    able = executors.of_this_device(settings.device.runtime, restart, config) | _updater(settings, identity, keeper, uplink)
    desk = _desk(settings, identity, link, uplink.times, able)
    uplink.serve(desk, config)
    over = threading.Event()
    listening = settings.device.runtime, state, work, over, heard
    threading.Thread(target=_listen, args=listening, name="control-listener", daemon=True).start()
    log.info("carrying entries of %s to %s:%d", identity.name, identity.endpoint.host, identity.endpoint.port)
    status.write(uplink)
    link.start()
    reporter.start()
    config.start()
    scraped = _scraped(settings, OwnHealth(identity, settings, around))
    desk.start()
    beat.notifier.ready("not connected yet; entries wait")
    try:
        uplink.run(beat)
    finally:
        over.set()
        keeper.stop()
        reporter.stop()
        config.stop()
        if scraped is not None:
            scraped.stop()
        desk.stop()
        if uplink.connected:
            link.publish_and_wait(farewell(identity, "stopped"), _GOODBYE_S)
        link.stop()


def _scraped(settings: Settings, health: OwnHealth) -> Endpoint | None:
    """The endpoint for Prometheus, if one is asked for; it has a health of its own, since rates are of the time between two looks."""
    if not settings.agent.prometheus_port:
        return None
    from edge_agent.prometheus import Endpoint  # noqa: PLC0415 - http.server: few devices need it

    try:
        endpoint = Endpoint(settings.agent.prometheus_port, health.look)
    except OSError as error:
        log.error("agent.prometheus_port: port %d cannot be had (%s): going on without", settings.agent.prometheus_port, error.strerror)  # noqa: TRY400
        return None
    endpoint.start()
    return endpoint


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
    try:
        settings = settings_of.load(args.config)
    except settings_of.ConfigError as error:
        log.error("%s", error)  # noqa: TRY400 - a message for people, not a fault of ours
        return 2
    if memory := "" if settings.device.memory else memory_under(settings.device.state):
        log.error(
            "%s lies in memory (%s): keys made there are lost at power-off. Have its partition mounted", settings.device.state, memory
        )
        return 1
    try:
        make_folder(settings.device.state)
        lock = ProcessLock(settings.device.state / "agent.lock", "gate-agent")
    except (AlreadyRunning, OSError) as error:
        log.error("%s", error)  # noqa: TRY400 - the same
        return 1
    try:
        return _run_alone(settings)
    except settings_of.ConfigError as error:  # gate.toml itself was changed meanwhile
        log.error("%s", error)  # noqa: TRY400 - the same
        return 2
    finally:
        lock.release()


def _run_alone(settings: Settings) -> int:
    try:
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
