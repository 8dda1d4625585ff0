"""What a gate loads when it starts: only what its own lanes need, since each import costs time and memory on a small computer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import gate_fixtures
from gate_run import opened_before
from gate_world import BLANK, ROOT, Enrolled, Reader, gate_toml
from PIL import Image

enrolled, reader = gate_fixtures.enrolled, gate_fixtures.reader

# What belongs to other drivers, the agent, the province or the tests: heavy, or not installed at a gate at all.
NOBODYS = {
    "asyncio", "atheris", "av", "cv2", "cwt", "gpiozero", "http", "hypothesis", "lgpio", "multiprocessing", "paho", "picamera2", "province",
    "pydantic", "pytest", "scipy", "segno", "ssl", "unittest", "xml",
}  # fmt: skip
CAMERAS = {"PIL", "numpy", "pyzbar", "zxingcpp"}
READERS = {"serial"}

LOOK_AND_STOP = """
import sys, threading
from firmware.__main__ import main
from firmware.feedback import Feedback
from firmware.gatehouse import Gatehouse
source_is, run = Feedback.source_is, Gatehouse.run
def run_until_it_looks(house):
    def stop_when_looking(feedback, lane, state):
        source_is(feedback, lane, state)
        if state == "working":
            house.stop()
    Feedback.source_is = stop_when_looking
    run(house)
Gatehouse.run = run_until_it_looks
print("exit", main(["run", "--config", sys.argv[1]]))
print("loaded", " ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def printed(code: str, *args: str | Path) -> set[str]:
    """The packages that a process of its own says it has loaded."""
    done = subprocess.run([sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "exit 0" in done.stdout, done.stderr
    found = re.search(r"^loaded (.*)$", done.stdout, re.MULTILINE)
    assert found is not None
    return set(found[1].split())


def test_a_gate_with_a_barcode_reader_loads_nothing_of_cameras(enrolled: Enrolled, reader: Reader) -> None:
    loaded = printed(LOOK_AND_STOP, opened_before(gate_toml(enrolled, {"name": "in", "direction": "in", "reader": reader.url})))
    assert loaded & (NOBODYS | CAMERAS | READERS) == READERS


def test_a_gate_with_a_camera_loads_its_decoders_and_nothing_else(enrolled: Enrolled, tmp_path: Path) -> None:
    Image.fromarray(BLANK).save(tmp_path / "a.pgm")
    loaded = printed(
        LOOK_AND_STOP, opened_before(gate_toml(enrolled, {"name": "in", "direction": "in", "camera": f"images:{tmp_path}/a.pgm?loop=1"}))
    )
    assert loaded & (NOBODYS | CAMERAS | READERS) == CAMERAS


def test_the_decoders_themselves_need_no_pillow() -> None:
    code = "import sys, firmware.decoder; print('exit 0'); print('loaded', *{name.partition('.')[0] for name in sys.modules})"
    assert printed(code) & (NOBODYS | CAMERAS | READERS) == CAMERAS - {"PIL"}
