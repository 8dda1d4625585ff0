"""The package's trial of a new version opens the outbox with the rights of the folder's owner, whatever lies there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.device.settings import DeviceSettings

ROOT = Path(__file__).parents[2]
NOBODY = 65534
_LOOK = (
    "import os, pathlib, sys, gate_trial; gate_trial._entries_are_understood(pathlib.Path(sys.argv[1])); print(os.getuid(), os.getgid())"
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its rights away")


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder of another user's, which that user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        made = Path(folder) / "state"
        made.mkdir(mode=0o700)
        os.chown(made, NOBODY, NOBODY)
        yield made


def rights_after(outbox: Path) -> str:
    path = f"{ROOT}:{ROOT / 'debian'}"
    done = subprocess.run(
        [sys.executable, "-c", _LOOK, outbox],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_the_outbox_is_opened_as_its_owner(state: Path) -> None:
    (state / "outbox.sqlite").write_bytes(b"")
    os.chown(state / "outbox.sqlite", NOBODY, NOBODY)
    assert rights_after(state / "outbox.sqlite") == f"{NOBODY} {NOBODY}"


@pytest.mark.parametrize("named", ["by the configuration", "by an update", "by neither"])
def test_the_outbox_that_is_looked_at_is_this_devices(tmp_path: Path, named: str) -> None:
    config, words = tmp_path / "gate.toml", [str(tmp_path / "other")] if named == "by an update" else []
    if named != "by neither":  # a mistake elsewhere in the file is for another to find
        config.write_text(f"[device]\nstate = '{tmp_path}/own'\n[gate]\nheld_s = 'long'\n")
    done = subprocess.run(
        [sys.executable, "-c", "import sys, gate_trial; print(gate_trial._state(sys.argv[1:]))", *words],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'debian'}", "GATE_CONFIG": str(config)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    expected = {"by the configuration": tmp_path / "own", "by an update": tmp_path / "other", "by neither": DeviceSettings().state}
    assert Path(done.stdout.strip()) == expected[named]


def test_a_way_to_a_file_of_roots_gives_nobody_roots_rights(state: Path) -> None:
    (state / "outbox.sqlite").symlink_to("/etc/hostname")
    assert rights_after(state / "outbox.sqlite") == f"{NOBODY} {NOBODY}"
