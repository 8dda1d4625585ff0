"""A barcode reader that sends each code as a line of text over a serial port.

Wiring: a USB reader set to "USB virtual COM" (its manual has a code to scan for that) appears as /dev/ttyACM0, or
/dev/ttyUSB0 behind an adapter; power comes from the USB port (5 V). A reader with bare wires goes to the header: its TX to
GPIO15 (RXD, pin 10), its RX to GPIO14 (TXD, pin 8), GND to pin 6; the header takes 3.3 V, a 5 V or RS-232 reader needs a
level shifter. Then the port is /dev/serial0 (and `enable_uart=1`). Set the reader to end each code with CR, LF, both, or
to frame it in STX and ETX. The user needs the group dialout. `/dev/serial/by-id/…` names a reader whatever the plug.

Example:
    >>> from drivers.catalogue import open_reader                              # doctest: +SKIP
    >>> for line in open_reader("serial:/dev/ttyACM0?baud=9600").lines():      # doctest: +SKIP
    ...     print(len(line.data), "bytes at", line.at_s)
"""

from __future__ import annotations

import errno
import termios
import time
from collections.abc import Iterator, Mapping
from threading import Event, Lock

import serial

from drivers.errors import Unavailable, Unplugged
from drivers.line_framing import LineFraming
from drivers.line_reader import Line

_BURST_GAP_S = 2.0  # a reader sends a code at one go: a line still without its end after this will not get one
_WHY = {
    errno.ENOENT: "no such device",
    errno.ENXIO: "no such device",
    errno.ENODEV: "no such device",
    errno.EACCES: "no permission: add the user to the group dialout",
    errno.EBUSY: "in use by another program",
    errno.EAGAIN: "in use by another program",
}


class SerialReader:
    """Lines from a serial port, opened for us alone.

    Args:
        port: the device, for example `/dev/ttyACM0`.
        baud: speed in bits a second.
        max_bytes: the longest line taken.

    Raises:
        Unavailable: the port is absent, in use, forbidden, or no serial port.
    """

    def __init__(self, port: str, baud: int = 9600, max_bytes: int = 4096) -> None:
        self._name = f"serial:{port}"
        self._framing = LineFraming(max_bytes)
        self._closed = Event()
        self._port_lock = Lock()  # held while reading, so that nobody closes the port under a read
        try:
            self._port = serial.Serial(port, baudrate=baud, timeout=_BURST_GAP_S, exclusive=True)
        except (OSError, ValueError, termios.error) as problem:  # SerialException is an OSError
            why = _WHY.get(getattr(problem, "errno", None) or 0, str(problem))
            raise Unavailable(
                f"{self._name!r} cannot be opened ({why}). Plug the reader in, or name its port: "
                "`gate-firmware check` lists the ports it sees."
            ) from problem

    def lines(self) -> Iterator[Line]:
        """Yields complete lines until `close`; see `LineReader.lines`.

        Raises:
            Unplugged: the reader went away; open it anew once it is back.
        """
        while not self._closed.is_set():
            for data in self._framing.feed(self._read()):
                yield Line(data, time.monotonic())
                if self._closed.is_set():
                    return

    def _read(self) -> bytes:
        with self._port_lock:
            if self._closed.is_set():
                return b""
            try:
                data = self._port.read(1)
                data += self._port.read(self._port.in_waiting) if data else b""
            except (OSError, termios.error) as problem:
                raise Unplugged(f"{self._name!r} went away while reading. Plug the reader in again; it is reopened by itself.") from problem
            if not data and not self._closed.is_set():
                self._framing.end_of_burst()
            return data

    def refused(self) -> Mapping[str, int]:
        """How many lines were thrown away: `oversize`, `binary` or `incomplete`."""
        return self._framing.refused()

    def close(self) -> None:
        """Ends `lines` at once and releases the port."""
        if not self._closed.is_set():
            self._closed.set()
            self._port.cancel_read()
            with self._port_lock:
                self._port.close()
