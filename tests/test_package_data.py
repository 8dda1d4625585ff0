"""What is no Python in our packages is in the wheel too: a page that only a clone has would be missed on the machine."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
ELSEWHERE = "province/deploy/"  # configurations for other programs: debian/rules lays them beside the wheels
PACKAGES = ("drivers", "firmware", "edge_agent", "province")


def files() -> list[Path]:
    """What git has of our packages."""
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [Path(name) for name in listed if not name.startswith(ELSEWHERE)]


def test_every_file_of_a_package_is_named_as_its_data() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]
    folders = {package: Path(*package.split(".")) for package in named if package != "*"}
    data = {path for package, folder in folders.items() for pattern in named[package] for path in (ROOT / folder).glob(pattern)}
    missing = [path for path in files() if path.suffix != ".py" and path.name not in named["*"] and ROOT / path not in data]
    assert missing == []


def test_every_folder_with_python_is_a_package() -> None:
    assert [path.parent for path in files() if path.suffix == ".py" and not (ROOT / path.parent / "__init__.py").exists()] == []
