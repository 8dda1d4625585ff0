"""What commands that serve pages share: the options by which they are told where, and serving until they are asked to end."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge_agent.base import logs
from edge_agent.base.ending import stop_when_asked
from edge_agent.base.notify import Beat, of_this_process
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from province.base import secret_files
from province.base.broker_address import broker_address
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import Layout

if TYPE_CHECKING:
    from province.web.serving import Place, Served

_log = logging.getLogger(__name__)


def add_options(parser: argparse.ArgumentParser, listen: str) -> None:
    """Adds `--listen`, `--name` and `--behind`."""
    parser.add_argument("--listen", default=listen, metavar="ADDRESS:PORT", help="where browsers connect (%(default)s)")
    parser.add_argument(
        "--name", action="append", default=[], metavar="HOST",
        help="a name or address by which browsers know this machine, for its certificate; again for more (default: as init's --host)",
    )  # fmt: skip
    parser.add_argument("--behind", metavar="URL", help="a reverse proxy on this machine serves it at this https:// address")


def place(args: argparse.Namespace, hosts: Sequence[str]) -> Place:
    """Where the options say.

    Raises:
        NotAProvince: they cannot be.
    """
    from province.web import serving  # noqa: PLC0415 - its libraries are loaded for this alone

    address, port = broker_address(args.listen, ("", 0))
    behind = host(args.behind, "--behind")
    if behind and not serving.is_loopback(address):
        raise NotAProvince(f"--listen {args.listen}: behind a proxy it speaks without TLS, so on loopback only: 127.0.0.1:PORT.")
    own = () if address in {"0.0.0.0", "::"} else (address,)  # noqa: S104 - compared, not bound
    return serving.Place(address, port, tuple(dict.fromkeys((*args.name, *hosts, *own, "localhost"))), behind)


def shown(one: Place, port: int) -> str:
    """The address to tell people."""
    return f"https://{one.behind}/" if one.behind else f"https://{one.names[0]}:{port}/"


def host(given: str | None, option: str) -> str:
    """The host, and its port where there is one, of the https:// address that an option gives; empty where it gives none.

    Raises:
        NotAProvince: it is no such address.
    """
    if given is None:
        return ""
    parts = urlsplit(given)
    if parts.scheme != "https" or not parts.netloc or parts.path not in {"", "/"} or "@" in parts.netloc:
        raise NotAProvince(f"{option} {given}: must be https:// and a host, such as https://qr.tinh.example.vn")
    return parts.netloc


def serve(layout: Layout, args: argparse.Namespace, place: Place, lock_file: Path, what: str, make: Callable[[Beat], Served]) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code.

    Args:
        layout: the province.
        args: the command's, with `verbose`.
        place: where.
        lock_file: held meanwhile.
        what: it is, for the log.
        make: makes what is served; it tells of its life by what it is given.

    Raises:
        ProvinceError: another does so already, or the address cannot be had.
    """
    logs.configure(verbose=args.verbose)
    secret_files.tighten(layout)
    try:
        lock = ProcessLock(lock_file, f"gate-province {args.command}")
    except (AlreadyRunning, OSError) as error:
        raise ProvinceError(f"{error}.") from None
    with lock:
        beat = Beat(of_this_process())
        served = make(beat)

        def stop() -> None:
            beat.notifier.stopping()
            served.stop()

        stop_when_asked(stop)
        served.start()
        at = shown(place, served.port)
        _log.info("%s: %s", what, at)
        beat.notifier.ready(at)
        served.wait()
    _log.info("stopped")
    return 0
