"""Tries a new environment before a province uses it: a card drawn, and every library loaded."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

from province.__main__ import main as province

_LATE = (
    "cwt", "defusedxml.ElementTree", "docx", "edge_agent.shell.run_command", "jinja2", "openpyxl", "paho.mqtt.client", "pika",
    "province.checkin.app", "province.fleet.service", "province.fleet.terminal", "psycopg", "pyzbar.pyzbar", "reportlab.pdfgen.canvas",
    "segno", "starlette", "tinydb", "uvicorn", "zxingcpp",
)  # fmt: skip

if __name__ == "__main__":
    for library in _LATE:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory() as folder:
        if province(["init", str(Path(folder) / "province"), "--host", "localhost", "--days", "1"]):
            sys.exit("this software cannot make a province")
