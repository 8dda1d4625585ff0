"""That commands and configurations were taken, noted beside the files that say which: a file that is gone is not one never written.

Whoever removes `commands.json` or `config.json` from the card would otherwise make the device one that was never ordered anything, to which
everything of before can be said again. It stands in `documents.json`, without which the device is nobody's and takes nothing.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from edge_agent.device.documents import Documents, DocumentsDamaged

_COMMANDS, _CONFIG = "commands-taken", "config-seen"


def were_commands(state: Path) -> bool:
    """Whether this member has taken commands; where nobody can say any more, it has.

    Args:
        state: the device's state folder.

    Raises:
        OSError: it cannot be read now.
    """
    try:
        with closing(Documents(state)) as documents:
            return documents.get_sure(_COMMANDS) is not None
    except DocumentsDamaged:
        return True


def note_commands(state: Path) -> None:
    """Notes that this member takes commands; on disk to stay when it returns.

    Raises:
        OSError: it cannot be noted.
    """
    with closing(Documents(state)) as documents:
        try:
            documents.put(_COMMANDS, {"taken": True})
        except DocumentsDamaged as error:
            raise OSError(str(error)) from None


def config_counter(state: Path) -> int:
    """The highest counter of a configuration that this member has met, 0 where there was none or nobody can say.

    Raises:
        OSError: it cannot be read now.
    """
    try:
        with closing(Documents(state)) as documents:
            return int((documents.get_sure(_CONFIG) or {}).get("counter", 0))
    except DocumentsDamaged:
        return 0


def note_config(state: Path, counter: int) -> None:
    """Notes that it has met this one; on disk to stay when it returns.

    Raises:
        OSError: it cannot be noted.
    """

    def raised(before: dict[str, int] | None) -> dict[str, int] | None:
        return {"counter": counter} if counter > (before or {}).get("counter", 0) else None

    with closing(Documents(state)) as documents:
        try:
            documents.change(_CONFIG, raised)
        except DocumentsDamaged as error:
            raise OSError(str(error)) from None


def forget(documents: Documents) -> None:
    """The next owner begins anew."""
    for name in (_COMMANDS, _CONFIG):
        documents.remove(name)
