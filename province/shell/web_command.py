"""`gate-province web`: the province's pages for keepers, tracers, reporters, operators and administrators."""

from __future__ import annotations

import argparse
import importlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.base import logs
from edge_agent.base.ending import stop_when_asked
from edge_agent.base.notify import Beat, of_this_process
from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from province.base import secret_files
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.shell import served_at

if TYPE_CHECKING:
    from province.web.section import Section
    from province.web.serving import App, Place
    from province.web.world import World

# The rooms that have pages, in the order of the menu: `province.<room>.section` gives each.
ROOMS: tuple[str, ...] = ()

_log = logging.getLogger(__name__)
_EPILOG = """\
examples:
  gate-province web /srv/gate                                             https://127.0.0.1:8444/, for this machine
  gate-province web /srv/gate --listen 0.0.0.0:8444 --name qr.tinh.example.vn
  gate-province web /srv/gate --behind https://qr.tinh.example.vn         plain HTTP on loopback, for a reverse proxy

`gate-province account add` lets people in. The certificate is of the province's own authority: give browsers DIR/authority/ca.crt, or
put a reverse proxy with another certificate before it.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `web` to the command line."""
    parser = subparsers.add_parser(
        "web", help="the province's pages for browsers", description=__doc__, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    served_at.add_options(parser, "127.0.0.1:8444")
    parser.add_argument("--verbose", action="store_true", help="log more")


def sections(world: World) -> tuple[Section, ...]:
    """Every room's pages."""
    return tuple(importlib.import_module(f"province.{room}.section").section(world) for room in ROOMS)


@asynccontextmanager
async def opened(layout: Layout, place: Place) -> AsyncIterator[App]:
    """What the pages stand on, within their event loop."""
    import asyncio  # noqa: PLC0415 - with the rest, for this alone

    from province.web.app import Pages  # noqa: PLC0415 - its libraries are loaded for this alone
    from province.web.watching import Watch  # noqa: PLC0415 - the same
    from province.web.world import World  # noqa: PLC0415 - the same

    world = World(layout)
    watch = Watch(layout, world.changes.tell)
    watch.start()
    try:
        yield Pages(world, sections(world), proxied=bool(place.behind)).app
    finally:
        await asyncio.to_thread(watch.stop)
        world.close()


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    from province.web.serving import Served  # noqa: PLC0415 - its libraries are loaded for this alone

    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    place = served_at.place(args, settings.hosts)
    logs.configure(verbose=args.verbose)
    secret_files.tighten(layout)
    try:
        lock = ProcessLock(layout.web_lock, "gate-province web")
    except (AlreadyRunning, OSError) as error:
        raise ProvinceError(f"{error}.") from None
    with lock:
        beat = Beat(of_this_process())
        pages = Served("web", layout, place, layout.web, lambda: opened(layout, place), beat)

        def stop() -> None:
            beat.notifier.stopping()
            pages.stop()

        stop_when_asked(stop)
        pages.start()
        shown = served_at.shown(place, pages.port)
        _log.info("pages: %s", shown)
        beat.notifier.ready(shown)
        pages.wait()
    _log.info("stopped")
    return 0
