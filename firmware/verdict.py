"""What a self-test says about one part of the gate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a part is."""

    OK = "ok"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the self-test; never a person's data.

    Attributes:
        part: what was tested, for example `camera of lane "in"`.
        detail: what was seen.
        todo: what to do next; only for a fault.
    """

    part: str
    verdict: Verdict
    detail: str
    todo: str = ""


def ok(part: str, detail: str) -> Finding:
    """The part is well."""
    return Finding(part, Verdict.OK, detail)


def fault(part: str, detail: str, todo: str) -> Finding:
    """The part is not well, and what to do next."""
    return Finding(part, Verdict.FAULT, detail, todo)


def skipped(part: str, why: str) -> Finding:
    """The part was not tested."""
    return Finding(part, Verdict.SKIPPED, why)
