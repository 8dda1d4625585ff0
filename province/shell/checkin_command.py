"""`gate-province checkin`: the page that visitors reach by a site's poster."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.base.console import print_line
from edge_agent.base.notify import Beat
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError
from province.base.files import PUBLIC, keep_folder, write_atomically
from province.base.layout import Layout
from province.joining.enrolling import Place as Stand
from province.joining.enrolling import add_device
from province.registry.texts import CHECKIN
from province.shell import served_at

if TYPE_CHECKING:
    from province.web.serving import App, Place

_EPILOG = """\
examples:
  gate-province checkin make /srv/gate /srv/checkin                  once: a device of its own, its bundle and its configuration
  gate-agent enrol /srv/checkin/page-1.bundle.json --config /srv/checkin/checkin.toml
  gate-agent run --config /srv/checkin/checkin.toml                  carries what visitors declare, like a gate's entries
  gate-province checkin serve /srv/gate --config /srv/checkin/checkin.toml --behind https://vao.tinh.example.vn
  gate-province site poster /srv/gate cho-dong-ba --url https://vao.tinh.example.vn --out poster.pdf

Visitors' phones know public certificates only: put a reverse proxy with one before it (--behind), on this machine. Destroy the bundle
after enrolling. Each entry is sealed and signed and on the disk before the visitor is told so; its method is `self`.
"""
_TOML = """\
# The device that the check-in page is. gate-agent carries its entries; gate-province checkin serve makes them.
[device]
state = "{folder}/state"
runtime = "{folder}/run"
clock = "system"

[outbox]
capacity_mb = 1024

[[lane]]          # the page itself: no reader stands here, and no gate-firmware is to be started
name = "page"
direction = "in"
reader = "fifo:{folder}/run/nothing"
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `checkin` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "checkin", help="the page that visitors reach by a site's poster", description=__doc__, epilog=_EPILOG, formatter_class=raw
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    make = actions.add_parser(
        "make",
        help="register the page as a device",
        description="Registers a check-in page as a device.",
        epilog=_EPILOG,
        formatter_class=raw,
    )
    make.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    make.add_argument("home", type=Path, metavar="FOLDER", help="for the page's keys and outbox")
    make.add_argument("--device", default="page-1", metavar="NAME", help="another one beside it has another name (default: page-1)")
    serve = actions.add_parser("serve", help="serve it", description="Serves the check-in page.", epilog=_EPILOG, formatter_class=raw)
    serve.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    serve.add_argument("--config", type=Path, required=True, metavar="FILE", help="the checkin.toml that `make` wrote")
    served_at.add_options(serve, "127.0.0.1:8447")
    serve.add_argument("--verbose", action="store_true", help="log more")


def run(args: argparse.Namespace) -> int:
    """Registers the page, or serves it until SIGTERM or SIGINT."""
    layout = Layout(args.folder.absolute())
    return _make(layout, args) if args.action == "make" else _serve(layout, args)


def _make(layout: Layout, args: argparse.Namespace) -> int:
    settings = layout.read_settings()
    home = args.home.absolute()
    if any(char in '"\\' or not char.isprintable() for char in str(home)):
        raise NotAProvince(f"{home}: choose a folder without quotation marks or backslashes in its name.")
    try:
        name = DeviceName(CHECKIN, args.device)
    except ValueError as error:
        raise NotAProvince(f"--device: {error}.") from None
    config, bundle = home / "checkin.toml", home / f"{args.device}.bundle.json"
    if config.exists():
        raise AlreadyThere(f"{config}: is there already; choose another folder.")
    try:
        keep_folder(home)
        add_device(layout, name, Stand("check-in", "Mã QR"), (settings.hosts[0], settings.port), bundle, now_ms())
        write_atomically(config, _TOML.format(folder=home).encode(), PUBLIC)
    except OSError as error:
        raise ProvinceError(f"{home}: cannot be written ({error.strerror}).") from None
    print_line(f"Registered {name}. Now: gate-agent enrol {bundle} --config {config}, then destroy {bundle.name}.")
    return 0


@asynccontextmanager
async def opened(layout: Layout, config: Path, place: Place) -> AsyncIterator[App]:
    """What the page stands on, within its event loop."""
    import asyncio  # noqa: PLC0415 - with the rest, for this alone

    from province.checkin import booking  # noqa: PLC0415 - its libraries are loaded for this alone
    from province.checkin.app import Checkin  # noqa: PLC0415 - the same

    made = await asyncio.to_thread(booking.from_config, config)
    try:
        yield Checkin(layout, made, proxied=bool(place.behind)).app
    finally:
        await asyncio.to_thread(made.close)


def _serve(layout: Layout, args: argparse.Namespace) -> int:
    from province.web.serving import Served  # noqa: PLC0415 - its libraries are loaded for this alone

    settings = layout.read_settings()
    place = served_at.place(args, settings.hosts)
    if not args.config.is_file():
        raise NotAProvince(f"--config {args.config}: is not there. Make it: gate-province checkin make {args.folder} FOLDER.")

    def make(beat: Beat) -> Served:
        return Served("check-in", layout, place, layout.checkin, lambda: opened(layout, args.config, place), beat)

    return served_at.serve(layout, args, place, args.config.absolute().with_suffix(".lock"), "check-in page", make)
