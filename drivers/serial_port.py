"""A serial port opened for us alone, read by one thread and closed by any; what speaks through it is another file's business."""

from __future__ import annotations

import errno
import termios
from threading import Event, Lock

import serial

from drivers.errors import Unavailable, Unplugged

_WRITE_S = 1.0
_WHY = {
    errno.ENOENT: "no such device",
    errno.ENXIO: "no such device",
    errno.ENODEV: "no such device",
    errno.EACCES: "no permission: add the user to the group dialout",
    errno.EBUSY: "in use by another program",
    errno.EAGAIN: "in use by another program",
}


class SerialPort:
    """Bytes to and from a device on a port: 8 data bits, no parity, 1 stop bit.

    Args:
        name: of the device, for messages; its URL.
        port: for example `/dev/ttyACM0`.
        baud: speed in bits a second.
        what: what to plug in, for messages, for example `reader`.

    Raises:
        Unavailable: the port is absent, in use, forbidden, or no serial port.
    """

    def __init__(self, name: str, port: str, baud: int, what: str) -> None:
        self._name = name
        self._what = what
        self._closed = Event()
        self._lock = Lock()  # held while reading, so that nobody closes the port under a read
        try:
            self._port = serial.Serial(port, baudrate=baud, write_timeout=_WRITE_S, exclusive=True)
        except (OSError, ValueError, termios.error) as problem:  # SerialException is an OSError
            why = _WHY.get(getattr(problem, "errno", None) or 0, str(problem))
            raise Unavailable(
                f"{name!r} cannot be opened ({why}). Plug the {what} in, or name its port: `gate-firmware check` lists the ports it sees."
            ) from problem

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed.is_set()

    def read(self, timeout_s: float) -> bytes:
        """Waits for bytes; nothing (`b""`) after `timeout_s` seconds without any, or when the port is closed.

        Raises:
            Unplugged: the device went away.
        """
        with self._lock:
            if self._closed.is_set():
                return b""
            try:
                if self._port.timeout != timeout_s:
                    self._port.timeout = timeout_s
                data = self._port.read(1)
                return data + self._port.read(self._port.in_waiting) if data else b""
            except (OSError, termios.error) as problem:
                raise self._unplugged("reading") from problem

    def write(self, data: bytes) -> None:
        """Sends bytes.

        Raises:
            Unplugged: the device went away, takes nothing, or the port is closed.
        """
        try:
            self._port.write(data)
        except (OSError, termios.error) as problem:  # SerialTimeoutException is one too
            raise self._unplugged("writing") from problem

    def close(self) -> None:
        """Ends a `read` at once and releases the port; calling it twice is harmless."""
        if not self._closed.is_set():
            self._closed.set()
            self._port.cancel_read()
            with self._lock:
                self._port.close()

    def _unplugged(self, doing: str) -> Unplugged:
        return Unplugged(f"{self._name!r} went away while {doing}. Plug the {self._what} in again; it is reopened by itself.")
