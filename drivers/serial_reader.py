"""A barcode reader that sends each code as a line of text over a serial port.

Wiring: a USB reader set to "USB virtual COM" (its manual has a code to scan for that) appears as /dev/ttyACM0, or
/dev/ttyUSB0 behind an adapter; power comes from the USB port (5 V). A reader with bare wires goes to the header: its TX to
GPIO15 (RXD, pin 10), its RX to GPIO14 (TXD, pin 8), GND to pin 6; the header takes 3.3 V, a 5 V or RS-232 reader needs a
level shifter. Then the port is /dev/serial0 (and `enable_uart=1`). Set the reader to end each code with CR, LF, both, or
to frame it in STX and ETX. The user needs the group dialout. `/dev/serial/by-id/…` names a reader whatever the plug.

With `module=gm65` (GM65, GM861 and their like) its trigger and lights, where its codes go and their line end are set each time it is
opened, with `module=de2120` only its trigger. Its answers are checked; a module that does not answer is an error, for nobody would
notice a reader that never reads.

Example:
    >>> from drivers.catalogue import open_reader                                        # doctest: +SKIP
    >>> for line in open_reader("serial:/dev/serial0?module=gm65").lines():              # doctest: +SKIP
    ...     print(len(line.data), "bytes at", line.at_s)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from drivers.line_framing import LineFraming
from drivers.line_reader import Line
from drivers.scanner_module import ScannerModule, set_up
from drivers.serial_port import SerialPort

_BURST_GAP_S = 2.0  # a reader sends a code at one go: a line still without its end after this will not get one


class SerialReader:
    """Lines from a serial port, opened for us alone.

    Args:
        port: the device, for example `/dev/ttyACM0`.
        baud: speed in bits a second.
        max_bytes: the longest line taken.
        module: `gm65` or `de2120` is set up at the start; `none` is read as it is.
        trigger: when a module reads: `continuous`, `sense` (something moves), `host` (`trigger` is called).
        aim: a module's aiming light: `auto`, `off`, `reading`, `always`.
        light: a module's white light, likewise.

    Raises:
        Unavailable: the port is absent, in use, forbidden, no serial port, or the module does not answer.
        Unplugged: it went away while it was set up.
    """

    def __init__(
        self,
        port: str,
        baud: int = 9600,
        max_bytes: int = 4096,
        module: str = "none",
        trigger: str = "continuous",
        aim: str = "auto",
        light: str = "auto",
    ) -> None:
        name = f"serial:{port}"
        self._framing = LineFraming(max_bytes)
        self._port = SerialPort(name, port, baud, "reader")
        self._module = _module(port, module, trigger, aim, light)
        self._waits_to_be_asked = trigger == "host"
        self._faster = b""
        if self._module is not None:
            try:
                self._faster = set_up(self._port, self._module, name)
            except BaseException:
                self._port.close()
                raise

    def lines(self) -> Iterator[Line]:
        """Yields complete lines until `close`; see `LineReader.lines`.

        Raises:
            Unplugged: the reader went away; open it anew once it is back.
        """
        keep_scanning = self._module is not None and self._module.keep_scanning
        data, self._faster = self._faster, b""
        while not self._port.closed:
            taken = self._framing.feed(data if self._module is None else self._module.without_answers(data))
            for line in taken:
                yield Line(line, time.monotonic())
                if self._port.closed:
                    return
            if keep_scanning and (taken or not data):
                self._scan()
            data = self._port.read(_BURST_GAP_S)
            if not data and not self._port.closed:
                self._framing.end_of_burst()

    def trigger(self) -> None:
        """Makes a module set to `trigger=host` read now; nothing happens with another, or once it is closed.

        Raises:
            Unplugged: the reader went away.
        """
        if self._waits_to_be_asked:
            self._scan()

    def _scan(self) -> None:
        if self._module is not None:
            self._port.write(self._module.scan)

    def refused(self) -> Mapping[str, int]:
        """How many lines were thrown away: `oversize`, `binary`, `unended` or `incomplete`."""
        return self._framing.refused()

    def close(self) -> None:
        """Ends `lines` at once and releases the port."""
        self._port.close()


def _module(port: str, module: str, trigger: str, aim: str, light: str) -> ScannerModule | None:
    if module == "gm65":
        from drivers.gm65 import Gm65  # noqa: PLC0415 - only where it is used

        return Gm65(trigger, aim, light, usb=_is_cdc(port))
    if module == "de2120":
        from drivers.de2120 import De2120  # noqa: PLC0415 - the same

        return De2120(trigger)
    return None


def _is_cdc(port: str) -> bool:
    """Whether Linux's driver of USB virtual COM ports serves it: a module's own plug, or one of few adapters."""
    return any(name.startswith("ttyACM") for name in (Path(port).name, Path(port).resolve().name))
