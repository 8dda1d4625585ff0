"""What a self-test says about one part of the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from drivers.errors import DriverError
from edge_agent.base.trouble import where


class Verdict(StrEnum):
    """How a part is: well; working, but worth a look; not working; not tested."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"
    SKIPPED = "skipped"


class Scope(StrEnum):
    """How much a self-test tests: everything; all that needs no identity; what is left of it once there is one."""

    WHOLE = "whole"
    PARTS = "parts"
    MEMBERSHIP = "membership"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the self-test; never a person's data.

    Attributes:
        part: what was tested, for example `camera of lane "in"`.
        detail: what was seen.
        todo: what to do next; only for a note or a fault.
    """

    part: str
    verdict: Verdict
    detail: str
    todo: str = ""


def ok(part: str, detail: str) -> Finding:
    """The part is well."""
    return Finding(part, Verdict.OK, detail)


def note(part: str, detail: str, todo: str) -> Finding:
    """The part works; somebody should look at it all the same, and at what."""
    return Finding(part, Verdict.NOTE, detail, todo)


def fault(part: str, detail: str, todo: str) -> Finding:
    """The part is not well, and what to do next."""
    return Finding(part, Verdict.FAULT, detail, todo)


def skipped(part: str, why: str) -> Finding:
    """The part was not tested."""
    return Finding(part, Verdict.SKIPPED, why)


def guarded(part: str, todo: str, test: Callable[[], Finding]) -> Finding:
    """A test that may fail in any way: it is a fault of that part, never the end of the self-test."""
    try:
        return test()
    except DriverError as error:
        return fault(part, str(error), todo)
    except Exception as error:  # noqa: BLE001 - a surprise is what a self-test is for
        return fault(part, f"unexpected {where(error)}", "report it, please")
