"""The position as gpsd tells it, over its JSON protocol on TCP.

Wiring: any receiver that gpsd knows: USB (5 V), or on the header's serial port (3.3 V, see `nmea_position.py`); gpsd holds it
(`apt install gpsd`, DEVICES in /etc/default/gpsd) and may keep the clock with it too. Set USBAUTO="false" there: otherwise gpsd takes
every USB serial adapter of the usual kinds for a receiver, a barcode reader's too.

Source: gpsd_json(5): `?WATCH`, and of the class TPV mode (below 2: no fix), lat, lon. Nothing else of a report is looked at.

Example:
    >>> from drivers.catalogue import open_position                     # doctest: +SKIP
    >>> for report in open_position("gpsd:localhost:2947").fixes():     # doctest: +SKIP
    ...     print(report)
"""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from drivers.errors import Stalled, Unavailable, Unplugged
from drivers.interruptible import InterruptibleFile
from drivers.line_framing import LineFraming
from drivers.position import Fix, NoFix, finite, plausible, thrown_away

_CONNECT_S = 3.0
_CHUNK_BYTES = 16_384
_LONGEST_REPORT_BYTES = 16_384  # gpsd's own limit is 10 240
_WATCH = b'?WATCH={"enable":true,"json":true};\n'


class GpsdPosition:
    """Reports of one gpsd.

    Args:
        server: host and port, for example `localhost:2947`.
        stall_s: seconds without a report after which it counts as stalled.

    Raises:
        Unavailable: nothing answers there.
    """

    def __init__(self, server: str, stall_s: float = 10.0) -> None:
        self._name = f"gpsd:{server}"
        self._stall_s = stall_s
        self._framing = LineFraming(_LONGEST_REPORT_BYTES)
        self._refused: Counter[str] = Counter()
        host, _, port = server.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S) as connection:
                connection.sendall(_WATCH)
                self._file = InterruptibleFile(connection.detach())
        except OSError as problem:
            raise Unavailable(
                f"{self._name!r} cannot be reached ({problem.strerror or problem}). Start gpsd (`systemctl start gpsd`), or read the "
                "receiver without it: nmea:/dev/serial0."
            ) from problem

    def fixes(self) -> Iterator[Fix | NoFix]:
        """Yields each report; see `PositionSource.fixes`."""
        last_s, refused = time.monotonic(), self.refused()
        while not self._file.closed:
            for line in self._framing.feed(self._read(last_s, refused)):
                report = self._understood(line)
                if report is not None:
                    last_s, refused = report.at_s, self.refused()
                    yield report
                    if self._file.closed:
                        return

    def refused(self) -> Mapping[str, int]:
        """How many reports were thrown away: `oversize`, `binary`, `unended`, `incomplete`, `malformed`."""
        return {**self._framing.refused(), **self._refused}

    def close(self) -> None:
        """Ends `fixes` at once and leaves gpsd."""
        self._file.close()

    def _read(self, last_s: float, refused: Mapping[str, int]) -> bytes:
        left_s = last_s + self._stall_s - time.monotonic()
        if left_s <= 0:
            raise Stalled(
                f"{self._name!r} reported no position for {self._stall_s:g} s{thrown_away(self.refused(), refused)}. Check the receiver: "
                "`gpspipe -w` shows gpsd's reports."
            )
        try:
            data = self._file.read(_CHUNK_BYTES, left_s)
        except OSError as problem:
            raise self._unplugged() from problem
        if data == b"":
            raise self._unplugged()
        return data or b""

    def _understood(self, line: bytes) -> Fix | NoFix | None:
        try:
            said = json.loads(line)
            return report_of(said, time.monotonic()) if said.get("class") == "TPV" else None
        except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
            self._refused["malformed"] += 1
            return None

    def _unplugged(self) -> Unplugged:
        return Unplugged(f"{self._name!r} went away. Start gpsd again (`systemctl start gpsd`); it is connected to by itself.")


def report_of(said: Mapping[str, Any], at_s: float) -> Fix | NoFix:
    """What a TPV report says.

    Args:
        said: the report, decoded.
        at_s: when it came, monotonic seconds.

    Raises:
        ValueError, TypeError, OverflowError: it is no TPV report.

    Example:
        >>> report_of({"class": "TPV", "mode": 2, "lat": 22.48, "lon": 103.97, "eph": None}, at_s=1.0)
        Fix(at_s=1.0, latitude=22.48, longitude=103.97)
    """
    if said["mode"] < 2 if "mode" in said else True:
        return NoFix(at_s)
    if "lat" not in said or "lon" not in said:
        return NoFix(at_s)
    latitude, longitude = finite(said["lat"]), finite(said["lon"])
    if not plausible(latitude, longitude):
        return NoFix(at_s)
    return Fix(at_s, latitude, longitude)
