"""Signals as words and shapes on the terminal, for machines that have no pins.

Wiring: none. Each signal is one line: the time, a shape in colour, Vietnamese and English. The shapes differ as well, so
nothing hangs on colour.

Example:
    >>> import io
    >>> terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    >>> ConsoleIndicator(colour="never", stream=terminal).show(Signal.ACCEPTED)
    >>> terminal.seek(9), terminal.read().strip()
    (9, '[✔] MỜI QUA · accepted')
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TextIO

from drivers.indicator import Signal
from drivers.signal_words import shape_and_words

_log = logging.getLogger(__name__)
_GREEN, _RED, _AMBER, _PLAIN = "\x1b[1;32m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[0m"
_COLOURS = {
    Signal.STARTING: _AMBER,
    Signal.WAITING: _AMBER,
    Signal.WAITING_WITH_FAULT: _AMBER,
    Signal.READY: _GREEN,
    Signal.ATTENTION: _AMBER,
    Signal.SHUT: _RED,
    Signal.FAULT: _RED,
    Signal.FULL: _RED,
    Signal.CLOSED: _PLAIN,
    Signal.ACCEPTED: _GREEN,
    Signal.ACCEPTED_ASK: _AMBER,
    Signal.ALREADY: _GREEN,
    Signal.ASK_KEEPER: _RED,
    Signal.NOT_OPEN: _RED,
    Signal.PASS_SEEN: _AMBER,
    Signal.PASS_NOT_VALID: _RED,
    Signal.NOT_A_PERSON_CODE: _AMBER,
    Signal.CLOSER: _AMBER,
    Signal.HOLD_STILL: _AMBER,
    Signal.UNREADABLE: _AMBER,
    Signal.REFUSED: _RED,
    Signal.TESTED: _AMBER,
    Signal.IDENTIFY: _AMBER,
    Signal.JOINED: _GREEN,
    Signal.TICKET_REFUSED: _AMBER,
    Signal.NOT_REACHED: _RED,
    Signal.TICKET_FOREIGN: _RED,
}


class ConsoleIndicator:
    """One line a signal.

    Args:
        colour: `always`, `never`, or `auto` to write colours on a terminal only.
        stream: where to write; None is standard output as it is when the indicator is made.
    """

    def __init__(self, colour: str = "auto", *, stream: TextIO | None = None) -> None:
        self._stream: TextIO | None = stream or sys.stdout
        self._colour = colour == "always" or (colour == "auto" and self._stream.isatty() and "NO_COLOR" not in os.environ)

    def show(self, signal: Signal) -> None:
        """Writes the signal's line; when nobody reads the terminal any more, does nothing."""
        shape, vietnamese, english = shape_and_words(signal)
        mark = f"{_COLOURS[signal]}[{shape}]{_PLAIN}" if self._colour else f"[{shape}]"
        self._write(f"{time.strftime('%H:%M:%S')} {mark} {vietnamese} · {english}\n")

    def set_quiet(self, quiet: bool) -> None:
        """A terminal is silent anyway."""

    def close(self) -> None:
        """Writes nothing more; the stream stays open, it is not ours."""
        self._stream = None

    def _write(self, line: str) -> None:
        stream = self._stream
        if stream is None:
            return
        encoding = stream.encoding or "utf-8"
        try:
            stream.write(line.encode(encoding, "replace").decode(encoding))
            stream.flush()
        except (BrokenPipeError, ValueError) as problem:  # ValueError: the stream was closed in this process
            self._stream = None
            _log.info("console: the terminal is closed, signals are no longer written")
            if isinstance(problem, BrokenPipeError):
                _send_the_rest_nowhere(stream)
        except OSError:  # such as a full disk; there may be room again later, for later signals
            kept = os.dup(stream.fileno())
            try:
                _send_the_rest_nowhere(stream)
                stream.flush()
            finally:
                os.dup2(kept, stream.fileno())
                os.close(kept)
            raise


def _send_the_rest_nowhere(stream: TextIO) -> None:
    """Points the broken stream at /dev/null, or Python would complain about what is still in its buffer when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
