"""The package's trial of a new version opens the outbox with the rights of the folder's owner, whatever lies there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def test_a_way_to_a_file_of_roots_gives_nobody_roots_rights(state: Path) -> None:
    (state / "outbox.sqlite").symlink_to("/etc/hostname")
    assert rights_after(state / "outbox.sqlite") == f"{NOBODY} {NOBODY}"
