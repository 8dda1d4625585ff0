"""Alternates a long and a short exposure, and keeps both bright enough. Pure: frames' metadata in, camera controls out.

A dimmed OLED phone lights its rows by pulses (240 Hz and its multiples): a short exposure catches some rows dark and tears the code. A
long exposure of whole pulses does not, but blurs a phone that moves. Neither suits all, so the camera alternates. The long one is
8 333 µs: two pulses of 240 Hz, four of 480 Hz, one of 120 Hz. Lamps on 50 Hz mains flicker at 100 Hz, between the two.

A new setting reaches the sensor some frames after it is asked for, so each exposure is kept for several frames, and what a frame was
taken with is read from its metadata, never assumed. picamera2 can lose a setting (`CompletedRequest.release` reads the controls and then
replaces them), so one that has not come after half its time is asked for again. Brightness is taken from the brightest tenth of the
frame: that is where a lit phone or white paper is, whatever the rest of the view looks like.
"""

from __future__ import annotations

from dataclasses import dataclass

LONG_US, SHORT_US = 8_333, 1_500
METERED_PERCENTILE = 90  # of a frame's pixels: a code held at reading distance covers more than the brightest tenth, a lamp less
_TARGET = 190.0  # grey level of that percentile: white with room above
_BURNT = 250.0  # from here on nobody knows how much brighter it was
_BURNT_RATIO = 0.25
_WORTH_ASKING = 0.15  # smaller changes of gain are noise


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
        hold_s: seconds each is kept for, by the sensor's clock; above the camera's own delay of three or four frames.
        most_gain: the camera's largest analogue gain.

    Raises:
        ValueError: the exposures are not 0 < short < long, or the others are out of bounds.

    Example:
        >>> bracket = ExposureBracket(hold_s=0.2)
        >>> asked = [bracket.after_frame(Exposure(8_333, 4.0), bright_grey=190.0, at_s=at_s) for at_s in (5.0, 5.1, 5.2, 5.3, 5.4)]
        >>> [exposure and (exposure.us, exposure.gain) for exposure in asked]
        [None, None, (1500, 4.0), None, (8333, 4.0)]
    """

    def __init__(self, long_us: int = LONG_US, short_us: int = SHORT_US, hold_s: float = 0.2, most_gain: float = 16.0) -> None:
        if not 0 < short_us < long_us or hold_s <= 0 or most_gain < 1:
            raise ValueError(f"exposures of {short_us} and {long_us} µs held {hold_s} s at gain {most_gain} are no bracket")
        self._exposures_us = (long_us, short_us)
        self._hold_s = hold_s
        self._most_gain = most_gain
        self._gains = dict.fromkeys(self._exposures_us, min(4.0, most_gain))  # each exposure finds its own: one may be at its end
        self._asked = self.first()
        self._since_s: float | None = None
        self._asked_s = 0.0

    def first(self) -> Exposure:
        """What to start with, before anything is known of the light."""
        return Exposure(self._exposures_us[0], self._gains[self._exposures_us[0]])

    def nominal_us(self, taken_us: int) -> int:
        """Which of the two exposures a frame belongs to: the sensor counts in rows, so a frame's is never exact to the microsecond."""
        return min(self._exposures_us, key=lambda us: abs(us - taken_us))

    def after_frame(self, taken: Exposure, bright_grey: float, at_s: float) -> Exposure | None:
        """Takes in a frame and says what to ask of the camera now, None when nothing is to change.

        Args:
            taken: what the frame was taken with, from its metadata.
            bright_grey: how bright its brightest parts are, 0 to 255: the `METERED_PERCENTILE` of its pixels.
            at_s: when it was taken, by the sensor's clock.
        """
        ratio = _BURNT_RATIO if bright_grey >= _BURNT else _TARGET / max(4.0, bright_grey)
        # From what this very frame was taken with: the camera's delay cannot make it swing.
        self._gains[self.nominal_us(taken.us)] = min(self._most_gain, max(1.0, taken.gain * ratio))
        if self._since_s is None:
            self._since_s = self._asked_s = at_s
        us = self._asked.us
        if at_s - self._since_s >= self._hold_s:
            self._since_s = at_s
            us = next(other for other in self._exposures_us if other != us)
        wanted = Exposure(us, self._gains[us])
        lost = self.nominal_us(taken.us) != self._asked.us and at_s - self._asked_s >= self._hold_s / 2
        if wanted.us == self._asked.us and not lost and abs(wanted.gain - self._asked.gain) <= _WORTH_ASKING * self._asked.gain:
            return None
        self._asked, self._asked_s = wanted, at_s
        return wanted
