"""Tests the parts a gate may have besides cameras, readers and lights: each opens. A barrier is opened as a device, never for anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Protocol

from drivers.catalogue import open_barrier, open_display, open_position, open_switch
from edge_agent.settings import Settings
from firmware.configuration import devices_in
from firmware.verdict import Finding, guarded, ok


class Closable(Protocol):
    """What every driver is."""

    def close(self) -> None:
        """Releases the device."""


_OPENERS: Mapping[str, Callable[[str], Closable]] = {
    "barrier": open_barrier,
    "display": open_display,
    "position": open_position,
    "switch": open_switch,
}


def check_parts(settings: Settings) -> Iterator[Finding]:
    """Whether each display, barrier, contact and position source can be opened; parts are called by their key in the configuration."""
    for key, url in devices_in(settings):
        opener = _OPENERS.get(key.rpartition(".")[2])
        if opener is not None:
            yield check_part(key, url.url, opener)


def check_part(part: str, url: str, opener: Callable[[str], Closable]) -> Finding:
    """Whether one part can be opened and closed again."""

    def try_it() -> Finding:
        with closing(opener(url)):
            return ok(part, f"{url.partition('?')[0]} opens")

    return guarded(part, f"check its wiring and the URL {url!r}", try_it)
