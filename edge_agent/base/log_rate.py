"""Lets so many lines of a kind into the log in a minute, and of the rest how many there were and the last."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Window:
    began_s: float
    let_in: int = 0
    held: int = 0
    last: str = ""
    level: int = 0
    last_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """What was kept out of the log.

    Attributes:
        line: the last of its kind.
        level: that line's.
        times: how often it was said and not let in.
        age_s: how long ago the last was.
    """

    line: str
    level: int
    times: int
    age_s: float


class LogRate:
    """Lines by kind; the first of each kind always gets in, and so does its last state, when its minute is over.

    Args:
        burst: lines of a kind let in at once.
        window_s: in so many seconds.
        variants: so many kinds of one sentence are told apart; all beyond are one, so that whoever makes up words cannot fill the memory.

    Example:
        >>> rate = LogRate(burst=2)
        >>> [rate.admit("lane %s: fault %d", f"lane in: fault {t}", "in", 30, float(t)) for t in range(5)]
        [True, True, False, False, False]
        >>> [(held.line, held.times) for held in rate.over(61.0)]
        [('lane in: fault 4', 3)]
    """

    def __init__(self, burst: int = 10, window_s: float = 60.0, variants: int = 20) -> None:
        self.window_s = window_s
        self._burst = burst
        self._variants = variants
        self._windows: dict[str, dict[str, _Window]] = {}

    def admit(self, sentence: str, line: str, words: str, level: int, now_s: float) -> bool:
        """Tells whether a line may be written now; if not it is kept in mind.

        Args:
            sentence: what is always the same in it: written in the program, so that there are only so many.
            line: the whole.
            words: what tells its kind from others of the sentence.
            level: of the record.
            now_s: monotonic seconds.
        """
        kinds = self._windows.setdefault(sentence, {})
        for kind in [kind for kind, window in kinds.items() if not window.held and now_s - window.began_s >= self.window_s]:
            del kinds[kind]
        if words not in kinds and len(kinds) >= self._variants:
            words = "\0others"
        window = kinds.setdefault(words, _Window(now_s))
        if window.let_in < self._burst and not window.held:
            window.let_in += 1
            return True
        window.held += 1
        window.last, window.level, window.last_s = line, level, now_s
        return False

    def over(self, now_s: float) -> list[Held]:
        """What was kept out and whose minute is over, in the order in which it was last said; it counts anew from now on."""
        found = []
        for sentence, kinds in list(self._windows.items()):
            for kind, window in list(kinds.items()):
                if now_s - window.began_s >= self.window_s:
                    del kinds[kind]
                    if window.held:
                        found.append(window)
            if not kinds:
                del self._windows[sentence]
        return [Held(each.last, each.level, each.held, now_s - each.last_s) for each in sorted(found, key=lambda each: each.last_s)]

    def holds(self) -> bool:
        """Whether something is kept out that `over` will tell."""
        return any(window.held for kinds in self._windows.values() for window in kinds.values())
