"""What a camera is to us: something that yields grey frames, the newest first, each with the time it was taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

GreyFrame = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the view.

    Attributes:
        grey: 2-D array of shape (height, width), dtype uint8, 0 black to 255 white; rows may be strided.
            Valid until the next frame is asked for: copy it to keep it.
        at_s: when it was taken, `time.monotonic()` seconds.
        exposure_us: how long it was exposed, microseconds, where the camera says so and alternates; None otherwise. Frames of
            different exposures show the same view differently.
    """

    grey: GreyFrame
    at_s: float
    exposure_us: int | None = None


class Camera(Protocol):
    """A source of frames.

    Example:
        >>> from drivers.catalogue import open_camera          # doctest: +SKIP
        >>> for frame in open_camera("picamera2:").frames():   # doctest: +SKIP
        ...     look_at(frame.grey)
    """

    def frames(self) -> Iterator[Frame]:
        """Yields frames until `close` is called (from any thread) or the source has no more.

        Newest frame wins: a slow consumer misses frames, it never sees old ones.

        Raises:
            Stalled: no frame came for longer than the driver's stall time.
            Unplugged: the device went away.
            Unavailable: a source of files holds nothing that can be read.
        """
        ...

    def close(self) -> None:
        """Ends `frames` soon and releases the device; calling it twice is harmless."""
        ...
