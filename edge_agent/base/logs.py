"""How our processes log: one line an event to standard error, for journald, a terminal or a machine; never a person's data.

Everything that a process may say by itself goes through one handler: our lines and those of libraries, warnings, and exceptions that nobody
caught. It tells what `edge_agent.base.log_line` allows, as often as `edge_agent.base.log_rate` allows. `GATE_LOG` chooses the form:
`journal`, `terminal`, or `json`, an object a line; without it `journal` where standard error is journald's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import TextIO

from edge_agent.base.log_line import Said, said
from edge_agent.base.log_rate import LogRate
from edge_agent.base.trouble import where

_log = logging.getLogger(__name__)
FORM = "GATE_LOG"
FORMS = ("journal", "terminal", "json")
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))  # sd-daemon(3)
_DEBUG_PRIORITY = 7
_FRAMES = 12


def configure(*, verbose: bool = False, quiet: bool = False) -> None:
    """Sets up logging for a process, once; asked again it only changes how much is told. Where others have set it up, nothing is done.

    Args:
        verbose: debug lines too.
        quiet: warnings and worse only, for commands that answer on standard output.
    """
    root = logging.getLogger()
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    ours = any(isinstance(handler, Lines) for handler in root.handlers)
    if root.handlers and not ours:
        return
    root.setLevel(level)
    if ours:
        return
    asked = os.environ.get(FORM, "")
    root.addHandler(Lines(sys.stderr, asked if asked in FORMS else "journal" if _is_journal(sys.stderr) else "terminal"))
    _hook()
    if asked and asked not in FORMS:
        _log.warning("%s=%s is no form of the log: known are %s", FORM, asked, ", ".join(FORMS))


def _is_journal(stream: TextIO) -> bool:
    """Whether a stream is the one that systemd connected to journald: systemd.exec(5), $JOURNAL_STREAM."""
    with contextlib.suppress(OSError, ValueError):
        found = os.fstat(stream.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"
    return False


class Lines(logging.Handler):
    """Writes records as lines.

    Args:
        stream: where to.
        form: one of `FORMS`.
        rate: how often.
    """

    def __init__(self, stream: TextIO, form: str, rate: LogRate | None = None) -> None:
        super().__init__()
        self._stream = stream
        self._form = form
        self._rate = rate or LogRate()
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record, or keeps it out and in mind."""
        try:
            told = said(record)
            line, now_s = self._line(record, told), time.monotonic()
            self._tell_held(now_s)
            words = " ".join(value for value in told.values if isinstance(value, str))
            if record.levelno <= logging.DEBUG or self._rate.admit(told.sentence, line, words, record.levelno, now_s):
                self._write(line, record.levelno)
            else:
                self._come_back()
        except Exception:  # noqa: BLE001 - a line that cannot be made must not end what it was to tell of
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Says that a line could not be made, and of what; logging's own way would print the values."""
        with contextlib.suppress(Exception):
            self._stream.write(f"a line of {record.filename}:{record.lineno} cannot be written ({where(sys.exception() or Exception())})\n")
            self._stream.flush()

    def close(self) -> None:
        """Tells what was kept out, at the process's end."""
        if self._timer is not None:
            self._timer.cancel()
        with contextlib.suppress(OSError, ValueError):
            self.acquire()
            try:
                self._tell_held(float("inf"))
            finally:
                self.release()
        super().close()

    def _come_back(self) -> None:
        if self._timer is None:
            timer = threading.Timer(self._rate.window_s, self._window_ended)
            timer.daemon, timer.name = True, "log-rate"
            with contextlib.suppress(RuntimeError):  # no room for a thread: the next line tells instead
                timer.start()
                self._timer = timer

    def _window_ended(self) -> None:
        self.acquire()
        try:
            self._timer = None
            with contextlib.suppress(OSError, ValueError):
                self._tell_held(time.monotonic())
            if self._rate.holds():
                self._come_back()
        finally:
            self.release()

    def _tell_held(self, now_s: float) -> None:
        for held in self._rate.over(now_s):
            self._write(held.line, held.level, f"said {held.times} times more within {self._rate.window_s:g} s; this is the last")

    def _line(self, record: logging.LogRecord, told: Said) -> str:
        if self._form == "json":
            import json  # noqa: PLC0415 - for this form only

            event = {
                "at_ms": int(record.created * 1000), "level": record.levelname.lower(), "process": record.process, "from": record.name,
                "event": told.event, "values": told.values, "text": told.text,
            }  # fmt: skip
            return json.dumps(event, ensure_ascii=False)
        if self._form == "journal":
            return f"{record.name}: {told.text}"
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        return f"{stamp},{int(record.msecs):03} {record.levelname} {record.name}: {told.text}"

    def _write(self, line: str, level: int, more: str = "") -> None:
        if more:
            line = f'{line[:-1]}, "more": "{more}"}}' if self._form == "json" else f"{line} ({more})"
        if self._form == "journal":
            priority = next((number for least, number in _PRIORITIES if level >= least), _DEBUG_PRIORITY)
            line = "\n".join(f"<{priority}>{part}" for part in line.split("\n"))
        self._stream.write(f"{line}\n")
        self._stream.flush()


def _hook() -> None:
    """What Python would print by itself goes through the log instead: it would print messages and lines of whatever was at hand."""
    sys.excepthook = _nobody_caught
    threading.excepthook = _thread_ended
    sys.unraisablehook = _cannot_be_raised
    warnings.showwarning = _warned


def _nobody_caught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    if not isinstance(error, KeyboardInterrupt):
        _log.critical("unexpected %s; please report it", where(error, _FRAMES))


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    if not isinstance(args.exc_value, SystemExit):
        why = where(args.exc_value or args.exc_type(), _FRAMES)
        _log.critical("thread %s ended by an unexpected %s; please report it", args.thread and args.thread.name, why)


def _cannot_be_raised(args: object) -> None:
    error = getattr(args, "exc_value", None)
    _log.error("unexpected %s while something was let go; please report it", where(error, _FRAMES) if error else "error")


def _warned(
    message: Warning | str,  # noqa: ARG001 - what a library thinks of a value may hold it
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - where to is ours to say
    line: str | None = None,  # noqa: ARG001 - nor is the program's own text needed
) -> None:
    _log.warning("%s at %s:%d", category.__name__, Path(filename).name, lineno)
