"""How our processes log: one line an event to standard error, for journald or a terminal; never a person's data."""

from __future__ import annotations

import logging
import os


def configure(*, verbose: bool) -> None:
    """Sets up logging for a process; under journald the time is left out, since it stamps each line itself."""
    stamp = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s "
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, format=f"{stamp}%(levelname)s %(name)s: %(message)s")
