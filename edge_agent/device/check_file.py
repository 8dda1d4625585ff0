"""Where firmware keeps the self-test's last result: written by `firmware.check_result`, read by status and diagnosis."""

from __future__ import annotations

FILE_NAME = "check.json"  # in the state folder
MOST_BYTES = 200_000  # no result is longer
