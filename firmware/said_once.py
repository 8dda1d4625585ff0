"""Says in the log how the gate's parts are, once for as long as each stays so: a part that stays away fails at every reopening."""

from __future__ import annotations

import logging

from firmware.reading import SourceState

log = logging.getLogger(__name__)


class SaidOnce:
    """What was said last of each part.

    Args:
        kind: what the parts are: lane, input, position.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._said: dict[str, tuple[SourceState, str]] = {}

    def say(self, part: str, state: SourceState, why: str) -> None:
        """Says how a part is, and why, which makes it a warning; nothing when that was the last that was said of it."""
        if self._said.get(part) != (state, why):
            self._said[part] = (state, why)
            if why:
                log.warning("%s %s: %s %s", self._kind, part, state, why)
            else:
                log.info("%s %s: %s", self._kind, part, state)
