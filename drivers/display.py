"""What a small display is to us: something that shows the newest answer in words, and a count; never anything about a person."""

from __future__ import annotations

from typing import Protocol

from drivers.indicator import Signal


class Display(Protocol):
    """A display; each call returns at once.

    Example:
        >>> from drivers.catalogue import open_display                    # doctest: +SKIP
        >>> open_display("oled:ssd1306?i2c=1").show(Signal.ACCEPTED)      # doctest: +SKIP
    """

    def show(self, signal: Signal) -> None:
        """Shows a state until the next state, an answer for a few seconds, then the state again; the newest wins.

        Raises:
            Unplugged: the display stopped working while something earlier was shown.
        """
        ...

    def count(self, inside: int | None) -> None:
        """Shows how many are inside from now on, or no count; raises as `show` does."""
        ...

    def close(self) -> None:
        """Display dark and released; calling it twice is harmless."""
        ...
