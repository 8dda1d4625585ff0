"""A one-slot mailbox between a device's thread and its reader, in which the newest item replaces one not yet taken."""

from __future__ import annotations

from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Latest(Generic[Item]):
    """Holds at most one item, the newest.

    Example:
        >>> box = Latest[int]()
        >>> box.put(1), box.put(2)
        (None, 1)
        >>> box.take(timeout_s=1.0)
        2
        >>> box.close()
        >>> box.take(timeout_s=1.0) is None
        True
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._item: Item | None = None
        self._error: Exception | None = None
        self._closed = False

    def put(self, item: Item) -> Item | None:
        """Leaves an item and returns the one nobody will take: the item it replaces, or itself when the box is closed."""
        with self._changed:
            if self._closed:
                return item
            displaced, self._item = self._item, item
            self._changed.notify_all()
            return displaced

    def take(self, timeout_s: float) -> Item | None:
        """Waits for an item and takes it; None when the box is closed.

        Raises:
            TimeoutError: nothing came in `timeout_s` seconds.
            Exception: what `fail` was given, once the last item is taken.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._item is not None or self._error is not None, timeout_s):
                raise TimeoutError(f"nothing came in {timeout_s:g} s")
            item, self._item = self._item, None
            if item is None and self._error is not None and not self._closed:
                raise self._error
            return item

    def fail(self, error: Exception) -> None:
        """Says that nothing will come any more, and why."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def close(self) -> Item | None:
        """Ends every `take` and returns an item left over, which nobody will take; calling it twice is harmless."""
        with self._changed:
            self._closed = True
            left_over, self._item = self._item, None
            self._changed.notify_all()
            return left_over
