"""Whether an operator has closed the gate: on disk, so that a gate that was closed is still closed after a power cut.

In a file of its own, not among the agent's documents: firmware alone writes it, so that two processes never overwrite each other.
"""

from __future__ import annotations

import logging
from pathlib import Path

from edge_agent.device.documents import Documents, DocumentsDamaged

log = logging.getLogger(__name__)
FILE_NAME = "gate.json"
DOCUMENT = "gate_state"


class GateState:
    """The command that stands.

    Args:
        folder: the device's state folder.

    A state that cannot be read is said, and is open: a gate that turns everybody away records nobody.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     GateState(Path(folder)).close_gate(True)
        ...     GateState(Path(folder)).closed
        True
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.closed = self._stored()

    def close_gate(self, closed: bool) -> None:
        """Closes or opens the gate; on disk to stay when it returns.

        Raises:
            OSError: it cannot be stored; the gate is as before.
        """
        documents = Documents(self._folder, FILE_NAME)
        try:
            documents.put_alone(DOCUMENT, {"closed": closed})
        finally:
            documents.close()
        self.closed = closed

    def _stored(self) -> bool:
        documents = Documents(self._folder, FILE_NAME)
        try:
            stored = documents.get_sure(DOCUMENT)
        except DocumentsDamaged:
            documents.set_aside()
            log.error("%s: torn, and set aside: the gate is open; if it was closed, close it again", documents.path)  # noqa: TRY400
            return False
        except OSError as error:
            log.error("%s: cannot be read (%s): the gate is open", documents.path, error.strerror)  # noqa: TRY400 - a message for people
            return False
        finally:
            documents.close()
        return stored is not None and stored.get("closed") is True
