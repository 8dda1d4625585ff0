"""`gate-province admit`: the door by which scanners join, and new certificates over the broker, until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import queue
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edge_agent.base import logs
from edge_agent.base.ending import stop_when_asked
from edge_agent.base.notify import Beat, of_this_process
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from edge_agent.link import door_link
from edge_agent.link.broker_link import Arrived, BrokerLink, Connected, Disconnected, Event, Message
from edge_agent.link.endpoint import Endpoint
from edge_agent.wire import topics
from edge_agent.wire.authority import Power
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.topics import Leaf
from province.base import secret_files
from province.base.broker_address import broker_address
from province.base.clock import now_ms
from province.base.errors import NotAProvince, ProvinceError
from province.base.fresh import Fresh
from province.base.layout import REGISTRAR, Layout, Settings
from province.joining import door as doors
from province.joining.admission import CERTIFICATE_LIFE, Addresses, Admission
from province.keys import officers
from province.keys.terms import Watch
from province.keys.tls_authority import TlsAuthority
from province.registry import revocations
from province.trust import renewing, revoking

_log = logging.getLogger(__name__)
_WAITING_MOST = 1000
_HOUR_S, _ROUND_S = 3600.0, 60.0

_EPILOG = """\
examples:
  gate-province admit /srv/gate                                  beside `gate-province collect`
  gate-province admit /srv/gate --door join.hue.example.vn:8884  as devices reach it, when a router stands between

It alone needs authority/ (the TLS certificate authority) and the tickets officer's key; collecting entries needs neither.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `admit` to the command line."""
    parser = subparsers.add_parser(
        "admit",
        help="let scanners join, renew their certificates",
        description="Opens the door by which scanners join with a ticket or an approval, and renews certificates over the broker.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument(
        "--door", metavar="HOST:PORT", help="the door as devices reach it (default: the first --host and --door-port of init)"
    )
    parser.add_argument(
        "--broker", metavar="HOST:PORT", help="the broker as devices reach it (default: the first --host and --port of init)"
    )
    parser.add_argument(
        "--certificate-days",
        type=int,
        default=CERTIFICATE_LIFE.days,
        metavar="N",
        help="how long a certificate lasts (default %(default)s)",
    )
    parser.add_argument("--verbose", action="store_true", help="log more")


@dataclass(frozen=True, slots=True)
class _Post:
    """Who admits, with the keys and certificates as they are now."""

    admission: Admission
    front: doors.Front


def _man(layout: Layout, told: Addresses, life: timedelta) -> _Post:
    """Reads the keys.

    Raises:
        NotAProvince: one is missing or damaged.
    """
    officer = officers.load_officer(layout, Power.TICKETS)
    admission = Admission(layout, renewing.load_authority(layout), officer, told, life)
    certificate, key = _door_files(layout)
    try:
        shown = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.DER)
        context = doors.tls(str(certificate), str(key))
    except (OSError, ValueError) as error:
        raise NotAProvince(f"{layout.door}: the door's key or certificate cannot be used ({error}). Restore them from a backup.") from None
    greeting, key_hash = door_link.greet(officers.read_root_public(layout), shown, officer), door_link.tls_key_hash(shown)
    return _Post(admission, doors.Front(context, greeting, lambda message: admission.at_the_door(message, key_hash, now_ms())))


def _door_files(layout: Layout) -> tuple[Path, Path]:
    return layout.door / "server.crt", layout.door / "server.key"


def _post(layout: Layout, told: Addresses, life: timedelta) -> Fresh[_Post]:
    """Whoever admits, following what is renewed: the door's certificate, the officer's, the authority's."""
    tickets = officers.certificate_file(layout, Power.TICKETS), officers.key_file(layout, Power.TICKETS)
    return Fresh([*_door_files(layout), *tickets, layout.authority_certificate], lambda: _man(layout, told, life))


