"""Receivers of positions for tests: NMEA sentences of an invented drive, and a server that speaks gpsd's protocol."""

from __future__ import annotations

import json
import socket
from functools import reduce
from operator import xor
from typing import Any


def sentence(body: str) -> str:
    """With its check sum, as NMEA 0183 wants it."""
    return f"${body}*{reduce(xor, body.encode()):02X}\r\n"


def rmc(second: int, *, valid: bool = True) -> str:
    position = f"2229.{100 + second:03d},N,10358.{200 + second:03d},E" if valid else ",,,"
    return sentence(f"GPRMC,0215{second:02d}.00,{'A' if valid else 'V'},{position},{'019.4,090.0' if valid else ','},210726,,,A")


def gga(second: int) -> str:
    return sentence(f"GPGGA,0215{second:02d}.00,2229.{100 + second:03d},N,10358.{200 + second:03d},E,1,08,0.9,104.0,M,-28.0,M,,")


def gsa() -> str:
    return sentence("GPGSA,A,3,04,05,09,12,24,25,29,31,,,,,1.8,0.9,1.5")


def tpv(**said: Any) -> str:
    return json.dumps({"class": "TPV", "device": "/dev/ttyACM0", **said}) + "\r\n"


class GpsdServer:
    """Takes one client at a time."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._port = self._listening.getsockname()[1]
        self._client: socket.socket | None = None
        self.url = f"gpsd:127.0.0.1:{self._port}"

    def send(self, data: bytes) -> None:
        if self._client is None:
            self._client, _ = self._listening.accept()
            self._client.sendall(b'{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}\r\n')
        self._client.sendall(data)

    def watched(self) -> bytes:
        self.send(b"")
        assert self._client is not None
        return self._client.recv(4096)

    def unplug(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None
        self._listening.close()

    def replug(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self._port))
