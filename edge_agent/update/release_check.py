"""Whether a release suits this device: its machine, its Python, what lies on its disk, and which releases it takes any more."""

from __future__ import annotations

from edge_agent.base.machine import architecture, python
from edge_agent.update import stored_formats
from edge_agent.wire.release import Release

PACKAGE_BASE = 1  # what this version's package brings: units, launcher, folders


class Unsuitable(Exception):
    """It is not for this device; `reason` is a word for programs."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def check(release: Release, floor: int) -> None:
    """Makes sure that a release may be tried here.

    Args:
        release: whose signature holds.
        floor: no release below this counter.

    Raises:
        Unsuitable: it may not.
    """
    own = architecture(), python()
    if (release.architecture, release.python) != own:
        its = f"it is for {release.architecture} with Python {release.python}"
        raise Unsuitable("wrong-machine", f"{its}; this device is {own[0]} with Python {own[1]}")
    if release.counter < floor:
        raise Unsuitable("downgrade", f"its counter {release.counter} is below {floor}: a release since then forbids to go back so far")
    if (release.outbox, release.documents) != (stored_formats.OUTBOX, stored_formats.DOCUMENTS):
        raise Unsuitable("no-way-back", "this version could not read what that one writes: go by a release in between that reads both")
    if release.base > PACKAGE_BASE:
        raise Unsuitable("needs-package", "it needs units or folders of a newer Debian package: install that, or write the card anew")
