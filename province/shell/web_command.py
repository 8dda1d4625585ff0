"""`gate-province web`: the province's pages for keepers, tracers, reporters, operators and administrators."""

from __future__ import annotations

import argparse
import importlib
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.base.notify import Beat
from province.accounts import noting
from province.accounts.account import Role
from province.base.layout import Layout
from province.shell import served_at

if TYPE_CHECKING:
    from province.web.codes import CodeSender
    from province.web.door import Policy
    from province.web.section import Section
    from province.web.serving import App, Place
    from province.web.world import World

# The rooms that have pages, in the order of the menu: `province.<room>.section` gives each.
ROOMS: tuple[str, ...] = ("boards", "tracing", "reports")

_CONNECTIONS = 2000
_EPILOG = """\
examples:
  gate-province web /srv/gate                                             https://127.0.0.1:8444/, for this machine
  gate-province web /srv/gate --listen 0.0.0.0:8444 --name qr.tinh.example.vn
  gate-province web /srv/gate --behind https://qr.tinh.example.vn         plain HTTP on loopback, for a reverse proxy
  gate-province web /srv/gate --code-command /usr/local/bin/send-sms      codes by SMS as well as by authenticator apps

People come in by phone number and password, and by a second step that they set up the first time: an authenticator app, or a code sent to
the phone. `gate-province account add` lets people in. The certificate is of the province's own authority: give browsers
DIR/authority/ca.crt, or put a reverse proxy with another certificate before it.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `web` to the command line."""
    parser = subparsers.add_parser(
        "web", help="the province's pages for browsers", description=__doc__, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    served_at.add_options(parser, "127.0.0.1:8444")
    parser.add_argument(
        "--password-only", action="append", default=[], choices=[str(role) for role in Role], metavar="ROLE",
        help="a role that comes in by phone and password alone, without a second step; give each",
    )  # fmt: skip
    parser.add_argument("--fleet-page", metavar="URL", help="where `gate-province fleet-page` is, for operators' menu: https:// and a host")
    code = parser.add_mutually_exclusive_group()
    code.add_argument("--code-command", metavar="COMMAND", help="sends codes to phones: a program that reads {phone, text} as JSON")
    code.add_argument("--code-webhook", metavar="URL", help="the same by a gateway that takes it as a POST")
    parser.add_argument("--code-webhook-token", type=Path, metavar="FILE", help="holds the gateway's bearer token")
    parser.add_argument("--verbose", action="store_true", help="log more")


def sections(world: World) -> tuple[Section, ...]:
    """Every room's pages."""
    return tuple(importlib.import_module(f"province.{room}.section").section(world) for room in ROOMS)


@asynccontextmanager
async def opened(layout: Layout, place: Place, policy: Policy | None = None, fleet: str = "") -> AsyncIterator[App]:
    """What the pages stand on, within their event loop; `fleet` is the host of the fleet's page, where there is one."""
    import asyncio  # noqa: PLC0415 - with the rest, for this alone

    from province.web.app import Pages  # noqa: PLC0415 - its libraries are loaded for this alone
    from province.web.door import TWO_STEPS  # noqa: PLC0415 - the same
    from province.web.watching import Watch  # noqa: PLC0415 - the same
    from province.web.world import World  # noqa: PLC0415 - the same

    await asyncio.to_thread(noting.settle, layout)
    world = World(layout, fleet_page=f"https://{fleet}/" if fleet else "")
    watch = Watch(layout, world.changes.tell)
    watch.start()
    try:
        yield Pages(world, sections(world), policy or TWO_STEPS, proxied=bool(place.behind)).app
    finally:
        await asyncio.to_thread(watch.stop)
        world.close()


def _policy(args: argparse.Namespace) -> Policy:
    from province.web.codes import ByCommand, ByWebhook, bearer_of  # noqa: PLC0415 - with the rest, for this alone
    from province.web.door import Policy  # noqa: PLC0415 - the same

    sender: CodeSender | None = None
    if words := shlex.split(args.code_command or ""):
        sender = ByCommand(words)
    elif args.code_webhook:
        sender = ByWebhook(args.code_webhook, bearer_of(args.code_webhook_token))
    return Policy(frozenset(map(Role, args.password_only)), sender)


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    from province.web.serving import Served  # noqa: PLC0415 - its libraries are loaded for this alone

    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    place = served_at.place(args, settings.hosts)
    policy, fleet = _policy(args), served_at.host(args.fleet_page, "--fleet-page")

    def make(beat: Beat) -> Served:
        return Served("web", layout, place, layout.web, lambda: opened(layout, place, policy, fleet), beat, connections=_CONNECTIONS)

    return served_at.serve(layout, args, place, layout.web_lock, "pages", make)
