"""What the fleet's pages show and use."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.serving.changes import Changes
from province.fleet.accounts import Accounts
from province.fleet.orders import Orders
from province.fleet.sight import Sight


@dataclass(frozen=True, slots=True)
class World:
    """What the pages show and use.

    Attributes:
        orders: None where this page sends no commands, whoever asks.
        proxied: whether a reverse proxy on this machine stands before it and says who asks (X-Forwarded-For).
    """

    accounts: Accounts
    sight: Sight
    changes: Changes
    orders: Orders | None
    proxied: bool = False
    now_s: Callable[[], float] = time.monotonic
