"""Begins the keeper's page where gate.toml asks for it; where it does not, nothing of the page or its libraries is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from typing import cast

from edge_agent.settings import Settings

log = logging.getLogger(__name__)


def begin(settings: Settings) -> Callable[[], None]:
    """Begins the keeper's page where there is one, and returns what ends it. Whatever comes of it, entries are carried."""
    if not settings.station.enabled:
        return lambda: None
    try:
        station = import_module("edge_agent.station.service").Station(settings)  # its libraries only where there is a page
    except ImportError as error:
        log.error("station page: there is none, %s is missing: pip install 'gate-scanner[station]'", error.name)  # noqa: TRY400 - a message for people
        return lambda: None
    station.start()
    return cast("Callable[[], None]", station.stop)
