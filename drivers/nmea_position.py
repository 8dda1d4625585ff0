"""The position as a receiver tells it in NMEA 0183 sentences on a serial port, for vehicles without gpsd.

Wiring: a USB receiver appears as /dev/ttyACM0 or /dev/ttyUSB0; a bare module goes to the header: its TX to GPIO15 (RXD, pin 10),
3.3 V (pin 1), GND (pin 6), then the port is /dev/serial0 (and `enable_uart=1`). The user needs the group dialout. Its antenna sees
the sky. Needs the extra `gate-scanner[gps]`.

A fix is a valid RMC sentence's position; of its other fields and of other sentences nothing is looked at.

Example:
    >>> from drivers.catalogue import open_position                              # doctest: +SKIP
    >>> for report in open_position("nmea:/dev/serial0?baud=9600").fixes():      # doctest: +SKIP
    ...     print(report)
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from drivers.errors import Stalled, Unavailable
from drivers.line_framing import LineFraming
from drivers.position import Fix, NoFix, finite, plausible, thrown_away
from drivers.serial_port import SerialPort

_LONGEST_SENTENCE_BYTES = 120  # the standard says 82, some receivers say more
_READ_S = 1.0


class NmeaPosition:
    """Reports of one receiver.

    Args:
        port: the device, for example `/dev/serial0`.
        baud: speed in bits a second.
        stall_s: seconds without a report after which it counts as stalled.

    Raises:
        Unavailable: the port is absent, in use, forbidden or no serial port, or pynmea2 is not installed.
    """

    def __init__(self, port: str, baud: int = 9600, stall_s: float = 10.0) -> None:
        self._name = f"nmea:{port}"
        self._stall_s = stall_s
        self._framing = LineFraming(_LONGEST_SENTENCE_BYTES)
        self._refused: Counter[str] = Counter()
        try:
            import pynmea2  # noqa: PLC0415 - only vehicles without gpsd need it
        except ImportError as problem:
            raise Unavailable(f"{self._name!r} needs pynmea2. Install it: pip install 'gate-scanner[gps]'.") from problem
        self._pynmea2: Any = pynmea2
        self._port = SerialPort(self._name, port, baud, "receiver")

    def fixes(self) -> Iterator[Fix | NoFix]:
        """Yields each report; see `PositionSource.fixes`."""
        last_s, refused = time.monotonic(), self.refused()
        while not self._port.closed:
            left_s = last_s + self._stall_s - time.monotonic()
            if left_s <= 0:
                raise Stalled(
                    f"{self._name!r} reported nothing for {self._stall_s:g} s{thrown_away(self.refused(), refused)}. Check the receiver's "
                    "wires and its baud rate."
                )
            for line in self._framing.feed(self._port.read(min(left_s, _READ_S))):
                report = self._understood(line)
                if report is not None:
                    last_s, refused = report.at_s, self.refused()
                    yield report
                    if self._port.closed:
                        return

    def refused(self) -> Mapping[str, int]:
        """How many sentences were thrown away: `oversize`, `binary`, `unended`, `incomplete`, `malformed`, `checksum`."""
        return {**self._framing.refused(), **self._refused}

    def close(self) -> None:
        """Ends `fixes` at once and releases the port."""
        self._port.close()

    def _understood(self, line: bytes) -> Fix | NoFix | None:
        try:
            sentence = self._pynmea2.parse(line.decode(), check=True)
            if getattr(sentence, "sentence_type", "") == "RMC":
                return _report_of(sentence, time.monotonic())
        except self._pynmea2.ChecksumError:
            self._refused["checksum"] += 1
        except self._pynmea2.SentenceTypeError:
            pass  # a sentence of its maker's own, nothing wrong with it
        except (ValueError, TypeError, AttributeError, IndexError, OverflowError):  # ParseError is a ValueError; fields hold anything
            self._refused["malformed"] += 1
        return None


def _report_of(rmc: Any, at_s: float) -> Fix | NoFix:
    if rmc.status != "A" or not rmc.lat or not rmc.lon:
        return NoFix(at_s)
    latitude, longitude = finite(rmc.latitude), finite(rmc.longitude)
    return Fix(at_s, latitude, longitude) if plausible(latitude, longitude) else NoFix(at_s)
