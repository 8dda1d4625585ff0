"""A release on its way to many scanners: a few first, more when those are well, none any more when too many are not. Pure, and its file.

What is decided is a function of what is known, so that whoever is killed in the middle goes on with the same file to the same end. Which
scanners come first is drawn from release and name: another release begins with others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from math import ceil
from pathlib import Path

import msgspec

from edge_agent.wire.results import Refusal
from edge_agent.wire.topics import DeviceName
from province.base.errors import NotAProvince, ProvinceError
from province.base.files import keep_folder, write_atomically
from province.base.layout import Layout

_NOT_BEGUN = {str(Refusal.EXPIRED), str(Refusal.BUSY), str(Refusal.WRONG_LOG), "expired", "not-reached"}  # says nothing about the release


class Phase(StrEnum):
    """How a rollout stands."""

    RUNNING = "running"
    HALTED = "halted"  # by itself; `resume` goes on
    ABORTED = "aborted"  # by somebody, for good
    DONE = "done"


class Came(StrEnum):
    """What came of it at one scanner."""

    WAITING = "waiting"  # not ordered yet
    ORDERED = "ordered"
    UPDATED = "updated"
    UNWELL = "unwell"  # updated, and then something was wrong with it
    FAILED = "failed"
    AWAY = "away"  # it never began: it may be ordered again


BAD = {Came.FAILED, Came.UNWELL}


class One(msgspec.Struct):
    """One scanner of a rollout.

    Attributes:
        counter: of the command it was sent last, 0 before.
        at_ms: when that came out, or when it was sent.
    """

    came: Came = Came.WAITING
    counter: int = 0
    why: str = ""
    at_ms: int = 0


class Rules(msgspec.Struct, frozen=True):
    """How a rollout goes.

    Attributes:
        stages: percent of all, rising to 100.
        most_failed_percent: of those that had their turn; above it, it halts.
        enough_percent: halts when fewer of them were reached and updated.
        soak_s: so long a stage must be well before the next begins.
    """

    stages: tuple[int, ...] = (1, 10, 50, 100)
    most_failed_percent: float = 5.0
    enough_percent: float = 80.0
    soak_s: int = 600


class Rollout(msgspec.Struct):
    """A rollout as its file holds it.

    Attributes:
        release: its name, 64 hex digits.
        software: its version.
        org: the one organisation; empty for all.
        address: where scanners fetch it.
        names: all scanners, those that come first first.
        stage: which of the rules' stages it is in.
        passed_ms: when all of this stage had answered; 0 before.
    """

    release: str
    software: str
    org: str
    address: str
    rules: Rules
    begun_ms: int
    names: list[str]
    ones: dict[str, One]
    phase: Phase = Phase.RUNNING
    stage: int = 0
    passed_ms: int = 0
    why: str = ""

    def batch(self) -> list[str]:
        """The scanners that have their turn in this stage or had it before."""
        return self.names[: ceil(len(self.names) * self.percent / 100)]

    @property
    def percent(self) -> int:
        """Of all, in this stage."""
        return self.rules.stages[self.stage]

    def counts(self, names: Iterable[str] | None = None) -> dict[str, int]:
        """How many came to what."""
        found = [self.ones[name].came for name in (self.names if names is None else names)]
        return {came: found.count(came) for came in Came if came in found}


def ordered(release: str, names: Iterable[DeviceName]) -> list[str]:
    """Scanners in the order in which they come, the same each time.

    Example:
        >>> names = [DeviceName("bus-co", f"xe-{number}") for number in range(3)]
        >>> ordered("a" * 64, names) == ordered("a" * 64, reversed(names))
        True
    """
    return sorted(map(str, names), key=lambda name: (sha256(f"{release} {name}".encode()).digest(), name))


def begun(known: tuple[str, str], names: Sequence[DeviceName], org: str, address: str, rules: Rules, now_ms: int) -> Rollout:
    """A new rollout.

    Args:
        known: the release's name and version.
        names: whom to update.
        org: see `Rollout`.
        address: see `Rollout`.
        rules: how it goes.
        now_ms: milliseconds since 1970 UTC.

    Raises:
        ValueError: the stages do not rise to 100, or there is nobody.
    """
    stages = rules.stages
    if not names:
        raise ValueError("nobody to update")
    if list(stages) != sorted(set(stages)) or stages[-1] != 100 or stages[0] < 1:
        raise ValueError("stages are percents that rise and end with 100")
    order = ordered(known[0], names)
    return Rollout(*known, org, address, rules, now_ms, order, {name: One() for name in order})


def note(rollout: Rollout, name: str, counter: int, state: str, reason: str, detail: str, now_ms: int) -> None:
    """Takes in what a scanner said of its update; what is not about the command it was sent last is passed over."""
    one = rollout.ones.get(name)
    if one is None or one.came is not Came.ORDERED or one.counter != counter:
        return
    came = {"successful": Came.UPDATED, "failed": Came.FAILED, "refused": Came.FAILED}.get(state)
    if came is None:
        return
    if came is Came.FAILED and reason in _NOT_BEGUN:
        came = Came.AWAY
    one.came, one.why, one.at_ms = came, f"{reason}: {detail}"[:300] if reason else "", now_ms


def note_unwell(rollout: Rollout, troubles: Mapping[str, str], now_ms: int) -> None:
    """Takes in what is wrong now with scanners that were updated in this stage."""
    for name in rollout.batch():
        one = rollout.ones[name]
        if one.came is Came.UPDATED and name in troubles:
            one.came, one.why, one.at_ms = Came.UNWELL, troubles[name][:300], now_ms


def judge(rollout: Rollout, now_ms: int) -> None:
    """Halts it, lets it wait, takes it to its next stage, or ends it."""
    if rollout.phase is not Phase.RUNNING:
        return
    batch = rollout.batch()
    came = [rollout.ones[name].came for name in batch]
    bad = sum(each in BAD for each in came)
    if bad * 100 > rollout.rules.most_failed_percent * len(batch):
        whom = next(name for name in batch if rollout.ones[name].came in BAD)
        rollout.phase = Phase.HALTED
        rollout.why = f"{bad} of {len(batch)} came to nothing or are unwell with it, the first: {whom}: {rollout.ones[whom].why}"
        return
    if any(each in {Came.WAITING, Came.ORDERED} for each in came):
        return
    updated = came.count(Came.UPDATED)
    if updated * 100 < rollout.rules.enough_percent * len(batch):
        rollout.phase, rollout.why = Phase.HALTED, f"only {updated} of {len(batch)} were reached and updated"
        return
    if not rollout.passed_ms:
        rollout.passed_ms = now_ms
    if now_ms - rollout.passed_ms < rollout.rules.soak_s * 1000:
        return
    if rollout.stage + 1 == len(rollout.rules.stages):
        rollout.phase = Phase.DONE
    else:
        rollout.stage, rollout.passed_ms = rollout.stage + 1, 0


def due(rollout: Rollout) -> list[str]:
    """Whom to order it now."""
    return [name for name in rollout.batch() if rollout.ones[name].came is Came.WAITING] if rollout.phase is Phase.RUNNING else []


def outstanding(rollout: Rollout) -> list[str]:
    """Who was ordered it and has not ended."""
    return [name for name in rollout.names if rollout.ones[name].came is Came.ORDERED]


def give_up(rollout: Rollout, before_ms: int, now_ms: int) -> None:
    """Counts those as away whose command has expired without a word."""
    for name in outstanding(rollout):
        one = rollout.ones[name]
        if one.at_ms < before_ms:
            one.came, one.why, one.at_ms = Came.AWAY, "never answered", now_ms


def resume(rollout: Rollout) -> None:
    """Goes on after a halt: those that were away or failed have their turn once more.

    Raises:
        ValueError: it is over.
    """
    if rollout.phase not in {Phase.HALTED, Phase.RUNNING}:
        raise ValueError(f"it is {rollout.phase}")
    for one in rollout.ones.values():
        if one.came in {Came.AWAY, *BAD}:
            one.came, one.why = Came.WAITING, ""
    rollout.phase, rollout.why, rollout.passed_ms = Phase.RUNNING, "", 0


# ── the file ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def file_of(layout: Layout, release: str, org: str) -> Path:
    """Where a rollout is kept."""
    return layout.rollouts / f"{release[:12]}{'.' + org if org else ''}.json"


def abort(layout: Layout, going: Rollout) -> None:
    """Ends it for good, also where another process works on it now: that one sees it before it orders anything more.

    Raises:
        ProvinceError: it cannot be written.
    """
    file = _aborted(file_of(layout, going.release, going.org))
    try:
        write_atomically(file, b"")
    except OSError as error:
        raise ProvinceError(f"{file}: cannot be written ({error.strerror}). Make room, and abort it again.") from None


def is_aborted(layout: Layout, going: Rollout) -> bool:
    """Whether somebody has ended it."""
    return _aborted(file_of(layout, going.release, going.org)).exists()


def _aborted(file: Path) -> Path:
    return file.with_suffix(".aborted")


def save(layout: Layout, rollout: Rollout) -> None:
    """Keeps it, on the disk when this returns.

    Raises:
        ProvinceError: it cannot be written; whatever goes on must end.
    """
    file = file_of(layout, rollout.release, rollout.org)
    try:
        keep_folder(layout.rollouts)
        write_atomically(file, msgspec.json.encode(rollout))
    except OSError as error:
        raise ProvinceError(f"{file}: cannot be written ({error.strerror}). Make room; then: gate-province rollout resume") from None


def load(file: Path) -> Rollout:
    """A rollout from its file.

    Raises:
        NotAProvince: it cannot be read.
    """
    try:
        going = msgspec.json.decode(file.read_bytes(), type=Rollout)
    except (OSError, msgspec.DecodeError) as error:
        raise NotAProvince(f"{file}: cannot be read as a rollout ({type(error).__name__}).") from None
    if _aborted(file).exists():
        going.phase, going.why = Phase.ABORTED, "by an operator"
    return going


def every(layout: Layout) -> list[Rollout]:
    """All of them, the newest first."""
    return sorted((load(file) for file in layout.rollouts.glob("*.json")), key=lambda each: -each.begun_ms)
