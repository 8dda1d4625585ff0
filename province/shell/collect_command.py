"""`gate-province collect`: the collector, until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from edge_agent.base import logs
from edge_agent.base.console import print_json
from edge_agent.base.ending import stop_when_asked
from edge_agent.base.notify import Beat, of_this_process
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from edge_agent.link.broker_link import BrokerLink, Event
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import topics
from edge_agent.wire.authority import Power
from province.accounts import noting
from province.base import secret_files
from province.base.broker_address import amqp_addresses, broker_address, broker_addresses
from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import COLLECTORS, Layout
from province.collecting.collector import Collector
from province.collecting.inlet import Inlet
from province.collecting.intake import Refused
from province.collecting.mqtt_inlet import MqttInlet
from province.collecting.register import Register, Stored
from province.keys import officers
from province.keys.keystore import Keystore
from province.keys.terms import Watch
from province.trust import renewing
from province.trust.keyring_office import KeyringOffice

_log = logging.getLogger(__name__)

_EPILOG = """\
examples:
  gate-province collect /srv/gate                               the broker on this machine
  gate-province collect /srv/gate --broker mqtt.example.vn:8883
  gate-province collect /srv/gate --events | jq -c .            follow each entry; no person's data
  gate-province collect /srv/gate --number 1, and another with --number 2: two share the work (Mosquitto, EMQX and HiveMQ can)
  gate-province collect /srv/gate --amqp amqps://mq1.example.vn,mq2.example.vn,mq3.example.vn --number 1
                            from the queue of a RabbitMQ cluster, which deals out to all numbers: `gate-province rabbitmq --amqp`

Stops on Ctrl-C or SIGTERM. Entries that come meanwhile wait at the broker, and in any case at their device. So they do while this machine's
clock says less than it said before (after a start without the network): what is stored carries the time at which it came.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `collect` to the command line."""
    parser = subparsers.add_parser(
        "collect",
        help="receive entries, register them, send receipts",
        description="Receives entries from the broker, commits them to the register, and sends each device its signed receipt.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument(
        "--broker", metavar="HOST:PORT",
        help="default: the first --host and --port of init; with --amqp all nodes' MQTT ports, commas between: the keyring goes there",
    )  # fmt: skip
    parser.add_argument(
        "--amqp", metavar="amqps://HOST:PORT,…", help="read entries from a RabbitMQ cluster's queue; these are its nodes, tried in turn"
    )
    parser.add_argument(
        "--number", type=int, choices=range(1, len(COLLECTORS) + 1), metavar="N",
        help=f"one of {len(COLLECTORS)} collectors side by side, each with its own number; the broker deals entries out to them",
    )  # fmt: skip
    parser.add_argument("--events", action="store_true", help="print one JSON line for each message on standard output")
    parser.add_argument("--trust-clock", action="store_true", help="go by this machine's clock although it was later here before")
    parser.add_argument("--verbose", action="store_true", help="log each batch too")


def endpoint(layout: Layout, address: tuple[str, int], number: int = 1) -> Endpoint:
    """The broker as the collector reaches it, with that collector's certificate."""
    own = layout.collector_of(number)
    return Endpoint(*address, layout.authority_certificate, own / "client.crt", own / "client.key")


def _the_only_one(layout: Layout, number: int) -> ProcessLock:
    """Two collectors of one name would throw each other out of the broker for ever."""
    try:
        return ProcessLock(layout.collector_lock(number), "collector")
    except AlreadyRunning as error:
        raise ProvinceError(f"{error}, or give each its own --number.") from None
    except OSError as error:
        raise ProvinceError(f"{error}.") from None


class EventPrinter:
    """Prints one JSON line for each message; when nobody reads any more, the collector goes on without."""

    def __init__(self) -> None:
        self._open = True

    def __call__(self, item: Stored | Refused, committed_ms: int) -> None:
        """Prints one message's fate."""
        if not self._open:
            return
        try:
            print_json(_event(item, committed_ms))
            sys.stdout.flush()
        except BrokenPipeError:
            self._open = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            _log.warning("nobody reads the events any more; going on without them")


def _event(item: Stored | Refused, committed_ms: int) -> dict[str, object]:
    if isinstance(item, Refused):
        return {"event": "quarantined", "topic": item.topic[:200], "reason": str(item.reason), "committed_ms": committed_ms}
    return {
        "event": "repeated" if item.repeated else "registered",
        "org": item.name.org,
        "device": item.name.device,
        "log": item.log.hex(),
        "seq": item.outcome.seq,
        "kind": item.kind,
        "status": str(item.outcome.status),
        "reason": item.outcome.reason,
        "forked": item.outcome.forked,
        "committed_ms": committed_ms,
    }


