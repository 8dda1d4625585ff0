"""`gate-province watch`: takes what scanners tell of their health, raises alerts, lets Home Assistant discover them."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from edge_agent.base import logs
from edge_agent.base.ending import stop_when_asked
from edge_agent.base.notify import Beat, of_this_process
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from edge_agent.link.broker_link import BrokerLink
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import topics
from province.base import secret_files
from province.base.broker_address import broker_address
from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import FLEET, Layout
from province.keys.officers import read_root_public
from province.release import releases
from province.trust import renewing
from province.watch.fleet_rules import Limits
from province.watch.fleet_store import FleetStore
from province.watch.fleet_watch import FleetWatch
from province.watch.overhearing import Overhearing

_log = logging.getLogger(__name__)
_EPILOG = """\
examples:
  gate-province watch /srv/gate
  gate-province watch /srv/gate --silent-hours 12 --waits-min 5     stricter alerts
  gate-province watch /srv/gate --no-home-assistant

What operators order from desks of their own it enters in the audit log. The rest is in fleet.sqlite, for `gate-province fleet`. It takes no
part in collecting: entries go on without it.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `watch` to the command line."""
    limits = Limits()
    parser = subparsers.add_parser(
        "watch",
        help="take the scanners' health, raise alerts",
        description="Takes what scanners tell of their health, raises alerts, and lets each organisation's Home Assistant discover them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("--broker", metavar="HOST:PORT", help="default: the first --host and --port of init")
    parser.add_argument(
        "--waits-min", type=int, default=limits.waits_s // 60, metavar="N", help="an entry may wait so many minutes (%(default)s)"
    )
    parser.add_argument(
        "--silent-hours", type=int, default=limits.silent_s // 3600, metavar="N",
        help="at an open gate nobody may scan for so many hours (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--no-home-assistant", action="store_true", help="publish no discovery")
    parser.add_argument("--verbose", action="store_true", help="log more")


def run(args: argparse.Namespace) -> int:
    """Watches until SIGTERM or SIGINT."""
    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    address = broker_address(args.broker, (settings.hosts[0], settings.port))
    for option, value in (("--waits-min", args.waits_min), ("--silent-hours", args.silent_hours)):
        if not 1 <= value <= 100_000:
            raise NotAProvince(f"{option} {value}: must be 1 to 100000.")
    limits = Limits(waits_s=args.waits_min * 60, silent_s=args.silent_hours * 3600)
    logs.configure(verbose=args.verbose)
    secret_files.tighten(layout)
    renewing.finish_exchanges(layout)
    try:
        lock = ProcessLock(layout.fleet_lock, "gate-province watch")
    except (AlreadyRunning, OSError) as error:
        raise ProvinceError(f"{error}.") from None
    with lock, FleetStore(layout.fleet_store) as store:
        beat = Beat(of_this_process())
        heard = Overhearing(layout, read_root_public(layout))
        watch = FleetWatch(
            store, layout.register, limits, discover=not args.no_home_assistant, alive=beat,
            offers=lambda: releases.newest(layout, now_ms()), overhearing=heard,
        )  # fmt: skip
        link = _link(layout, address, watch)

        def stop() -> None:
            beat.notifier.stopping()
            watch.stop()

        stop_when_asked(stop)
        link.start()
        beat.notifier.ready(f"watches from {address[0]}:{address[1]}")
        try:
            watch.work(link.publish)
        finally:
            link.stop()
    _log.info("stopped")
    return 0


def _link(layout: Layout, address: tuple[str, int], watch: FleetWatch) -> BrokerLink:
    endpoint = Endpoint(*address, layout.authority_certificate, layout.fleet / "client.crt", layout.fleet / "client.key")
    wanted = [topics.of_all(leaf) for leaf in topics.FLEET_READS]
    try:  # the session stays while we are away: what is ordered meanwhile is entered later; telemetry, QoS 0, is not kept
        return BrokerLink(endpoint, FLEET, wanted, watch.on_event)
    except OSError as error:
        raise NotAProvince(f"{layout.fleet}: the fleet's certificate cannot be used ({error}). Restore it from a backup.") from None
