"""`gate-firmware run` as a process of its own, with a folder of pictures for a camera, as the benchmarks of memory and start-up need it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gate_world import ROOT, Enrolled, gate_toml
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]
_END_S = 20.0


@dataclass(frozen=True, slots=True)
class Site:
    """An enrolled device with its configuration, on disk."""

    folder: Path
    enrolled: Enrolled

    def pictures(self, name: str, seen: Sequence[Grey]) -> str:
        """Writes pictures, uncompressed so that they are quick to read, and returns the URL of a camera that shows them."""
        folder = self.folder / name
        folder.mkdir()
        for number, grey in enumerate(seen):
            Image.fromarray(grey).save(folder / f"{number:05}.pgm")
        return f"images:{folder}?fps=10000"

    def configure(self, *lanes: Mapping[str, str]) -> Path:
        """Writes gate.toml."""
        return gate_toml(self.enrolled, *lanes)


@contextmanager
def site() -> Iterator[Site]:
    """A device in a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        enrolled = Enrolled(folder / "state", folder / "run")
        (enrolled.state / "check.json").touch()  # it opened before: no self-test
        yield Site(folder, enrolled)


@contextmanager
def running(config: Path, *python: str) -> Iterator[subprocess.Popen[str]]:
    """The gate at work, its lights on a pipe; `python` are options of the interpreter."""
    with subprocess.Popen(
        [sys.executable, *python, "-m", "firmware", "run", "--config", str(config)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if python else subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=_END_S)
