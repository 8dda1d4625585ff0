"""Keeps the self-test's last result in the state folder, for whoever looks later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from drivers import system_clock
from edge_agent.disk import write_private
from firmware.verdict import Finding, Verdict

_FILE = "check.json"
_FORMAT = "gate-scanner-check/1"


def result_file(state: Path) -> Path:
    """Where the result is."""
    return state / _FILE


def well(findings: Sequence[Finding]) -> bool:
    """Whether nothing is at fault."""
    return all(finding.verdict is not Verdict.FAULT for finding in findings)


def keep(findings: Sequence[Finding], state: Path) -> None:
    """Writes a result, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    result = {
        "format": _FORMAT,
        "software": version("gate-scanner"),
        "wall_ms": system_clock.wall_ms(),
        "well": well(findings),
        "findings": [asdict(finding) for finding in findings],
    }
    write_private(result_file(state), json.dumps(result, ensure_ascii=False, indent=1).encode())


def kept(state: Path) -> list[Finding]:
    """The findings of the last result.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError, KeyError, TypeError: it is no result.
    """
    result = json.loads(result_file(state).read_text(encoding="utf-8"))
    return [Finding(one["part"], Verdict(one["verdict"]), one["detail"], one["todo"]) for one in result["findings"]]
