"""What a door, flap or turnstile is to us: something that lets one person through and is at rest otherwise."""

from __future__ import annotations

from typing import Protocol


class Barrier(Protocol):
    """A barrier; each call returns at once.

    Example:
        >>> from drivers.catalogue import open_barrier               # doctest: +SKIP
        >>> open_barrier("relay:?pin=26&pulse_ms=500").let_through()  # doctest: +SKIP
    """

    def let_through(self) -> None:
        """Opens for one person; asked again before that time is over, the time begins anew.

        Raises:
            Unplugged: the barrier stopped working; whether it is open is not known.
        """
        ...

    def close(self) -> None:
        """Leaves it as the driver's fail-safe level says and releases it; calling it twice is harmless."""
        ...
