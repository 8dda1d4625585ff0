"""The demonstration's figures fail where they should."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from province_world import WAIT_S

from province.demo.demo_tally import Tally, is_whole, summary


def tally(greens: int, registered: int) -> Tally:
    seen = Tally(shown=greens)
    seen.greens = {("a", number): 1000 for number in range(2, greens + 2)}
    seen.registered = {("a", number): 1005 for number in range(1, registered + 2)}  # number 1 is the boot entry
    seen.notes = {("a", 1)}
    seen.scan_to_green_ms = [3.0] * greens
    return seen


def test_all_well_is_whole() -> None:
    result = summary(tally(3, 3), [1, 1, 1], receipted_entries=4)
    assert (result["green"], result["registered"], result["receipted"], result["lost"], result["duplicates"]) == (3, 3, 3, 0, 0)
    assert is_whole(result)


@pytest.mark.parametrize(
    "greens, registered, passages, receipted, wrong",
    [
        (3, 2, [1, 1, 1], 4, {"lost": 1}),  # a green entry never reached the register, though another of the person did
        (3, 3, [1, 0, 1], 4, {"registered": 2}),
        (3, 3, [1, 2, 1], 4, {"duplicates": 1}),
        (3, 3, [1, 1, 1], 3, {"receipted": 2}),
        (3, 3, [1, 1, 1], 0, {"receipted": 0}),
    ],
)
def test_whatever_is_missing_shows(greens: int, registered: int, passages: list[int], receipted: int, wrong: dict[str, int]) -> None:
    result = summary(tally(greens, registered), passages, receipted)
    assert wrong.items() <= result.items()
    assert not is_whole(result)


DEMO = [sys.executable, "-P", "-m", "province", "demo"]


def test_the_demonstration_loses_nobody_also_beside_folders_named_like_packages(tmp_path: Path) -> None:
    for name in ("province", "firmware", "edge_agent", "drivers"):
        (tmp_path / name).mkdir()
    done = subprocess.run([*DEMO, "--people", "4", "--exit"], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120)
    result = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name: result[name] for name in ("shown", "green", "registered", "receipted", "lost", "duplicates")} == {
        "shown": 4, "green": 4, "registered": 4, "receipted": 4, "lost": 0, "duplicates": 0,
    }  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_however_it_is_ended_the_demonstration_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    root = tmp_path / "kept"
    with subprocess.Popen([*DEMO, "--keep", str(root)], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as demo:
        assert demo.stdout is not None
        while "accepted" not in demo.stdout.readline():
            assert demo.poll() is None
        demo.send_signal(number)
        assert demo.wait(2 * WAIT_S) == 130
    left = [file for file in Path("/proc").glob("[0-9]*/cmdline") if str(root).encode() in (file.read_bytes() if file.exists() else b"")]
    assert left == []
