"""Begins the keeper's page where gate.toml asks for it; where it does not, nothing of the page or its libraries is loaded."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

from edge_agent.device.settings import Settings

if TYPE_CHECKING:
    from edge_agent.station.service import Station

log = logging.getLogger(__name__)


class Page:
    """The page of the settings in force, if there is one. Whatever comes of it, entries are carried."""

    def __init__(self) -> None:
        self._station: Station | None = None
        self._of: Settings | None = None

    def show(self, settings: Settings) -> None:
        """Begins it, or begins it anew where lanes were set anew from afar: keepers then enter the PIN again. One that is on goes on."""
        if self._of is not None and self._of.lanes == settings.lanes:
            return
        self.end()
        self._of = settings
        if not settings.station.enabled:
            return
        try:
            self._station = import_module("edge_agent.station.service").Station(settings)
        except ImportError as error:
            log.error("station page: there is none, %s is missing: pip install 'gate-scanner[station]'", error.name)  # noqa: TRY400 - a message for people
            return
        self._station.start()

    def end(self) -> None:
        """Ends it, within a few seconds."""
        station, self._station = self._station, None
        if station is not None:
            station.stop()
