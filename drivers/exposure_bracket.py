"""Alternates a long and a short exposure, and keeps both bright enough. Pure: frames' metadata in, camera controls out.

A dimmed OLED phone lights its rows by pulses (240 Hz and its multiples): a short exposure catches some rows dark and tears the code. A
long exposure of whole pulses does not, but blurs a phone that moves. Neither suits all, so the camera alternates. The long one is
8 333 µs: two pulses of 240 Hz, four of 480 Hz, one of 120 Hz. Lamps on 50 Hz mains flicker at 100 Hz, between the two.

A new setting reaches the sensor some frames after it is asked for, so each exposure is kept for several frames, and what a frame was
taken with is read from its metadata, never assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

LONG_US, SHORT_US = 8_333, 1_500
_TARGET = 110.0  # mean grey level to keep
_STEP = 0.5  # part of the way to the target taken with each frame, in powers: 1 would swing


@dataclass(frozen=True, slots=True)
class Exposure:
    """What to ask of the camera, or what a frame was taken with.

    Attributes:
        us: exposure time in microseconds.
        gain: analogue gain, 1 and above.
    """

    us: int
    gain: float


class ExposureBracket:
    """The alternation of one camera.

    Args:
        long_us: the flicker-safe exposure, microseconds.
        short_us: the one that freezes movement, microseconds, below long_us.
        hold_frames: frames each is kept for; above the camera's own delay of three or four.
        most_gain: the camera's largest analogue gain.

    Raises:
        ValueError: the exposures are not 0 < short < long, or the others are below 1.

    Example:
        >>> bracket = ExposureBracket(hold_frames=2)
        >>> asked = [bracket.after_frame(Exposure(8_333, 4.0), mean_grey=110.0) for _ in range(4)]
        >>> [exposure and (exposure.us, round(exposure.gain, 1)) for exposure in asked]
        [None, (1500, 4.0), None, (8333, 4.0)]
    """

    def __init__(self, long_us: int = LONG_US, short_us: int = SHORT_US, hold_frames: int = 6, most_gain: float = 16.0) -> None:
        if not 0 < short_us < long_us or hold_frames < 1 or most_gain < 1:
            raise ValueError(f"exposures of {short_us} and {long_us} µs held {hold_frames} frames at gain {most_gain} are no bracket")
        self._exposures_us = (long_us, short_us)
        self._hold_frames = hold_frames
        self._most_gain = most_gain
        self._frames = 0
        self._gains = dict.fromkeys(self._exposures_us, min(4.0, most_gain))  # each exposure finds its own: one may be at its end

    def first(self) -> Exposure:
        """What to start with, before anything is known of the light."""
        return Exposure(self._exposures_us[0], self._gains[self._exposures_us[0]])

    def after_frame(self, taken: Exposure, mean_grey: float) -> Exposure | None:
        """Takes in a frame and says what to ask of the camera now, None when nothing is to change.

        Args:
            taken: what the frame was taken with, from its metadata.
            mean_grey: its mean brightness, 0 to 255.
        """
        nearest_us = min(self._exposures_us, key=lambda us: abs(us - taken.us))  # the sensor counts in rows: not to the microsecond
        ratio = _TARGET / min(250.0, max(4.0, mean_grey))
        self._gains[nearest_us] = min(self._most_gain, max(1.0, taken.gain * ratio**_STEP))
        self._frames += 1
        if self._frames % self._hold_frames:
            return None
        us = self._exposures_us[self._frames // self._hold_frames % 2]
        return Exposure(us, self._gains[us])
