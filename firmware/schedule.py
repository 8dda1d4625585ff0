"""Decides what a look at the next frame is: skipped, plain, or with which rescues. Pure: knows no frame, only what came of the looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .found import Found
from .readers import Reader
from .rescues import (
    MOST_RESCUES_A_LOOK,
    WHEN_ALL_READ,
    WHEN_LOCATED,
    WHEN_NOTHING_LOCATED,
    WORK_WHEN_LOCATED,
    WORK_WHEN_NOTHING,
    Rescue,
)
from .view import Change

FORCED_EVERY = 8  # frames: an unchanged view is still looked at four times a second, as change and noise can be confused
# Where all codes are read, one looks for a further one, of somebody who stands beside. Not in the first look, which answers somebody: in
# each of the next ones until so many, then in every second one, and at last in every fourth.
BESIDE_EACH, BESIDE_EVERY_2ND = 9, 60


def looks_beside(look: int) -> bool:
    """Whether something is tried beside codes that are all read, in the look of that number at them, from 1."""
    return 1 < look <= BESIDE_EACH or look % (2 if look <= BESIDE_EVERY_2ND else 4) == 0


class Turns:
    """Goes through a list of rescues look by look, as many at a time as a look has room for.

    Args:
        rescues: in the order of their turns.
        room: the work of one look.
        patient: after the first round, only every second look gets any.
    """

    def __init__(self, rescues: Sequence[Rescue], room: float, *, patient: bool) -> None:
        self._rescues, self._room, self._patient = tuple(rescues), room, patient
        self._next, self._round, self._resting = 0, 0, False

    @property
    def first_round(self) -> bool:
        """Whether some of the rescues did not have their turn yet."""
        return self._round == 0

    def restart(self) -> None:
        """Begins with the first rescue again."""
        self._next, self._round, self._resting = 0, 0, False

    def take(self, work: Callable[[Rescue], float]) -> tuple[Rescue, ...]:
        """Returns the next look's rescues: at least one unless it is a look to rest, no more than fit, none twice.

        Args:
            work: what a rescue would cost in this look.
        """
        if self._patient and self._round > 0:
            self._resting = not self._resting
            if self._resting:
                return ()
        taken: list[Rescue] = []
        left = self._room
        while self._next < len(self._rescues) and len(taken) < MOST_RESCUES_A_LOOK:
            left -= work(self._rescues[self._next])
            if taken and left < 0:
                return tuple(taken)
            taken.append(self._rescues[self._next])
            self._next += 1
        if self._next == len(self._rescues):
            self._next, self._round = 0, self._round + 1
        return tuple(taken)


class Schedule:
    """The schedule of one camera's looks.

    The rescues that pay most come first, and all had their turn after about five looks at a view. A view that shows nothing is
    then rescued with every second look only, which is what keeps an empty gate cheap.

    Args:
        skip_unchanged: False gives every frame its look, as for a picture that is looked at several times on purpose.
        with_zbar: False leaves out the rescues that need ZBar.

    Example:
        >>> schedule = Schedule()
        >>> schedule.skips(Change.ALL), [rescue.name for rescue in schedule.rescues(Found(), lambda rescue: 1.0)]
        (False, ['busiest, blurred, sharpened x2'])
    """

    def __init__(self, *, skip_unchanged: bool = True, with_zbar: bool = True) -> None:
        self._skip_unchanged = skip_unchanged
        located, nothing, all_read = (
            [rescue for rescue in rescues if with_zbar or rescue.reader is not Reader.ZBAR]
            for rescues in (WHEN_LOCATED, WHEN_NOTHING_LOCATED, WHEN_ALL_READ)
        )
        self._when_located = Turns(located, WORK_WHEN_LOCATED, patient=False)
        self._when_nothing = Turns(nothing, WORK_WHEN_NOTHING, patient=True)
        self._when_all_read = Turns(all_read, WORK_WHEN_NOTHING, patient=False)
        self._all_read = 0  # looks in a row
        self._skipped = 0  # frames in a row
        self._left_unread = False

    def skips(self, change: Change) -> bool:
        """Takes in the next frame's change and says whether to skip it; to be asked once a frame, before anything else."""
        worth_it = self._left_unread and self._when_located.first_round
        if change is Change.NONE and self._skip_unchanged and not worth_it and self._skipped < FORCED_EVERY - 1:
            self._skipped += 1
            return True
        # Something that moves after stillness is a person who comes: begin with what pays most.
        if change is Change.ALL or (change is Change.SOME and self._skipped):
            self._when_located.restart()
            self._when_nothing.restart()
            self._all_read = 0
        self._skipped = 0
        self._left_unread = False
        return False

    def rescues(self, found: Found, work: Callable[[Rescue], float]) -> tuple[Rescue, ...]:
        """The rescues of this look.

        Args:
            found: what the plain look found.
            work: what each rescue would cost.
        """
        self._all_read = self._all_read + 1 if found.settled else 0
        if found.located:
            self._left_unread = True
            return self._when_located.take(work)
        if not found.settled:
            return self._when_nothing.take(work)
        return self._when_all_read.take(work) if looks_beside(self._all_read) else ()

    def read_all(self) -> None:
        """Tells that the rescues of this look read what was located."""
        self._left_unread = False
