"""Serves the fleet's page with all that it stands on: what the fleet tells, commands, and alerts told on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from edge_agent.serving.changes import Changes
from province.base.layout import Layout
from province.fleet import notice_settings
from province.fleet.accounts import AccountsFile
from province.fleet.app import Pages
from province.fleet.orders import Orders
from province.fleet.register_accounts import RegisterAccounts
from province.fleet.senders import Teller
from province.fleet.sight import Sight
from province.fleet.world import World
from province.web.serving import App, Place, Served


def fleet_page(
    layout: Layout,
    place: Place,
    broker: tuple[str, int] | None,
    alive: Callable[[], None] = lambda: None,
    *,
    password_only: bool = False,
) -> Served:
    """The page.

    Args:
        layout: the province.
        place: where.
        broker: the broker's address, for commands; None: this page sends none.
        alive: called every few seconds while it answers.
        password_only: whether the province's accounts may come in without a second step.
    """
    return Served(
        "fleet-page", layout, place, layout.fleet_page, lambda: _opened(layout, place, broker, password_only=password_only), alive
    )


@asynccontextmanager
async def _opened(layout: Layout, place: Place, broker: tuple[str, int] | None, *, password_only: bool) -> AsyncIterator[App]:
    changes = Changes()
    sight = Sight(layout.fleet_store, changes.tell)
    orders = None if broker is None else Orders(layout, broker, changes.tell)
    file = AccountsFile(layout)
    file.all()  # a damaged file is said now
    accounts = RegisterAccounts(layout, file, password_only=password_only)
    teller = Teller(layout, sight, notice_settings.read(layout.fleet_notices))
    await asyncio.to_thread(sight.start)
    try:
        if orders is not None:
            orders.start()
        teller.start()
        yield Pages(World(accounts, sight, changes, orders, proxied=bool(place.behind))).app
    finally:
        await asyncio.to_thread(teller.stop)
        await asyncio.to_thread(sight.stop)
        if orders is not None:
            await asyncio.to_thread(orders.stop)
