"""Decides what a look at the next frame is: skipped, plain, or with which rescues. Pure: knows no frame, only what came of the looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

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

FORCED_EVERY = 8  # frames: an unchanged view is still looked at once in so many, as change and noise can be confused
_PAID = 2  # rescues that read something in this view and go first: two people's codes may need one each
_IN_VAIN = 4  # looks in which they read nothing: then the code is gone, or has become another one
# Where all codes are read, one looks for a further one, of somebody who stands beside. Not in the first look, which answers somebody: in
# each of the next ones until so many, then in every second one, and at last in every fourth.
BESIDE_EACH, BESIDE_EVERY_2ND = 9, 60


def looks_beside(look: int) -> bool:
    """Whether something is tried beside codes that are all read, in the look of that number at them, from 1."""
    return 1 < look <= BESIDE_EACH or look % (2 if look <= BESIDE_EVERY_2ND else 4) == 0


class Turns:
    """Goes through a list of rescues look by look, as many at a time as a look has room for.

    A rescue that read something goes before the others from then on: the next look at the same code most likely needs it again.

    Args:
        rescues: in the order of their turns.
        room: the work of one look.
        patient: after the first round, only every second look gets any.
    """

    def __init__(self, rescues: Sequence[Rescue], room: float, *, patient: bool) -> None:
        self._rescues, self._room, self._patient = tuple(rescues), room, patient
        self._next, self._round, self._resting = 0, 0, False
        self._paid: tuple[Rescue, ...] = ()
        self._in_vain = 0  # looks

    @property
    def first_round(self) -> bool:
        """Whether some of the rescues did not have their turn yet."""
        return self._round == 0

    def restart(self) -> None:
        """Begins with the first rescue again."""
        self._next, self._round, self._resting = 0, 0, False

    def paid(self, rescue: Rescue) -> None:
        """Tells that a rescue read something."""
        self._paid = (rescue, *(other for other in self._paid if other is not rescue))[:_PAID]
        self._in_vain = 0

    def forget(self) -> None:
        """Forgets which rescues read something."""
        self._paid = ()

    def take_paid(self) -> Iterator[Rescue]:
        """Yields the rescues that read something lately, the last one first."""
        self._in_vain += 1
        if self._in_vain > _IN_VAIN:
            self._paid = ()
        yield from self._paid

    def take(self, work: Callable[[Rescue], float]) -> Iterator[Rescue]:
        """Yields the next look's rescues; those that are not asked for keep their turn.

        First those that read something lately, then the next in turn: at least one unless it is a look to rest, no more than fit, none
        twice.

        Args:
            work: what a rescue would cost in this look.
        """
        first = tuple(self.take_paid())
        yield from first
        if self._patient and self._round > 0:
            self._resting = not self._resting
            if self._resting:
                return
        left, taken = self._room - sum(map(work, first)), 0
        while taken < MOST_RESCUES_A_LOOK:
            rescue = self._rescues[self._next]
            if rescue not in first:
                left -= work(rescue)
                if taken and left < 0:
                    return
                taken += 1
            self._next += 1
            ended = self._next == len(self._rescues)
            if ended:
                self._next, self._round = 0, self._round + 1
            if rescue not in first:
                yield rescue
            if ended:
                return


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
        self._turns = self._when_nothing  # of the last look
        self._all_read = 0  # looks in a row
        self._skipped = 0  # frames in a row
        self._left_unread = False

    def skips(self, change: Change) -> bool:
        """Takes in the next frame's change and says whether to skip it; to be asked once a frame, before anything else."""
        worth_it = self._left_unread and self._turns.first_round
        if change is Change.NONE and self._skip_unchanged and not worth_it and self._skipped < FORCED_EVERY - 1:
            self._skipped += 1
            return True
        if change is Change.ALL:
            for turns in (self._when_located, self._when_nothing, self._when_all_read):
                turns.forget()
        # Something that moves after stillness is a person who comes: begin with what pays most.
        if change is Change.ALL or (change is Change.SOME and self._skipped):
            self._when_located.restart()
            self._when_nothing.restart()
            self._all_read = 0
        self._skipped = 0
        return False

    def rescues(self, found: Found, work: Callable[[Rescue], float], *, glimpsed: bool = False) -> Iterator[Rescue]:
        """Yields the rescues of this look; those that are not asked for keep their turn.

        Args:
            found: what the plain look found.
            work: what each rescue would cost.
            glimpsed: whether it found a sign of a code whose place it cannot tell.
        """
        self._all_read = self._all_read + 1 if found.settled else 0
        self._left_unread = bool(found.located) or glimpsed
        if found.located:
            self._turns = self._when_located
        elif not found.settled:
            self._turns = self._when_nothing
        else:
            self._turns = self._when_all_read
            if not looks_beside(self._all_read):
                return self._turns.take_paid()
        return self._turns.take(work)

    def paid(self, rescue: Rescue) -> None:
        """Tells that a rescue of this look read something."""
        self._turns.paid(rescue)

    def read_all(self) -> None:
        """Tells that the rescues of this look read what was located."""
        self._left_unread = False
