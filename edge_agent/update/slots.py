"""Which version of the software runs, as `debian/slots` keeps it: read by the agent, written by root alone.

The folder holds small files, each replaced whole: `current`, `trial`, `back`, `given-up`, `floor`. Source: decision 0091, debian/slots.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/var/lib/gate-scanner-slots")
BASE = Path("/usr/lib/gate-scanner/current")  # the package's own version
WHEELS = Path("/usr/share/gate-scanner/wheels")
SHARE = Path("/usr/share/gate-scanner")
REQUEST = "update-request"  # in the runtime folder: gate-update.path watches it
NAME_DIGITS = 32


def _of(variable: str, usual: Path) -> Path:
    given = os.environ.get(variable)
    return Path(given) if given else usual


@dataclass(frozen=True, slots=True)
class Trial:
    """A version on trial."""

    slot: str
    attempt: str


@dataclass(frozen=True, slots=True)
class Back:
    """Why an attempt came to nothing: a word for programs, and words for people."""

    attempt: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Slots:
    """The folder of the slots.

    Attributes:
        folder: where it is.
        wheels: those of the package, which need not be fetched.
    """

    folder: Path
    wheels: Path

    @classmethod
    def here(cls) -> Slots:
        """This machine's."""
        return cls(_of("GATE_SLOTS", FOLDER), _of("GATE_WHEELS", WHEELS))

    def exist(self) -> bool:
        """Whether this machine has any: a clone run by hand has none."""
        return self.folder.is_dir()

    def _words(self, name: str) -> list[str]:
        with suppress(FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
            return (self.folder / name).read_text("utf-8").split(maxsplit=2)
        return []

    def current(self) -> str | None:
        """The slot in use; None for the package's own version."""
        return next(iter(self._words("current")), None)

    def trial(self) -> Trial | None:
        """What is on trial."""
        words = self._words("trial")
        return Trial(words[0], words[1]) if len(words) > 1 else None

    def back(self) -> Back | None:
        """What came to nothing last."""
        words = self._words("back")
        if len(words) < 2:
            return None
        return Back(words[0], words[1].rstrip(":"), words[2].strip() if len(words) > 2 else words[1])

    def given_up(self) -> tuple[str, str] | None:
        """The slot that was given up last while it was in use, and the service that did not live in it."""
        words = self._words("given-up")
        return (words[0], words[1]) if len(words) > 1 else None

    def floor(self) -> int:
        """No release below it; a floor that cannot be read is 0, as root's own check would say."""
        with suppress(ValueError):
            return int(next(iter(self._words("floor")), "0"))
        return 0


def slot_of(release_id: str) -> str:
    """The slot of a release."""
    return release_id[:NAME_DIGITS]
