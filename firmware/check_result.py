"""Keeps the self-test's last result in the state folder, for whoever looks later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from drivers import system_clock
from edge_agent.base.disk import write_private
from edge_agent.device.check_file import FILE_NAME
from firmware.verdict import Finding, Scope, Verdict

_FORMAT = "gate-scanner-check/1"
NO_RESULT = (OSError, ValueError, KeyError, TypeError, AttributeError)  # what `kept` raises


@dataclass(frozen=True, slots=True)
class Result:
    """A result as it is kept.

    Attributes:
        scope: WHOLE, or PARTS while nothing is known of an identity.
        findings: of each part.
    """

    scope: Scope
    findings: tuple[Finding, ...]


def result_file(state: Path) -> Path:
    """Where the result is."""
    return state / FILE_NAME


def well(findings: Sequence[Finding]) -> bool:
    """Whether nothing is at fault."""
    return all(finding.verdict is not Verdict.FAULT for finding in findings)


def keep(findings: Sequence[Finding], state: Path, scope: Scope = Scope.WHOLE) -> None:
    """Writes a result, whole or not at all; what is new of a member is put to what was found before it was one.

    Raises:
        OSError: it cannot be written.
    """
    if scope is Scope.MEMBERSHIP:
        anew = {finding.part for finding in findings}
        findings = [*findings, *(finding for finding in earlier(state) if finding.part not in anew)]
    result = {
        "format": _FORMAT,
        "software": version("gate-scanner"),
        "wall_ms": system_clock.wall_ms(),
        "scope": str(Scope.PARTS if scope is Scope.PARTS else Scope.WHOLE),
        "well": well(findings),
        "findings": [asdict(finding) for finding in findings],
    }
    write_private(result_file(state), json.dumps(result, ensure_ascii=False, indent=1).encode())


def kept(state: Path) -> Result:
    """The last result.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError, KeyError, TypeError, AttributeError: it is no result.
    """
    result = json.loads(result_file(state).read_text(encoding="utf-8"))
    findings = tuple(Finding(one["part"], Verdict(one["verdict"]), one["detail"], one["todo"]) for one in result["findings"])
    return Result(Scope(result.get("scope", Scope.WHOLE)), findings)


def earlier(state: Path) -> tuple[Finding, ...]:
    """What was found before this device was a member; empty where nobody can tell."""
    try:
        result = kept(state)
    except NO_RESULT:
        return ()
    return result.findings if result.scope is Scope.PARTS else ()
