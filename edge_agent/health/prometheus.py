"""The device's health for Prometheus, on loopback alone and only where the configuration asks for it.

Source: Prometheus documentation, "Exposition formats", text format 0.0.4. Every number of telemetry is a gauge named after its place there;
words are labels. It tells no more than telemetry does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from edge_agent.wire.telemetry import Telemetry

_PREFIX = "gate_scanner"
_LABELS = {"answers": "answer", "restarts": "cause", "link": "counter", "sources": "lane"}
_ANSWER_S = 5.0
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(told: Telemetry) -> str:
    """Telemetry as Prometheus reads it.

    Example:
        >>> from edge_agent.wire.telemetry import Versions
        >>> told = Telemetry(v=1, at_ms=0, clock="rtc", boot_id="0" * 32, uptime_s=7, versions=Versions("0.1"), period_s=30, gate="open")
        >>> [line for line in exposition(told).splitlines() if "uptime" in line]
        ['# TYPE gate_scanner_uptime_s gauge', 'gate_scanner_uptime_s 7']
    """
    found: dict[str, list[str]] = {}
    for name, labels, value in _samples(msgspec.to_builtins(told), _PREFIX, ""):
        found.setdefault(name, []).append(f"{name}{labels} {value}")
    return "".join(f"# TYPE {name} gauge\n" + "".join(f"{line}\n" for line in lines) for name, lines in found.items())


def _samples(part: Mapping[str, Any], prefix: str, labels: str) -> Iterator[tuple[str, str, float]]:
    for key, value in part.items():
        name = f"{prefix}_{key}"
        match value:
            case bool() | int() | float():
                yield name, labels, float(value) if isinstance(value, float) else int(value)
            case str():
                yield name, _labelled(labels, "is", value), 1
            case dict() if key in _LABELS:
                for each, counted in value.items():
                    inner = counted if isinstance(counted, dict) else {"": counted}
                    for found, at, number in _samples(inner, name, _labelled(labels, _LABELS[key], each)):
                        yield found.removesuffix("_"), at, number
            case dict():
                yield from _samples(value, name, labels)
            case list():
                for each in value:
                    yield name, _labelled(labels, "is", each), 1


def _labelled(labels: str, name: str, value: str) -> str:
    quoted = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f'{labels[:-1]},{name}="{quoted}"}}' if labels else f'{{{name}="{quoted}"}}'


class Endpoint:
    """Answers `GET /metrics` at 127.0.0.1, each scrape with a new look.

    Args:
        port: where; 0 takes a free one.
        look: how the device is now.

    Raises:
        OSError: somebody else has the port.
    """

    def __init__(self, port: int, look: Callable[[], Telemetry]) -> None:
        one_at_a_time = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            timeout = _ANSWER_S

            def do_GET(self) -> None:
                if self.path.partition("?")[0] != "/metrics":
                    self.send_error(404)
                    return
                with one_at_a_time:
                    body = exposition(look()).encode()
                self.send_response(200)
                self.send_header("Content-Type", _CONTENT_TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Says nothing: what a request holds is whatever its sender wrote."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="prometheus", daemon=True)

    def start(self) -> None:
        """Begins to answer; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
