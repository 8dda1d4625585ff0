"""`gate-province fleet-page`: the fleet for operators' browsers, each seeing its own organisation; alerts told on."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from urllib.parse import urlsplit

from edge_agent.base import logs
from edge_agent.base.ending import stop_when_asked
from edge_agent.base.notify import Beat, of_this_process
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from province.base import secret_files
from province.base.broker_address import broker_address
from province.base.errors import NotAProvince, ProvinceError
from province.base.layout import Layout

_log = logging.getLogger(__name__)
_EPILOG = """\
examples:
  gate-province fleet-page /srv/gate                                      https://127.0.0.1:8443/, for this machine
  gate-province fleet-page /srv/gate --listen 0.0.0.0:8443 --name fleet.tinh.example.vn
  gate-province fleet-page /srv/gate --behind https://fleet.tinh.example.vn     plain HTTP on loopback, for a reverse proxy
  gate-province fleet-page /srv/gate --no-commands                        to look only, whoever asks

It shows what `gate-province watch` learns. Its certificate is of the province's own authority: give browsers DIR/authority/ca.crt, or
put a reverse proxy with another certificate before it. `gate-province login add` lets people in. Where alerts are told on to, by
webhook or e-mail, is in DIR/fleet-notices.toml (hw_docs/operators/fleet.md).
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `fleet-page` to the command line."""
    parser = subparsers.add_parser(
        "fleet-page",
        help="the fleet for operators' browsers",
        description="Shows the fleet to operators' browsers, lets them acknowledge alerts and send commands, and tells alerts on.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("--listen", default="127.0.0.1:8443", metavar="ADDRESS:PORT", help="where browsers connect (%(default)s)")
    parser.add_argument(
        "--name", action="append", default=[], metavar="HOST",
        help="a name or address by which browsers know this machine, for its certificate; again for more (default: as init's --host)",
    )  # fmt: skip
    parser.add_argument("--behind", metavar="URL", help="a reverse proxy on this machine serves it at this https:// address")
    parser.add_argument("--no-commands", action="store_true", help="send no commands, whoever asks")
    parser.add_argument("--broker", metavar="HOST:PORT", help="for commands; default: the first --host and --port of init")
    parser.add_argument("--verbose", action="store_true", help="log more")


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    from province.fleet import service  # noqa: PLC0415 - its libraries are loaded for this alone

    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    address, port = broker_address(args.listen, ("", 0))
    behind = _behind(args.behind)
    if behind and not service.is_loopback(address):
        raise NotAProvince(f"--listen {args.listen}: behind a proxy it speaks without TLS, so on loopback only: 127.0.0.1:PORT.")
    own = () if address in {"0.0.0.0", "::"} else (address,)  # noqa: S104 - compared, not bound
    names = tuple(dict.fromkeys((*args.name, *settings.hosts, *own, "localhost")))
    broker = None if args.no_commands else broker_address(args.broker, (settings.hosts[0], settings.port))
    logs.configure(verbose=args.verbose)
    secret_files.tighten(layout)
    try:
        lock = ProcessLock(layout.fleet_page_lock, "gate-province fleet-page")
    except (AlreadyRunning, OSError) as error:
        raise ProvinceError(f"{error}.") from None
    with lock:
        beat = Beat(of_this_process())
        page = service.FleetPage(layout, service.Place(address, port, names, behind), broker, beat)

        def stop() -> None:
            beat.notifier.stopping()
            page.stop()

        stop_when_asked(stop)
        page.start()
        shown = f"https://{behind}/" if behind else f"https://{names[0]}:{page.port}/"
        _log.info("fleet page: %s", shown)
        beat.notifier.ready(shown)
        page.wait()
    _log.info("stopped")
    return 0


def _behind(given: str | None) -> str:
    """The host, and its port where there is one, that browsers ask the proxy for."""
    if given is None:
        return ""
    parts = urlsplit(given)
    if parts.scheme != "https" or not parts.netloc or parts.path not in {"", "/"} or "@" in parts.netloc:
        raise NotAProvince(f"--behind {given}: must be https:// and a host, such as https://fleet.tinh.example.vn")
    return parts.netloc
