"""A small OLED on the I2C bus, or a display that the kernel itself drives, shown through luma.

Wiring of an OLED (SSD1306, SH1106 and their like, 3.3 V): VCC to pin 1, GND to pin 9, SDA to GPIO2 (pin 3), SCL to GPIO3 (pin 5), with
`dtparam=i2c_arm=on`; the user needs the group i2c. `i2cdetect -y 1` shows its address, 60 (0x3C) or 61 (0x3D). A colour LCD on SPI is
given to the kernel (`dtoverlay=fbtft,…` or `mipi-dbi-spi`), appears as /dev/fb1 and is shown as `oled:framebuffer?fb=1`; the user needs
the group video. Needs the extra `gate-scanner[display]` and the font: apt fonts-dejavu-core.

Example:
    >>> from drivers.catalogue import open_display                                       # doctest: +SKIP
    >>> open_display("oled:ssd1306?i2c=1&address=60").show(Signal.ACCEPTED)              # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from threading import Condition, Thread
from typing import Any

from drivers.display_face import Face, NoFont, draw
from drivers.errors import Unavailable, Unplugged
from drivers.indicator import Signal
from drivers.patterns import PATTERNS

_log = logging.getLogger(__name__)
_ANSWER_S = 3.0  # longer than the lamps need: words are read
_CLOSE_S = 1.0
_NOP = 0xE3  # SSD1306 and SH1106 datasheets, command table


class OledDisplay:
    """One display, drawn to by a thread of its own.

    Args:
        chip: `framebuffer`, or the OLED's chip as luma.oled calls it.
        i2c: number of the I2C bus.
        address: of the OLED on it.
        fb: number of the framebuffer.
        rotate: quarter turns clockwise.
        size: of the OLED in pixels.
        language: of the words: `vi`, `en` or `both`.
        open_device: opens luma's device; None chooses by `chip`.

    Raises:
        Unavailable: nothing answers there, no permission, or luma or the font is not installed.
    """

    def __init__(
        self,
        chip: str,
        i2c: int = 1,
        address: int = 60,
        fb: int = 1,
        rotate: int = 0,
        size: tuple[int, int] = (128, 64),
        language: str = "both",
        *,
        open_device: Callable[[], Any] | None = None,
    ) -> None:
        self._name = f"oled:{chip}"
        self._language = language
        self._changed = Condition()
        self._state = self._showing = Signal.STARTING
        self._until_s: float | None = None  # of an answer
        self._inside: int | None = None
        self._closed = False
        self._error: Exception | None = None
        try:
            self._device = open_device() if open_device is not None else _open(chip, i2c, address, fb, rotate, size)
            self._draw(Face(self._state))
        except Exception as problem:
            todo = str(problem) if isinstance(problem, NoFont | ImportError) else f"{type(problem).__name__}: {problem}"
            raise Unavailable(
                f"{self._name!r} cannot be opened ({todo}). Check its wires (`i2cdetect -y {i2c}`) "
                "and that gate-scanner[display] is installed."
            ) from problem
        self._thread = Thread(target=self._run, name=f"display {self._name}", daemon=True)
        self._thread.start()

    def show(self, signal: Signal) -> None:
        """Shows a signal; see `Display.show`."""
        with self._working():
            if PATTERNS[signal].is_state:
                self._state = signal
                self._showing = signal if self._until_s is None else self._showing
            else:
                self._showing, self._until_s = signal, time.monotonic() + _ANSWER_S

    def count(self, inside: int | None) -> None:
        """Shows how many are inside; see `Display.count`."""
        with self._working():
            self._inside = inside

    def close(self) -> None:
        """Display dark and released."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            _log.warning("%s: the display does not answer: it is given up", self._name)

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        with self._changed:
            if self._error is not None:
                raise Unplugged(f"{self._name!r} does not work any more. Check its wires; it is opened anew.") from self._error
            yield
            self._changed.notify_all()

    def _run(self) -> None:
        shown = None
        try:
            while (face := self._next(shown)) is not None:
                self._draw(face)
                shown = face
        except Exception as error:  # noqa: BLE001 - whatever a bus raises must reach the next caller, not die with this thread
            _log.exception("%s the display failed", self._name)
            with self._changed:
                self._error = error
        finally:
            with contextlib.suppress(Exception):  # a display that is gone cannot be made dark
                self._device.cleanup()
            vars(self._device).clear()  # luma holds on to it until the process ends; a display replugged for years must not add up

    def _next(self, shown: Face | None) -> Face | None:
        """Waits until something else is to be shown than `shown`; None when closed."""
        with self._changed:
            while not self._closed:
                left_s = None if self._until_s is None else self._until_s - time.monotonic()
                if left_s is not None and left_s <= 0:
                    self._showing, self._until_s, left_s = self._state, None, None
                face = Face(self._showing, self._inside)
                if face != shown:
                    return face
                self._changed.wait(left_s)
        return None

    def _draw(self, face: Face) -> None:
        self._device.display(draw(face, self._device.size, self._device.mode, self._language))


def _open(chip: str, i2c: int, address: int, fb: int, rotate: int, size: tuple[int, int]) -> Any:
    from luma.core.device import linux_framebuffer  # noqa: PLC0415 - only machines with a display need it
    from luma.core.interface.serial import i2c as i2c_bus  # noqa: PLC0415 - the same

    if chip == "framebuffer":
        os.close(os.open(f"/dev/fb{fb}", os.O_WRONLY))  # luma keeps what it cannot open until the process ends
        return linux_framebuffer(f"/dev/fb{fb}")
    return oled_on(i2c_bus(port=i2c, address=address), chip, rotate, size)


def oled_on(bus: Any, chip: str, rotate: int, size: tuple[int, int]) -> Any:
    """Opens an OLED on one of luma's buses, which is closed again when nothing answers there.

    Asked first with a command that does nothing, because luma keeps every device it ever made until the process ends.
    """
    from luma.oled import device as oled  # noqa: PLC0415 - only machines with a display need it

    try:
        bus.command(_NOP)
        return getattr(oled, chip)(bus, width=size[0], height=size[1], rotate=rotate)
    except BaseException:
        bus.cleanup()
        raise
