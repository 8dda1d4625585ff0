"""A station page to test: the real thing over TLS on loopback, beside a control socket that says what the test wants."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from edge_agent.device.settings import LaneSettings, Settings, StationSettings
from edge_agent.station import certificate, pin
from edge_agent.station.service import Station
from firmware.control_server import ControlServer

WAIT_S = 20.0
LANES = (LaneSettings("cong-1", "in", reader="serial:/dev/nope"), LaneSettings("cong-2", "button", reader="serial:/dev/nope"))
COUNTERS: Mapping[str, Any] = {
    "type": "counters",
    "sources": {"cong-1": "working", "cong-2": "working"},
    "lights": {"gpio:": "working"},
    "clock": "synchronised",
    "outbox_fullness": 0.01,
    "gate": "open",
    "answered": {"cong-1": {"signal": "accepted", "at_ms": 1_766_282_460_000}},
    "why": {},
    "outbox": {"state": "working", "waiting": 3},
    "software": "0.1.0",
    "up_s": 93_600,
    "presence": {"inside": 12, "came": 30, "went": 18},
}


@dataclass
class Firmware:
    """The other end of the control socket: says counters when asked, answers declarations as told, and keeps what it was asked."""

    runtime: Path
    answers: Mapping[str, Any] = field(default_factory=lambda: {"verdict": "accepted"})
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = ControlServer(self.runtime, self._answer)
        self.server.start()

    def _answer(self, request: dict[str, Any], *_asker: object) -> Mapping[str, Any] | None:
        self.asked.append(request)
        match request["type"]:
            case "declare":
                return {"type": "declared", "ref": request["ref"], **self.answers}
            case "reader-test":
                return {"type": "reader-test", "lane": request["lane"], "state": "listening", "seconds": request["seconds"]}
            case _:
                return {"type": "refused", "why": "not a request this firmware knows"}

    def says(self, message: Mapping[str, Any]) -> None:
        """Tells all who listen."""
        self.server.tell(message)


@dataclass(frozen=True)
class Answered:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str


class Phone:
    """A keeper's phone: trusts this device's certificate alone, keeps its cookie, sends forms as browsers do."""

    def __init__(self, port: int, trusted: Path, host: str) -> None:
        self.port = port
        self.host = host
        self.cookie = ""
        self._context = ssl.create_default_context(cafile=str(trusted))

    def ask(self, method: str, path: str, body: str | None = None, /, **headers: str) -> Answered:
        """One request on a connection of its own."""
        with closing(self.connection()) as connection:
            own = {"Host": f"{self.host}:{self.port}", "Cookie": self.cookie}
            if body is not None:
                own |= {"Origin": f"https://{self.host}:{self.port}", "Content-Type": "application/x-www-form-urlencoded"}
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.putrequest(method, path, skip_host=True)
            for name, value in {**own, "Content-Length": str(len(body or "")), **given}.items():
                connection.putheader(name, value)
            connection.endheaders(None if body is None else body.encode())
            response = connection.getresponse()
            answered = Answered(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read().decode())
        if (cookie := answered.headers.get("set-cookie")) is not None:
            self.cookie = cookie.partition(";")[0]
        return answered

    def get(self, path: str, /, **headers: str) -> Answered:
        return self.ask("GET", path, **headers)

    def post(self, path: str, form: Mapping[str, str], /, **headers: str) -> Answered:
        return self.ask("POST", path, urlencode(form), **headers)

    def enter(self, digits: str) -> Answered:
        return self.post("/vi/pin", {"pin": digits})

    def form(self, path: str) -> dict[str, str]:
        """The hidden fields of a page's form."""
        text = self.get(path).text
        return {name: text.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("token", "ref")}

    def connection(self) -> http.client.HTTPSConnection:
        """A connection that checks the certificate against the device's name."""
        connection = _Named("127.0.0.1", self.port, timeout=WAIT_S, context=self._context)
        connection.server_name = self.host
        return connection


class _Named(http.client.HTTPSConnection):
    server_name = ""

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]  # the library's own
        self.sock = context.wrap_socket(self.sock, server_hostname=self.server_name)


def until(met: Callable[[], bool]) -> None:
    """For what comes through other threads and processes: looks again and again."""
    pause, over_s = threading.Event(), time.monotonic() + WAIT_S
    while not met():
        assert time.monotonic() < over_s, "never came true"
        pause.wait(0.02)


@dataclass
class Site:
    """A device with its page."""

    settings: Settings
    station: Station
    firmware: Firmware
    digits: str

    @property
    def state(self) -> Path:
        return self.settings.device.state

    def phone(self, *, entered: bool = True) -> Phone:
        """Another phone."""
        file = certificate.files(self.state)[0]
        phone = Phone(self.station.port, file, certificate.covered(certificate.make_sure(self.state, "", ()))[0])
        if entered:
            assert phone.enter(self.digits).status == 303
        return phone

    until = staticmethod(until)


@contextmanager
def open_site(settings: Settings, *, made: bool = True) -> Iterator[Site]:
    """A page beside its firmware.

    Args:
        settings: with state and runtime folder.
        made: whether there is a PIN.
    """
    settings = replace(settings, station=StationSettings(enabled=True, port=0))  # a free one, which gate.toml may not ask for
    with ExitStack() as last_first:
        digits = pin.make(settings.device.state) if made else ""
        firmware = Firmware(settings.device.runtime)
        last_first.callback(firmware.server.stop)
        station = Station(settings)
        last_first.callback(station.stop)
        station.start()
        assert station.wait_until_it_serves(WAIT_S)
        yield Site(settings, station, firmware, digits)
