"""The self-test's findings as a table for a terminal of 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from edge_agent.base.console import visible
from firmware.verdict import Finding, Verdict

WIDTH = 100
_PART, _VERDICT = 26, 8
_MARKS = {Verdict.OK: "✔", Verdict.NOTE: "!", Verdict.FAULT: "✘", Verdict.SKIPPED: "–"}


def rows(finding: Finding) -> list[str]:
    r"""A finding's lines: mark, part, verdict and detail; below, what to do.

    Example:
        >>> print(*rows(Finding("disk", Verdict.FAULT, "12 MB free", "free some space")), sep="\n")
        ✘ disk                       fault    12 MB free
                                              → free some space
    """
    head = f"{_MARKS[finding.verdict]} {visible(finding.part):<{_PART}} {finding.verdict:<{_VERDICT}} "
    margin = " " * (2 + _PART + 1 + _VERDICT + 1)
    lines = _wrapped(visible(finding.detail), margin)
    if len(head) > len(margin):  # a part with a long name: what was seen goes below
        lines = [*textwrap.wrap(head.rstrip(), WIDTH, subsequent_indent="  "), *lines]
    else:
        lines = [head + lines[0][len(margin) :], *lines[1:]]
    return lines + (_wrapped(visible(finding.todo), margin, "→ ") if finding.todo else [])


def _wrapped(text: str, margin: str, mark: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=margin + mark, subsequent_indent=margin + " " * len(mark), break_on_hyphens=False) or [
        margin
    ]


def summary(findings: Sequence[Finding]) -> str:
    """One line about all of them."""
    counted = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for word, verdict in (("fault", Verdict.FAULT), ("note", Verdict.NOTE))
        if (number := sum(finding.verdict is verdict for finding in findings))
    ]
    if counted:
        return f"{' and '.join(counted)}: see → for what to do"
    return "all is well" if all(finding.verdict is Verdict.OK for finding in findings) else "all that could be tested is well"
