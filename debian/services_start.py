"""For `make deb-check`: starts a province's services as their units say, waits until each is ready, asks its pages, and ends it."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

_PROVINCE = Path("/var/lib/gate-province/province")
_UNITS = next(
    path for path in map(Path, ("/usr/lib/systemd/system", "/lib/systemd/system")) if (path / "gate-province-web.service").exists()
)
_ASKED_AT = {"GATE_CHECKIN_URL": "https://vao.example.vn"}
_PATIENCE_S = 60.0
# each service, where its pages are, and what is fetched: a page, and a file of its own that pages are drawn with
_SERVICES = {
    "gate-province-fleet": ("https://127.0.0.1:8443", "/vi/login", "/static/web.css"),
    "gate-province-web": (
        "https://127.0.0.1:8444", "/vi/login", "/static/web/web.css", "/static/boards/boards.css", "/static/reports/reports.css",
        "/static/tracing/tracing.css",
    ),
    "gate-province-api": ("https://127.0.0.1:8446", "/api/v1/openapi.json"),
    "gate-province-reports": ("",),
    "gate-province-checkin": ("http://127.0.0.1:8447", "/vi/", "/static/web/web.css", "/static/checkin/checkin.css"),
    "gate-province-checkin-agent": ("",),
}  # fmt: skip


def _command(unit: str) -> list[str]:
    lines = (_UNITS / f"{unit}.service").read_text("utf-8").splitlines()
    (line,) = (line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart="))
    for name, value in _ASKED_AT.items():
        line = line.replace(f"${{{name}}}", value)
    return shlex.split(line)


def _wait_until_ready(unit: str, manager: socket.socket, process: subprocess.Popen[bytes]) -> None:
    try:
        while b"READY=1" not in manager.recv(4096).splitlines():
            pass
    except TimeoutError:
        process.kill()
        sys.exit(f"{unit}: not ready within {_PATIENCE_S:g} s; it ended with {process.wait()}")


def _fetch(root: str, path: str) -> None:
    proxied = root.startswith("http:")
    headers = {"Host": _ASKED_AT["GATE_CHECKIN_URL"].removeprefix("https://"), "X-Forwarded-For": "192.0.2.7"} if proxied else {}
    context = None if proxied else ssl.create_default_context(cafile=_PROVINCE / "authority" / "ca.crt")
    request = urllib.request.Request(root + path, headers=headers)  # noqa: S310 - our own addresses
    with urllib.request.urlopen(request, timeout=_PATIENCE_S, context=context) as answer:  # noqa: S310 - the same
        if not answer.read():
            sys.exit(f"{root}{path}: nothing")


def _start(unit: str, root: str, paths: tuple[str, ...], address: Path) -> None:
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(_PATIENCE_S)
        process = subprocess.Popen(_command(unit), env={**os.environ, "NOTIFY_SOCKET": str(address)})  # noqa: S603 - the unit's own
        _wait_until_ready(unit, manager, process)
        for path in paths:
            _fetch(root, path)
        process.send_signal(signal.SIGTERM)
        if process.wait(_PATIENCE_S):
            sys.exit(f"{unit}: ended with {process.returncode}")


if __name__ == "__main__":
    for name, (base, *asked) in _SERVICES.items():
        _start(name, base, tuple(asked), Path(sys.argv[1]) / "notify")
        print(name)