def run(args: argparse.Namespace) -> int:
    """Collects until SIGTERM or SIGINT."""
    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    nodes = None if args.amqp is None else amqp_addresses(args.amqp)
    if nodes is None:
        address = broker_address(args.broker, (settings.hosts[0], settings.port))
        make_inlet = by_mqtt(layout, address, args.number)
    else:
        brokers = broker_addresses(args.broker, [(host, settings.port) for host, _port in nodes])
        make_inlet = partial(_by_amqp, layout, nodes, brokers, args.number or 1)
    logs.configure(verbose=args.verbose)
    secret_files.tighten(layout)
    with _the_only_one(layout, args.number or 1):
        report = EventPrinter() if args.events else lambda _item, _committed_ms: None
        return collect(layout, make_inlet, report, trust_clock=args.trust_clock)


def collect(
    layout: Layout,
    make_inlet: Callable[[], Inlet],
    report: Callable[[Stored | Refused, int], None],
    *,
    trust_clock: bool = False,
) -> int:
    """Runs the collector in this process until SIGTERM or SIGINT; call it from the main thread.

    Args:
        layout: the province.
        make_inlet: makes the way in and out, such as `by_mqtt`.
        report: see `Collector`.
        trust_clock: see `Collector`.

    Raises:
        NotAProvince: keys are missing.
        KeystoreAway: the keystore is not there.
        RegisterReplaced: another register was put there meanwhile.
    """
    settings, keystore = layout.read_settings(), Keystore(layout.keystore)
    renewing.finish_exchanges(layout)
    noting.settle(layout)
    clerk, officer = officers.fresh(layout, Power.KEYRING), officers.fresh(layout, Power.RECEIPTS)
    office, watch = KeyringOffice(layout, settings, clerk.now()), Watch(layout)
    _warn_of_secrets(layout)
    watch.tell(now_ms())

    def look_after() -> None:
        office.sign_as(clerk.now())
        watch.tell(now_ms())

    if not keystore.epochs():
        raise NotAProvince(f"{layout.keystore}: holds no day keys. Mount or restore the keystore.")
    beat = Beat(of_this_process())
    with Register(layout.register, wait_s=1.0) as register:
        try:
            inlet = make_inlet()
        except OSError as error:  # ssl.SSLError is one
            raise NotAProvince(f"{layout.root}: the collector's certificate cannot be used ({error}). Restore it.") from None
        collector = Collector(inlet, register, keystore, office, officer.now, report, look_after, trust_clock=trust_clock, alive=beat)

        def stop() -> None:
            beat.notifier.stopping("stopping after the batch in hand")
            collector.stop()

        stop_when_asked(stop, "after the batch in hand")
        _log.info("collecting from %s keyring_until=%s", inlet.source, office.last_day)
        inlet.start()
        beat.notifier.ready(f"collects from {inlet.source}")
        try:
            collector.work()
        finally:
            inlet.stop()
    _log.info("stopped")
    return 0


def by_mqtt(
    layout: Layout, address: tuple[str, int], number: int | None = None, make_link: type[BrokerLink] = BrokerLink
) -> Callable[[], Inlet]:
    """Makes the way in of one alone, for whom the broker keeps entries while it is away, or of one of several.

    Of several, one that is away must be dealt nothing: its session ends with its connection, and devices send again what was lost so.

    Args:
        layout: the province.
        address: the broker's host and port.
        number: which of several side by side; None for one alone.
        make_link: makes the connection.
    """
    own, entries = number or 1, topics.ALL_ENTRIES if number is None else topics.SHARED_ENTRIES

    def made(listener: Callable[[Event], None]) -> BrokerLink:
        return make_link(
            endpoint(layout, address, own), COLLECTORS[own - 1], [entries], listener, manual_ack=True, clean_session=number is not None
        )

    return lambda: MqttInlet(made, f"{address[0]}:{address[1]}")


def _by_amqp(layout: Layout, nodes: Sequence[tuple[str, int]], brokers: Sequence[tuple[str, int]], number: int) -> Inlet:
    from province.collecting.amqp_inlet import AmqpInlet  # noqa: PLC0415 - pika is of no use to the others
    from province.collecting.retained_round import RetainedRound  # noqa: PLC0415 - the same

    name = COLLECTORS[number - 1]
    turned = [*nodes[number - 1 :], *nodes[: number - 1]]  # not all at the same node
    endpoints = [endpoint(layout, node, number) for node in turned]
    return AmqpInlet(endpoints, name, RetainedRound([endpoint(layout, broker, number) for broker in brokers], name))


def _warn_of_secrets(layout: Layout) -> None:
    """Says what should not be on this machine any more: collecting and adding devices need neither."""
    for folder, power in (
        (layout.root_folder, "speak as the province"),
        (layout.offline, "open the entries made without a clock"),
    ):
        try:
            there = any(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            there = False
        except OSError:  # not ours to read, but there
            there = True
        if there:
            _log.warning("%s is still on this machine: whoever takes it can %s. Move it to a stick in a safe.", folder, power)
