"""Releases for tests of updates: wheels of this source with a version and faults of their own, and the server that has them."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from chain_world import WAIT_S
from province_world import ROOT

from province.base.layout import Layout

PACKAGES = ("drivers", "edge_agent", "firmware", "province")


def wheel(folder: Path, version: str, faults: Mapping[str, tuple[str, str]] | None = None) -> Path:
    """A wheel of this tree under another version's name; `faults` replaces words in files."""
    info, records = f"gate_scanner-{version}.dist-info", []
    made = folder / f"gate_scanner-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as files:

        def put(name: str, data: bytes) -> None:
            files.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            records.append(f"{name},sha256={digest},{len(data)}")

        for package in PACKAGES:
            for file in sorted((ROOT / package).rglob("*")):
                name = str(file.relative_to(ROOT))
                if not file.is_file() or "__pycache__" in name:
                    continue
                data = file.read_bytes()
                if faults and name in faults:
                    before, after = faults[name]
                    assert before.encode() in data
                    data = data.replace(before.encode(), after.encode(), 1)
                put(name, data)
        put(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: gate-scanner\nVersion: {version}\n".encode())
        put(f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        put(
            f"{info}/entry_points.txt",
            b"[console_scripts]\ngate-firmware = firmware.__main__:main\ngate-agent = edge_agent.__main__:main\n",
        )
        files.writestr(f"{info}/RECORD", "\n".join([*records, f"{info}/RECORD,,"]) + "\n")
    return made


class Served:
    """`gate-province release serve` as a process of its own."""

    def __init__(self, layout: Layout, port: int) -> None:
        self.port = port
        self._log = layout.root.parent / "releases.log"
        words = [sys.executable, "-m", "province", "release", "serve", str(layout.root), "--bind", "127.0.0.1", "--port", str(port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, cwd=ROOT)
        while not self._listens():
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"ended with {self._process.wait(0.05)}: {self._log.read_text()}")

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except ConnectionRefusedError:
            return False
        return True

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(WAIT_S)
