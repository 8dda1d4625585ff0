"""Remembers the running trip through a power cut, so that a short one does not tear it in two."""

from __future__ import annotations

import contextlib
import logging
import secrets
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.wire.entry import Clock
from firmware.time_sense import Now

log = logging.getLogger(__name__)
FILE_NAME = "trip.json"
_DOCUMENT = "trip"
_VIETNAM = timezone(timedelta(hours=7))
_NOTE_EVERY_MS = 5 * 60_000  # a running trip is noted anew this often: a card bears twelve small writes an hour
# A power cut longer than this ends the trip: a bus that stood so long has let its people out. It counts from the last note: the
# gate's close where it closed cleanly, up to five minutes before the cut where the power went without a word.
_GONE_AFTER_MS = 15 * 60_000
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that looks like something else


def new_name(now: Now) -> str:
    """A trip's name: when it began in Vietnam's civil time, where that is known, and something random.

    Example:
        >>> len(new_name(Now(0, 0, Clock.UNKNOWN, None)))
        8
    """
    chance = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    if now.clock is Clock.UNKNOWN:
        return chance
    began = datetime.fromtimestamp(now.wall_ms / 1000, UTC).astimezone(_VIETNAM)
    return f"{began:%Y%m%dT%H%M}-{chance}"


class TripMemory:
    """The document that names the running trip.

    Args:
        state: the device's state folder.
        boot: the kernel's boot id, 16 bytes.

    Every method raises OSError when the disk refuses; the trip then lives on in memory only.
    """

    def __init__(self, state: Path, boot: bytes) -> None:
        self._state = state
        self._boot = boot.hex()
        self._noted: tuple[str | None, int] | None = None

    def recall(self, now: Now) -> tuple[str | None, bool]:
        """Returns the trip that was running when the gate last stopped, and whether it may be taken to run on.

        It runs on after a restart in the same boot, and after a power cut that a trusted clock shows to have been short.
        """
        with contextlib.closing(Documents(self._state, FILE_NAME)) as documents:
            try:
                noted = documents.get_sure(_DOCUMENT)
            except DocumentsDamaged as error:
                log.warning("%s", error)
                documents.set_aside()
                noted = None
        match noted:
            case {"trip": str(trip), "boot": str(boot), "seen_ms": int(seen_ms), "trusted": bool(trusted)} if trip:
                away_ms = now.wall_ms - seen_ms
                short = trusted and now.clock is not Clock.UNKNOWN and 0 <= away_ms <= _GONE_AFTER_MS
                return trip, boot == self._boot or short
        return None, False

    def note(self, trip: str | None, now: Now, *, closing: bool = False) -> None:
        """Writes down the running trip, None when there is none; costs nothing while nothing has changed for minutes.

        Args:
            trip: its name.
            now: the time.
            closing: the gate closes: a running trip is noted now, so that it is known to the second how long the gate was away.
        """
        if self._noted is not None and self._noted[0] == trip:
            fresh = now.boottime_ms - self._noted[1] < _NOTE_EVERY_MS and not closing
            if trip is None or fresh:
                return
        trusted = now.clock is not Clock.UNKNOWN
        with contextlib.closing(Documents(self._state, FILE_NAME)) as documents:
            documents.put_alone(_DOCUMENT, {"trip": trip or "", "boot": self._boot, "seen_ms": now.wall_ms, "trusted": trusted})
        self._noted = (trip, now.boottime_ms)
