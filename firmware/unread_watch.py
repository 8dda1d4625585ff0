"""Notices a code that is held up for a while and cannot be read, so that the gate can say so once. Pure: time is passed in."""

from __future__ import annotations

_GAP_S = 0.7  # a code unseen for so long was taken away


class UnreadWatch:
    """Watches one camera.

    Args:
        patience_s: how long a code may stay unread before the person is told, in seconds, above 0.

    Raises:
        ValueError: patience_s is not above 0.

    Example:
        >>> watch = UnreadWatch(patience_s=2.0)
        >>> [watch.look(located=True, read=False, now_s=t / 2) for t in range(7)]
        [False, False, False, False, True, False, False]
    """

    def __init__(self, patience_s: float = 2.0) -> None:
        if patience_s <= 0:
            raise ValueError(f"patience_s must be above 0, got {patience_s}")
        self._patience_s = patience_s
        self._since_s: float | None = None
        self._last_s = 0.0
        self._told = False

    def look(self, *, located: bool, read: bool, now_s: float) -> bool:
        """Takes in one look and says whether the person should be told now; once for each holding up."""
        if read or (self._since_s is not None and now_s - self._last_s > _GAP_S):
            self._since_s, self._told = None, False
        if not located or read:
            return False
        self._last_s = now_s
        if self._since_s is None:
            self._since_s = now_s
        if self._told or now_s - self._since_s < self._patience_s:
            return False
        self._told = True
        return True
