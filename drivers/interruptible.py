"""Waits for and reads a file descriptor until another thread closes it, which ends the wait at once."""

from __future__ import annotations

import os
import select
from threading import Event, Lock


class InterruptibleFile:
    """A descriptor read by one thread and closed by any.

    Args:
        fd: an open descriptor that can be polled; ours from now on, and made non-blocking.

    Example:
        >>> reading, writing = os.pipe()
        >>> file = InterruptibleFile(reading)
        >>> os.write(writing, b"news"), file.read(16, timeout_s=1.0), file.read(16, timeout_s=0.0) is None
        (4, b'news', True)
        >>> os.close(writing)
        >>> file.read(16, timeout_s=1.0)
        b''
        >>> file.close()
    """

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._closed = Event()
        self._reading = Lock()  # held while reading, so that nobody closes the descriptor under a read

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed.is_set()

    def read(self, max_bytes: int, timeout_s: float) -> bytes | None:
        """Waits for bytes and reads them.

        Returns:
            None when nothing came in `timeout_s` seconds or it was closed; nothing (`b""`) at the end of the file.

        Raises:
            OSError: the device went away.
        """
        with self._reading:
            if self._closed.is_set():
                return None
            waiting = select.poll()
            waiting.register(self._fd, select.POLLIN)
            waiting.register(self._wake, select.POLLIN)
            if not waiting.poll(timeout_s * 1000) or self._closed.is_set():
                return None
            try:
                return os.read(self._fd, max_bytes)
            except BlockingIOError:
                return None

    def close(self) -> None:
        """Ends a `read` at once and closes the descriptor; calling it twice is harmless."""
        if self._closed.is_set():
            return
        self._closed.set()
        os.eventfd_write(self._wake, 1)
        with self._reading:
            os.close(self._fd)
            os.close(self._wake)
