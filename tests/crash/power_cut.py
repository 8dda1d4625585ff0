"""Cuts the power: at every boundary between two changes of the disk, in each of many ways, everything that is not certain may be lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from disk_model import Disk, File, Image, Pick
from system_calls import Call

MARK = 1  # the descriptor on which the traced process says what it promises from now on


def _oldest(_number: int, _count: int) -> int:
    return 0


def _newest(_number: int, count: int) -> int:
    return count - 1


@dataclass(frozen=True, slots=True)
class _Luck:
    """What one cut does to each file and each change of names."""

    pick: Callable[[File, random.Random], Pick]
    names: Callable[[int, random.Random], list[bool]]
    grown: bool = False


def _all_old(_file: File, _chance: random.Random) -> Pick:
    return _oldest


def _all_new(_file: File, _chance: random.Random) -> Pick:
    return _newest


def _sectors(file: File) -> list[int]:
    return sorted({number for era in file.eras for number in era.contents})


def _torn(file: File, chance: random.Random) -> Pick:
    """The first sectors are new, the rest is old."""
    numbers = _sectors(file)
    edge = chance.choice(numbers) if numbers else 0
    return lambda number, count: count - 1 if number < edge else 0


def _reordered(file: File, chance: random.Random) -> Pick:
    """The last sectors are new, the ones before them old: the drive wrote backwards."""
    numbers = _sectors(file)
    edge = chance.choice(numbers) if numbers else 0
    return lambda number, count: count - 1 if number >= edge else 0


def _holed(file: File, chance: random.Random) -> Pick:
    """All is new but one sector."""
    numbers = _sectors(file)
    hole = chance.choice(numbers) if numbers else -1
    return lambda number, count: 0 if number == hole else count - 1


def _page_holed(file: File, chance: random.Random) -> Pick:
    """All is new but one page of 4096 bytes: what the kernel writes back at once."""
    numbers = _sectors(file)
    hole = chance.choice(numbers) // 8 if numbers else -1
    return lambda number, count: 0 if number // 8 == hole else count - 1


def _scattered(file: File, chance: random.Random) -> Pick:
    """Each sector has any of its contents."""
    chosen = {number: chance.random() for number in _sectors(file)}
    return lambda number, count: int(chosen[number] * count)


def _none(count: int, _chance: random.Random) -> list[bool]:
    return [False] * count


def _every(count: int, _chance: random.Random) -> list[bool]:
    return [True] * count


def _first(count: int, chance: random.Random) -> list[bool]:
    edge = chance.randint(0, count)
    return [place < edge for place in range(count)]


def _some(count: int, chance: random.Random) -> list[bool]:
    return [chance.random() < 0.5 for _ in range(count)]


WAYS: dict[str, _Luck] = {
    "nothing": _Luck(_all_old, _none),
    "everything": _Luck(_all_new, _every, grown=True),
    "names without bytes": _Luck(_all_old, _every),
    "bytes without names": _Luck(_all_new, _none, grown=True),
    "sizes without bytes": _Luck(_all_old, _every, grown=True),
    "torn": _Luck(_torn, _every),
    "written backwards": _Luck(_reordered, _first),
    "one sector missing": _Luck(_holed, _every),
    "one page missing": _Luck(_page_holed, _every, grown=True),
    "scattered": _Luck(_scattered, _some),
    "scattered, grown": _Luck(_scattered, _some, grown=True),
}


@dataclass(frozen=True, slots=True)
class Cut:
    """One power cut: where, how, what is left, and what had been promised before.

    Attributes:
        boundary: how many changes had been made.
        promises: the marks until then.
        fingerprint: the same for cuts that leave the same, with the same promised.
    """

    boundary: int
    way: str
    image: Image
    promises: tuple[bytes, ...]
    fingerprint: bytes


def _image(disk: Disk, luck: _Luck, chance: random.Random) -> Image:
    def left_of(file: File) -> bytes:
        era = chance.choice(file.eras) if luck.pick not in (_all_old, _all_new) else file.eras[0 if luck.pick is _all_old else -1]
        return era.left(luck.pick(file, chance), grown=luck.grown)

    return disk.left(luck.names(len(disk.renamings), chance), left_of)


def _fingerprint(image: Image, promises: list[bytes]) -> bytes:
    digest = blake2b(digest_size=16)
    for path, data in sorted(image.items()):
        digest.update(path.encode() + b"\0")
        digest.update(b"/" if data is None else b"=" + len(data).to_bytes(8, "big") + data)
    for promise in promises:
        digest.update(promise)
    return digest.digest()


def steps(calls: list[Call], disk: Disk) -> Iterator[bytes | None]:
    """Plays calls up to each boundary: after each change of the disk (None), and after each mark (what it says)."""
    for call in calls:
        if call.name == "write" and call.number(0) == MARK:
            yield call.data()
        elif disk.play(call):
            yield None


@dataclass(frozen=True, slots=True)
class Trace:
    """What a process did in a folder of its own.

    Attributes:
        root: the folder.
        before: what was in it, to stay, and what had been promised.
        bundles: what the device was enrolled with.
    """

    scenario: str
    calls: list[Call]
    root: str
    before: Image = field(default_factory=dict)
    promises: tuple[bytes, ...] = ()
    bundles: tuple[Path, ...] = ()

    def disk(self) -> Disk:
        """The folder at first."""
        return Disk(self.root, self.before)


def cuts(trace: Trace, seed: int, part: tuple[int, int] = (0, 1)) -> Iterator[Cut]:
    """Every boundary in every way; two cuts that leave the same, with the same promised, count once.

    Args:
        trace: what to cut.
        seed: of what is left to chance.
        part: (n, of): only every `of`-th boundary, beginning with the n-th.
    """
    disk, promises = trace.disk(), list(trace.promises)
    seen: set[bytes] = set()
    for boundary, mark in enumerate(steps(trace.calls, disk), 1):
        if mark is not None:
            promises.append(mark)
        for way, luck in WAYS.items() if boundary % part[1] == part[0] else ():
            image = _image(disk, luck, random.Random(f"{seed} {boundary} {way}"))
            fingerprint = _fingerprint(image, promises)
            if fingerprint not in seen:
                seen.add(fingerprint)
                yield Cut(boundary, way, image, tuple(promises), fingerprint)
