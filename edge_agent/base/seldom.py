"""Says which of many like events are worth a line in the log: whoever floods a service must not fill its log too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable


class Seldom:
    """Counts events of each kind, in memory: as long as the process runs.

    Example:
        >>> flood = Seldom()
        >>> [flood.worth_a_line("forged") for _ in range(9)], flood.worth_a_line("oversize")
        ([1, 2, 0, 4, 0, 0, 0, 8, 0], 1)
    """

    def __init__(self) -> None:
        self._counts: Counter[Hashable] = Counter()

    def worth_a_line(self, *kind: Hashable) -> int:
        """Counts one more of its kind, and says how many there were if it is 1, 2, 4, 8 …, else 0.

        Args:
            kind: what counts together; a caller sees to it that strangers cannot make up ever new kinds.
        """
        self._counts[kind] += 1
        count = self._counts[kind]
        return count if count.bit_count() == 1 else 0
