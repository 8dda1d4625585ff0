"""What a barcode reader is to us: something that yields one complete line for each code it has read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Line:
    """One code as the reader sent it.

    Attributes:
        data: the bytes between two line ends, without framing; at least one byte, at most the driver's limit.
        at_s: when its last byte came, `time.monotonic()` seconds.
    """

    data: bytes
    at_s: float


class LineReader(Protocol):
    """A source of lines.

    Example:
        >>> from drivers.catalogue import open_reader                               # doctest: +SKIP
        >>> for line in open_reader("serial:/dev/ttyACM0?baud=9600").lines():       # doctest: +SKIP
        ...     understand(line.data)
    """

    def lines(self) -> Iterator[Line]:
        """Yields complete lines until `close` is called (from any thread).

        Raises:
            Unplugged: the device went away.
        """
        ...

    def trigger(self) -> None:
        """Makes a reader that waits to be asked (`trigger=host`) read now; any other goes on as it does.

        Raises:
            Unplugged: the device went away.
        """
        ...

    def refused(self) -> Mapping[str, int]:
        """How many lines were thrown away, by reason (`oversize`, `binary`, `unended`, `incomplete`); only counted, never kept."""
        ...

    def close(self) -> None:
        """Ends `lines` soon and releases the device; calling it twice is harmless."""
        ...
