"""Every program ends without a traceback: no streams, full streams, other locales, Ctrl-C, and a reader who leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ["firmware", "edge_agent", "province"]


def through_a_shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    usual = {**os.environ, "PYTHONUNBUFFERED": "", **environment}  # buffered, whatever this machine is set to
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False, timeout=60, env=usual)


@pytest.mark.parametrize("package", PROGRAMS)
@pytest.mark.parametrize("redirection, code", [(">/dev/full", 1), (">&-", 0), ("<&- >&-", 0), ("| true", 0)])
def test_help_survives_whatever_the_output_is(package: str, redirection: str, code: int) -> None:
    done = through_a_shell(f"{sys.executable} -m {package} --help {redirection}")
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, code}


@pytest.mark.parametrize("command", ["firmware parse", "edge_agent status --config /nowhere.toml"])
def test_a_full_output_is_said(command: str) -> None:
    done = through_a_shell(f"yes x | head -100000 | {sys.executable} -m {command} >/dev/full")
    assert "Traceback" not in done.stderr
    assert done.returncode in {1, 2}


def test_a_locale_without_vietnamese_letters_shows_code_points() -> None:
    done = through_a_shell(
        f"echo '001099012345||Nguyễn Văn A|15031999|Nam||10052021' | {sys.executable} -m firmware parse",
        PYTHONIOENCODING="latin-1",
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("package", PROGRAMS)
def test_no_command_and_an_unknown_one_are_told_with_code_2(package: str) -> None:
    for words in ("", "nonsense"):
        done = through_a_shell(f"{sys.executable} -m {package} {words}")
        assert done.returncode == 2
        assert "usage:" in done.stderr


@pytest.mark.parametrize("command", [
    "edge_agent run", "edge_agent status", "edge_agent gate open", "edge_agent reset", "edge_agent enrol x.json", "edge_agent station show",
    "edge_agent ended agent", "firmware run",
])  # fmt: skip
def test_a_wrong_configuration_is_told_with_file_key_and_value_and_code_2(command: str, tmp_path: Path) -> None:
    config = tmp_path / "gate.toml"
    config.write_text('[device]\nclock = "sundial"\n', "utf-8")
    done = through_a_shell(f"{sys.executable} -m {command} --config {config}")
    assert done.returncode == 2, done
    assert all(said in done.stderr for said in (str(config), "clock", "sundial"))
    assert "Traceback" not in done.stderr
