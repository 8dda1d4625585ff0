"""What a contact is to us: a door, a tamper switch, an ignition line, a button; something that is active or not, and changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Change:
    """How a switch is from a moment on.

    Attributes:
        active: pressed, closed, switched on: what its wiring and `active` say.
        at_s: when it became so, `time.monotonic()` seconds; for the first one, when it was asked.
    """

    active: bool
    at_s: float


class Switch(Protocol):
    """A source of changes.

    Example:
        >>> from drivers.catalogue import open_switch                            # doctest: +SKIP
        >>> for change in open_switch("gpio:?pin=21&bounce_ms=50").changes():    # doctest: +SKIP
        ...     react(change.active)
    """

    def changes(self) -> Iterator[Change]:
        """Yields how the switch is now, then each change, until `close` is called (from any thread).

        Two that follow each other always differ; what was shorter than its bounce time is not told.

        Raises:
            Unplugged: the input stopped working.
        """
        ...

    def close(self) -> None:
        """Ends `changes` soon and releases the input; calling it twice is harmless."""
        ...