class Renewals:
    """Answers the requests that devices send over the broker, one after the other.

    Args:
        admission: who decides now.
        look_after: called once an hour and after each request, for what a service of years has to look after.
        alive: called once a minute at least.
    """

    def __init__(
        self, admission: Callable[[], Admission], look_after: Callable[[], None], alive: Callable[[], None] = lambda: None
    ) -> None:
        self._admission = admission
        self._look_after = look_after
        self._alive = alive
        self._arrived: queue.Queue[Arrived | None] = queue.Queue(_WAITING_MOST)

    def on_event(self, event: Event) -> None:
        """Takes what the link tells, in the link's thread."""
        match event:
            case Connected():
                _log.info("connected to the broker")
            case Disconnected(why):
                _log.warning("not connected: %s; trying again", why)
            case Arrived():
                try:
                    self._arrived.put_nowait(event)
                except queue.Full:
                    _log.warning("a request for a certificate was dropped: too many at once; its device asks again")

    def stop(self) -> None:
        """Ends `work`; may be called from a signal handler's thread."""
        self._arrived.put(None)

    def work(self, publish: Callable[[Message], object]) -> None:
        """Answers until `stop`.

        Args:
            publish: sends an answer.
        """
        looked_s = float("-inf")
        while True:
            self._alive()
            if time.monotonic() >= looked_s + _HOUR_S:
                looked_s = time.monotonic()
                self._look_after_at_last()
            try:
                arrived = self._arrived.get(timeout=_ROUND_S)
            except queue.Empty:
                continue
            looked_s = float("-inf")
            if arrived is None:
                return
            self._answer(arrived, publish)

    def _look_after_at_last(self) -> None:
        try:
            self._look_after()
        except (OSError, ProvinceError) as error:
            _log.error("not looked after: %s; trying again within the hour", error)

    def _answer(self, arrived: Arrived, publish: Callable[[Message], object]) -> None:
        found = topics.parse(arrived.topic)
        if found is None or found[1] is not Leaf.CERTIFICATE_REQUEST:
            return
        try:
            answer = self._admission().from_broker(arrived.payload, found[0], now_ms())
        except (Malformed, Forged) as error:
            _log.warning("no certificate for device=%s: %s", found[0], error)
        except ProvinceError as error:
            _log.error("no certificate for device=%s now: %s", found[0], error)
        except Exception as error:  # noqa: BLE001 - a request that meets a fault of ours must not end the process; no trace: it may hold data
            _log.error("internal error with a request of device=%s: %s", found[0], type(error).__name__)
        else:
            publish(Message(found[0].topic(Leaf.CERTIFICATE_ISSUED), answer))


def _mend(layout: Layout, authority: TlsAuthority) -> None:
    """A register or list restored from a backup may know nothing of a stolen device."""
    with closing(revocations.connect(layout, now_ms())) as connection:
        try:
            lacked = revocations.mend_list(layout, connection, authority, now_ms())
        except OSError as error:
            raise ProvinceError(f"{layout.revocations}: cannot be written ({error.strerror}). Make room.") from None
    if lacked:
        revoking.have_it_read(layout, lacked)


def run(args: argparse.Namespace) -> int:
    """Admits until SIGTERM or SIGINT."""
    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    told = Addresses(
        broker_address(args.broker, (settings.hosts[0], settings.port)), broker_address(args.door, (settings.hosts[0], settings.door_port))
    )
    if not 1 <= args.certificate_days <= 3652:
        raise NotAProvince(f"--certificate-days {args.certificate_days}: must be 1 to 3652.")
    logs.configure(verbose=args.verbose)
    secret_files.tighten(layout)
    try:
        lock = ProcessLock(layout.admit_lock, "gate-province admit")
    except (AlreadyRunning, OSError) as error:
        raise ProvinceError(f"{error}.") from None
    with lock:
        _admit(layout, settings, told, timedelta(days=args.certificate_days))
    _log.info("stopped")
    return 0


def _admit(layout: Layout, settings: Settings, told: Addresses, life: timedelta) -> None:
    renewing.finish_exchanges(layout)
    _mend(layout, renewing.load_authority(layout))  # before anybody is told that the door is open
    beat = Beat(of_this_process())
    post, watch = _post(layout, told, life), Watch(layout)
    renewals = Renewals(lambda: post.now().admission, lambda: watch.tell(now_ms()), beat)
    link, door = _link(layout, settings, renewals), _open(settings, post)

    def stop() -> None:
        beat.notifier.stopping()
        renewals.stop()

    stop_when_asked(stop)
    door.start()
    _log.info("the door is open port=%d, devices are sent to broker=%s:%d", settings.door_port, *told.broker)
    link.start()
    beat.notifier.ready(f"the door is open on port {settings.door_port}")
    try:
        renewals.work(link.publish)
    finally:
        door.stop()
        link.stop()


def _link(layout: Layout, settings: Settings, renewals: Renewals) -> BrokerLink:
    registrar = layout.registrar / "client.crt", layout.registrar / "client.key"
    endpoint = Endpoint(settings.hosts[0], settings.port, layout.authority_certificate, *registrar)
    try:
        return BrokerLink(endpoint, REGISTRAR, [topics.ALL_CERTIFICATE_REQUESTS], renewals.on_event)
    except OSError as error:
        raise NotAProvince(f"{layout.registrar}: the registrar's certificate cannot be used ({error}). Restore it from a backup.") from None


def _open(settings: Settings, post: Fresh[_Post]) -> doors.Door:
    front = post.now().front
    try:
        door = doors.Door((settings.bind or "", settings.door_port), front.context, front.greeting, front.answer)
    except OSError as error:
        raise ProvinceError(f"port {settings.door_port} cannot be listened on ({error.strerror}): is another `admit` running?") from None
    door.follow(lambda: post.now().front)
    return door
