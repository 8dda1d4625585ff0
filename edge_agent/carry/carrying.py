"""Puts together what carries one member's entries, and what goes on beside it: commands, configuration, health, the certificate."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from edge_agent.base.notify import Beat
from edge_agent.carry.connecting import Stop, Work, connect, farewell
from edge_agent.carry.intake import Intake
from edge_agent.carry.listening import listen
from edge_agent.carry.trusted_time import ToldClock, trusted_ms
from edge_agent.carry.uplink import Uplink
from edge_agent.commands import boot_nonce, executors
from edge_agent.commands.command_desk import CommandDesk
from edge_agent.commands.command_judge import Judge
from edge_agent.commands.command_store import CommandStore
from edge_agent.commands.config_keeper import ConfigKeeper
from edge_agent.commands.diagnosing import Diagnostics
from edge_agent.commands.executors import Executor
from edge_agent.commands.rotating import RotateKeys
from edge_agent.device.identity import Identity
from edge_agent.device.settings import Settings
from edge_agent.enrolment.certificate_keeper import CertificateKeeper
from edge_agent.health.firmware_word import FirmwareWord
from edge_agent.health.own_health import OwnHealth, Surroundings
from edge_agent.health.reporting import Reporter
from edge_agent.health.status_file import StatusFile
from edge_agent.link.broker_link import BrokerLink, Message
from edge_agent.store.outbox import FILE_NAME, OutboxError
from edge_agent.store.outbox_view import look_into
from edge_agent.update import updater
from edge_agent.update.slots import Slots
from edge_agent.wire import receipt, results
from edge_agent.wire.command import Action
from edge_agent.wire.results import Result
from edge_agent.wire.topics import Leaf

if TYPE_CHECKING:
    from edge_agent.health.prometheus import Endpoint

log = logging.getLogger(__name__)
_GOODBYE_S = 3.0


def carry(settings: Settings, identity: Identity, work: Intake[Work], status: StatusFile, beat: Beat, restart: Callable[[], None]) -> None:
    """Carries entries as one member at one place, until a stop or a move.

    Args:
        settings: the configuration in force.
        identity: who we are.
        work: where everything that happens arrives; a `Stop` in it ends this.
        status: kept true.
        beat: the uplink's sign of life.
        restart: ends this process for another to begin.

    Raises:
        OSError: the TLS files cannot be read.
    """
    state, runtime = settings.device.state, settings.device.runtime
    keeper = CertificateKeeper(identity, state)
    link: BrokerLink = connect(identity, settings.agent, work, keeper.known_ms)
    keeper.use(link)
    told, word = ToldClock(), FirmwareWord()
    clock = partial(trusted_ms, always=settings.device.clock == "system", told=told.is_set)
    around = Surroundings(word, partial(clock, 0), lambda: uplink.counters)
    reporter = Reporter(identity.name, OwnHealth(identity, settings, around), link.publish, settings.agent.telemetry_s)

    def heard(message: Mapping[str, Any]) -> None:
        told.heard(message)
        if word.heard(message):
            reporter.look_now()

    def show() -> None:
        status.write(connected=uplink.connected, trouble=uplink.trouble, last_receipt_ms=uplink.last_receipt_ms, counters=uplink.counters)

    def changed() -> None:
        show()
        reporter.connection(uplink.connected)
        beat.notifier.status(f"connected to the broker of {identity.endpoint.host}" if uplink.connected else "not connected; entries wait")

    uplink = Uplink(identity, settings.agent, state, work, link.publish, changed, clock, keeper)
    uplink.use(link)
    config = _config_keeper(settings, identity, link, uplink, work)
    desk = _desk(settings, identity, link, keeper, uplink, executors.of_this_device(runtime, restart, config))
    uplink.serve(desk, config)
    log.info("carrying entries of %s to %s:%d", identity.name, identity.endpoint.host, identity.endpoint.port)
    show()
    with ExitStack() as last_first:
        _begin(last_first, link)
        last_first.callback(_take_leave, identity, link)
        _begin(last_first, desk, _scraped(settings, OwnHealth(identity, settings, around)), config, reporter)
        last_first.callback(keeper.stop)
        over = threading.Event()
        last_first.callback(over.set)
        threading.Thread(target=listen, args=(runtime, state, work, over, heard), name="control-listener", daemon=True).start()
        beat.notifier.ready("not connected yet; entries wait")
        uplink.run(beat)


class _Part(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


def _begin(last_first: ExitStack, *parts: _Part | None) -> None:
    """Starts the parts that there are; the last started is stopped first."""
    for part in parts:
        if part is not None:
            part.start()
            last_first.callback(part.stop)


def _take_leave(identity: Identity, link: BrokerLink) -> None:
    word = farewell(identity, "stopped")
    if link.connected and not link.publish_and_wait(word, _GOODBYE_S):  # asked of the link: the uplink may have ended before it was told
        link.publish(replace(word, qos=0))  # which does not wait behind entries on a slow line; after it the broker forgets our last will


def _config_keeper(settings: Settings, identity: Identity, link: BrokerLink, uplink: Uplink, work: Intake[Work]) -> ConfigKeeper:
    """Whoever takes up what is set from afar, which ends the work: it begins anew with other settings."""
    topic = identity.name.topic(Leaf.CONFIG_REPORTED)
    return ConfigKeeper(
        settings.source, settings.device.state, settings.device.runtime, lambda: uplink.connected,
        lambda said: uplink.connected and link.publish(Message(topic, said, retain=True)), lambda: work.put(Stop()),
    )  # fmt: skip


def _desk(
    settings: Settings, identity: Identity, link: BrokerLink, keeper: CertificateKeeper, uplink: Uplink, able: Mapping[Action, Executor]
) -> CommandDesk:
    """Whoever takes commands, as this member."""
    state, runtime = settings.device.state, settings.device.runtime
    nonce = boot_nonce.of_this_boot(runtime)
    judge = Judge(identity.name, identity.root, CommandStore(state), nonce, partial(_own_log, state), uplink.revoked)

    def proving(result: Result) -> Result:
        return results.prove(result, identity.name, identity.signer)

    own: dict[Action, Executor] = {
        Action.DIAGNOSTICS: Diagnostics(identity, settings.source, state, uplink.times), Action.ROTATE_KEYS: RotateKeys(keeper, state),
        **_updater(settings, identity, keeper, uplink),
    }  # fmt: skip
    return CommandDesk(judge, {**able, **own}, link.publish, uplink.times, uplink.counters, proving)


def _scraped(settings: Settings, health: OwnHealth) -> Endpoint | None:
    """The endpoint for Prometheus, if one is asked for; it has a health of its own, since rates are of the time between two looks."""
    if not settings.agent.prometheus_port:
        return None
    from edge_agent.health.prometheus import Endpoint  # noqa: PLC0415 - http.server: few devices need it

    try:
        endpoint = Endpoint(settings.agent.prometheus_port, health.look)
    except OSError as error:
        log.error("agent.prometheus_port: port %d cannot be had (%s): going on without", settings.agent.prometheus_port, error.strerror)  # noqa: TRY400
        return None
    return endpoint


def _own_log(state: Path) -> bytes | None:
    """The log that this device writes now."""
    try:
        last = look_into(state / FILE_NAME).backlog.last
    except (OutboxError, OSError):
        return None
    return None if last is None else last.log


def _updater(settings: Settings, identity: Identity, keeper: CertificateKeeper, uplink: Uplink) -> dict[Action, Executor]:
    """Whoever updates this device, where its package has made room for that."""
    if not Slots.here().exist():
        return {}
    device = updater.Device(
        identity.name, identity.root, replace(identity.endpoint, known_ms=keeper.known_ms), settings.device.state, settings.device.runtime,
        uplink.times, lambda: uplink.connected, lambda: sum(uplink.counters[f"receipted_{status}"] for status in receipt.Status),
        uplink.revoked,
    )  # fmt: skip
    return {Action.UPDATE: updater.of_this_process(device)}
