"""The trust list as it is now: read again when its file has changed, so that a gate that runs for years follows those who may sign."""

from __future__ import annotations

import logging
from pathlib import Path

from edge_agent.base.stamp import Stamp
from firmware.health_pass import TrustList, TrustListError, load_trust_list

log = logging.getLogger(__name__)


class WatchedTrustList:
    """A trust list file, looked at again and again.

    Args:
        path: the file; None where no passes are asked for: then nobody may sign.

    Raises:
        TrustListError: it cannot be used at the start. Later a missing, torn or wrong file is said once, and the list before goes on.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._told = ""
        self._stamp = Stamp() if path is None else Stamp(path)
        self._stamp.changed()
        self.signers = load_trust_list(path) if path is not None else TrustList({})
        self._stamp.taken()

    def look_again(self) -> None:
        """To be called every second or so: one stat() when nothing has changed."""
        if self._path is None or not self._stamp.changed():
            return
        try:
            self.signers = load_trust_list(self._path)
        except TrustListError as error:
            if str(error) != self._told:
                self._told = str(error)
                log.error("%s The list before goes on.", error)  # noqa: TRY400 - a message for people
        else:
            self._stamp.taken()
            self._told = ""
            log.info("%s: read again, %d signers", self._path, len(self.signers))
