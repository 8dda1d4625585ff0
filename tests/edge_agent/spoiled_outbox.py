"""An outbox with entries of every size, its inner pages several deep, and the bytes of it that damage has left of each entry."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from outbox_world import ROOMY
from sealed_examples import DAY, DAY_SEALING_KEY, DEVICE, PASSAGE, UNDATED_KEY, header

from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, Spot
from edge_agent.store.recorder import Recorder
from edge_agent.wire import envelope
from edge_agent.wire.entry import Kind, Note
from edge_agent.wire.envelope import envelope_hash
from edge_agent.wire.receipt import Range, Status

PAGE, WAL_HEAD, FRAME_HEAD = 1024, 32, 24  # on their own, so that the product's idea of a page is not taken for granted
SIDES = ("", "-wal")
UNDATED_SEALING_KEY = UNDATED_KEY.sealing_key()
_LONG = {1: 0, 2: 700, 3: 1700}  # letters in a note: padded to 512, 1024, 2048


def entry_at(spot: Spot, size_class: int, *, thick: bool) -> bytes:
    """A sealed entry of one of the three padded sizes; `thick` with the post-quantum key's 1120 bytes more."""
    key, sealing_key = (UNDATED_KEY, UNDATED_SEALING_KEY) if thick else (DAY, DAY_SEALING_KEY)
    body = PASSAGE if size_class == 1 else Note({"text": "x" * _LONG[size_class]})
    kind = Kind.PASSAGE if size_class == 1 else Kind.EVENT
    head = header(spot.seq, spot.prev, spot.log, kind, key, spot.predecessor)
    return envelope.make(head, body, sealing_key, DEVICE)


@dataclass(frozen=True)
class Made:
    """An outbox as a power cut leaves it, file and write-ahead log.

    Attributes:
        files: their bytes, by what their names end with.
        entries: all envelopes that were ever recorded, in order.
        forgotten: how many of the first of them the province has receipted.
    """

    files: Mapping[str, bytes]
    log: bytes
    entries: tuple[bytes, ...]
    forgotten: int

    @property
    def waiting(self) -> tuple[bytes, ...]:
        return self.entries[self.forgotten :]

    def laid_out(self, folder: Path) -> Path:
        """Writes it to a folder."""
        for side, data in self.files.items():
            (folder / f"{FILE_NAME}{side}").write_bytes(data)
        return folder / FILE_NAME


@cache
def outbox_of(entries: int, folded: int, forgotten: int) -> Made:
    """Records entries of mixed sizes, folds the first of them into the file, then forgets some."""
    rng = random.Random(entries)
    made: list[bytes] = []
    logs: set[bytes] = set()

    def keep(spot: Spot) -> bytes:
        logs.add(spot.log)
        made.append(entry_at(spot, rng.choice([1, 1, 2, 3]), thick=rng.random() < 0.4))
        return made[-1]

    with TemporaryDirectory() as folder, closing(Recorder(Path(folder) / FILE_NAME, ROOMY)) as recorder:
        recorder.connection.execute("PRAGMA synchronous=OFF")
        for place in range(entries):
            recorder.append(keep)
            if place + 1 == folded:
                recorder.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [log] = logs
        if forgotten:
            with closing(Forwarder(recorder.path)) as forwarder:
                forwarder.forget(log, Range(1, forgotten, envelope_hash(made[forgotten - 1]), Status.REGISTERED))
        files = {side: recorder.path.with_name(f"{FILE_NAME}{side}").read_bytes() for side in SIDES}
    return Made(files, log, tuple(made), forgotten)


# ── what is left ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _own_bytes(size: int) -> int:
    """How much of an entry lies on its row's own page: SQLite file format, 1.5 "B-tree Pages", for pages of 1024 bytes."""
    payload = size + 4
    most, least = PAGE - 35, (PAGE - 12) * 32 // 255 - 23
    own = least + (payload - least) % (PAGE - 4)
    return size if payload <= most else (own if own <= most else least) - 4


def _pages(data: dict[str, bytes]) -> dict[int, list[bytes]]:
    """Every version of every page that the damaged files hold, by its number."""
    found: dict[int, list[bytes]] = {}
    for at in range(0, len(data[""]), PAGE):
        found.setdefault(at // PAGE + 1, []).append(data[""][at : at + PAGE])
    for at in range(WAL_HEAD, len(data["-wal"]), FRAME_HEAD + PAGE):
        number = int.from_bytes(data["-wal"][at : at + 4])
        found.setdefault(number, []).append(data["-wal"][at + FRAME_HEAD : at + FRAME_HEAD + PAGE])
    return found


def _places(data: bytes, part: bytes) -> Iterator[int]:
    at = data.find(part)
    while at >= 0:
        yield at
        at = data.find(part, at + 1)


def _hangs_on(link: bytes, rest: bytes, pages: dict[int, list[bytes]]) -> bool:
    """Tells whether the pages that a link leads to hold the rest of an entry."""
    if not rest:
        return True
    part = rest[: PAGE - 4]
    return any(page[4:].startswith(part) and _hangs_on(page[:4], rest[len(part) :], pages) for page in pages.get(int.from_bytes(link), []))


def unharmed(path: Path, entries: tuple[bytes, ...]) -> list[bytes]:
    """The entries of which every piece, and what leads from one to the next, is still in the file or its write-ahead log."""
    data = {side: path.with_name(f"{path.name}{side}").read_bytes() for side in SIDES}
    pages, found = _pages(data), []
    for entry in entries:
        own = _own_bytes(len(entry))
        starts = ((side, at + own) for side in SIDES for at in _places(data[side], entry[:own]))
        if any(_hangs_on(data[side][end : end + 4], entry[own:], pages) for side, end in starts):
            found.append(entry)
    return found


# ── damage ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

Spoil = Callable[[bytearray, random.Random], None]


def flip(data: bytearray, rng: random.Random) -> None:
    """Single bits, anywhere."""
    for _ in range(rng.choice([1, 8, 64, 300])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _sectors(size: int, fill: Callable[[int, random.Random], bytes]) -> Spoil:
    def spoil(data: bytearray, rng: random.Random) -> None:
        for _ in range(rng.choice([1, 4, 20])):
            at = rng.randrange(-(-len(data) // size)) * size
            data[at : at + size] = fill(len(data[at : at + size]), rng)

    return spoil


def cut(data: bytearray, rng: random.Random) -> None:
    """The end is missing."""
    del data[rng.randrange(len(data)) :]


def first_page(data: bytearray, rng: random.Random) -> None:
    """The page with the file's head, and some bits."""
    data[:PAGE] = bytes(PAGE)
    flip(data, rng)


def inner_pages(data: bytearray, _rng: random.Random) -> None:
    """Every page that only leads to others: SQLite's mark of an interior page of a table is a 5."""
    for at in count(PAGE, PAGE):
        if at >= len(data):
            return
        if data[at] == 5:
            data[at : at + PAGE] = bytes(PAGE)


SPOILS: dict[str, Spoil] = {
    "bits flipped": flip,
    "sectors of zeros": _sectors(512, lambda size, _rng: bytes(size)),
    "blocks of zeros": _sectors(4096, lambda size, _rng: bytes(size)),
    "sectors of garbage": _sectors(512, lambda size, rng: rng.randbytes(size)),
    "cut": cut,
    "the first page": first_page,
    "the inner pages": inner_pages,
}
