"""Tests the parts a gate may have besides cameras, readers and lights: each opens, and a barrier could, unmoved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from drivers.catalogue import Closable, open_display, open_position, open_switch, probe_barrier
from edge_agent.device.settings import Settings
from firmware.configuration import devices_in
from firmware.verdict import Finding, guarded, ok

_OPENERS: Mapping[str, tuple[Callable[[str], Closable], str]] = {
    "barrier": (probe_barrier, "its pin can be had; it was not moved"),
    "display": (open_display, "opens"),
    "position": (open_position, "opens"),
    "switch": (open_switch, "opens"),
}


def check_parts(settings: Settings) -> Iterator[Finding]:
    """Whether each display, contact and position source can be opened, and each barrier could be: a test opens no door and shuts none.

    Parts are called by their key in the configuration.
    """
    for key, url in devices_in(settings):
        kind = key.rpartition(".")[2]
        if kind in _OPENERS:
            yield check_part(key, url.url, *_OPENERS[kind])


def check_part(part: str, url: str, opener: Callable[[str], Closable], result: str = "opens") -> Finding:
    """Whether one part can be opened and closed again; `result` is what that shows."""

    def try_it() -> Finding:
        with closing(opener(url)):
            return ok(part, f"{url.partition('?')[0]} {result}")

    return guarded(part, f"check its wiring and the URL {url!r}", try_it)
