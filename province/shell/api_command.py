"""`gate-province api`: the registry, figures, the fleet and metrics for other programs, over HTTPS."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.base.console import print_json
from edge_agent.base.notify import Beat
from province.base.clock import now_ms
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.shell import served_at

if TYPE_CHECKING:
    from province.web.serving import App

_EPILOG = """\
examples:
  gate-province api /srv/gate                                    https://127.0.0.1:8446/api/v1/, for programs of this machine
  gate-province api /srv/gate --behind https://api.tinh.example.vn
  gate-province api --document > openapi.json                    what can be asked, as OpenAPI
  curl --cacert /srv/gate/authority/ca.crt -H "Authorization: Bearer $TOKEN" https://localhost:8446/api/v1/sites

`gate-province client add` makes tokens. Nothing here is of a person. Prometheus scrapes /metrics with a token of the scope metrics:read.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `api` to the command line."""
    parser = subparsers.add_parser(
        "api", help="the API for other programs", description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR", nargs="?", help="the province's folder")
    served_at.add_options(parser, "127.0.0.1:8446")
    parser.add_argument("--document", action="store_true", help="print the OpenAPI document and end")
    parser.add_argument("--verbose", action="store_true", help="log more")


@asynccontextmanager
async def opened(layout: Layout, *, proxied: bool) -> AsyncIterator[App]:
    """What answers, within its event loop."""
    from province.api.app import Api  # noqa: PLC0415 - its libraries are loaded for this alone

    api = Api(layout, now_ms, proxied=proxied)
    try:
        yield api.app
    finally:
        api.close()


def run(args: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT; or prints the document."""
    if args.document:
        from province.api.app import ENDPOINTS  # noqa: PLC0415 - its libraries are loaded for this alone
        from province.api.document import document  # noqa: PLC0415 - the same

        print_json(document(ENDPOINTS))
        return 0
    if args.folder is None:
        raise NotAProvince("DIR is missing: the province's folder.")
    from province.web.serving import Served  # noqa: PLC0415 - its libraries are loaded for this alone

    layout = Layout(args.folder.absolute())
    settings = layout.read_settings()
    place = served_at.place(args, settings.hosts)

    def make(beat: Beat) -> Served:
        return Served("api", layout, place, layout.api, lambda: opened(layout, proxied=bool(place.behind)), beat)

    return served_at.serve(layout, args, place, layout.api_lock, "API", make)
