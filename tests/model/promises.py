"""What the model holds device and province to: the four promises, as far as somebody who sees everything can check them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from model_province import Province, Row

from edge_agent.wire.entry import NO_PREVIOUS, LogHead
from edge_agent.wire.envelope import SealedEntry
from edge_agent.wire.receipt import Receipt
from edge_agent.wire.topics import DeviceName
from firmware.person_codes import Person
from firmware.person_codes.person import Scheme
from province.collecting.fate import epoch_of
from province.proof.proving import Flaw

Number = tuple[DeviceName, bytes, int]
# long enough never to be found by chance in what is random or hexadecimal
_NAME, _ID, _PHONE, _BORN = "Nguyễn Thị Dấu Vết", "079199000", "0907070707", "1971-03-21"
_MARKS = tuple(text.encode(code) for text in (_NAME, _ID, _PHONE, _BORN) for code in ("utf-8", "utf-16-le"))


def marked_person(number: int) -> Person:
    """Somebody whose name, number, phone and birth date are found wherever they stand in clear."""
    return Person(Scheme.CCCD, f"{_ID}{number:03}", _NAME, _BORN, "female", phone=_PHONE)


def shows_somebody(data: bytes) -> bool:
    return any(mark in data for mark in _MARKS)


@dataclass
class Promises:
    """Everything that was promised, and what excuses a loss.

    Attributes:
        green: each entry whose answer was given, by hash.
        people: the id number in each.
        dropped: entries that were on a card that was overwritten, or on a device that was reset by number.
        gone: those of them that were nowhere else.
        covered: entries that a genuine receipt, handed to their device, names.
        first_again: from which number on a log may have two entries of one number, because its card was restored.
        closed: days whose keys are destroyed.
        scarred: devices of which something may be missing or forked.
    """

    green: dict[bytes, SealedEntry] = field(default_factory=dict)
    people: dict[bytes, str] = field(default_factory=dict)
    dropped: set[bytes] = field(default_factory=set)
    gone: set[bytes] = field(default_factory=set)
    covered: set[bytes] = field(default_factory=set)
    numbers: set[Number] = field(default_factory=set)
    first_again: dict[tuple[DeviceName, bytes], int] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    scarred: set[DeviceName] = field(default_factory=set)

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def recorded(self, made: SealedEntry, person: Person, head: LogHead | None, told: set[bytes]) -> None:
        """An entry is green. `head`: of the card before it; `told`: logs the card was told are forked."""
        header = made.header
        number = (header.name, header.log, header.seq)
        again = self.first_again.get((header.name, header.log))
        assert number not in self.numbers or (again is not None and header.seq >= again), f"number {header.seq} is given out again"
        assert header.log not in told, "a log goes on that the card was told is forked"
        if header.seq == 1:
            assert header.prev == NO_PREVIOUS
            assert header.predecessor == head, "a new log does not name the head before it"
        else:
            assert head == LogHead(header.log, header.seq - 1, header.prev), "an entry does not follow the card's last"
        self.numbers.add(number)
        self.green[made.hash], self.people[made.hash] = made, person.id_number

    def receipted(self, given: Receipt) -> None:
        """A genuine receipt reaches its device: the hash of a range's last entry pins the whole range."""
        for part in given.ranges:
            digest = part.last_hash
            for seq in range(part.last, part.first - 1, -1):
                entry = self.green[digest]
                assert (entry.header.name, entry.header.log, entry.header.seq) == (given.name, given.log, seq), (
                    "a receipt names another entry"
                )
                self.covered.add(digest)
                digest = entry.header.prev

    def card_lost(self, name: DeviceName, entries: Iterable[bytes], registered: Iterable[bytes]) -> None:
        """What a card had is not on it any more."""
        self.dropped |= set(entries)
        self.gone |= set(entries) - set(registered)
        self.scarred.add(name)

    def card_restored(self, name: DeviceName, head: LogHead | None) -> None:
        """Numbers past the image's head will be used again."""
        for of_name, log, _seq in self.numbers:
            if of_name == name:
                known = head is not None and log == head.log
                least = head.seq + 1 if known and head is not None else 1
                self.first_again[name, log] = min(self.first_again.get((name, log), least), least)
        self.scarred.add(name)

    # ── what must hold after every step ──────────────────────────────────────────────────────────────────────────────────────────

    def check(self, province: Province, waiting: Mapping[DeviceName, Mapping[bytes, SealedEntry]]) -> None:
        rows = province.rows()
        self._check_register(rows)
        registered = {row.hash for row in rows}
        for name, entries in waiting.items():
            assert all(digest in self.green and entry.header.name == name for digest, entry in entries.items()), (
                "an outbox holds what nobody made"
            )
        waits = {digest for entries in waiting.values() for digest in entries}
        forgotten = self.green.keys() - waits - self.gone
        assert forgotten <= self.covered | self.dropped, "an entry was forgotten that no receipt names"
        missing = [self.green[digest] for digest in forgotten - registered]
        counted = {name: province.counted(name) for name in {entry.header.name for entry in missing}}
        for entry in missing:
            header = entry.header
            cleared = epoch_of(header.key_id) in self.closed and header.seq in counted[header.name].get(header.log, set())
            assert cleared, f"entry {header.seq} of {header.name}, seen green, is neither in the outbox nor registered"
        assert province.own_faults() == 0

    def _check_register(self, rows: list[Row]) -> None:
        assert len({row.hash for row in rows}) == len(rows), "an entry is registered twice"
        for row in rows:
            made = self.green.get(row.hash)
            assert made is not None, "something is registered that no device made"
            assert (row.name, row.log, row.seq) == (made.header.name, made.header.log, made.header.seq), "registered under another name"
        forks: dict[Number, int] = {}
        for row in rows:
            forks[row.name, row.log, row.seq] = forks.get((row.name, row.log, row.seq), 0) + 1
        for (name, log, seq), times in forks.items():
            again = self.first_again.get((name, log))
            assert times == 1 or (again is not None and seq >= again), "two entries of one number are registered"

    # ── what must hold when all is delivered ─────────────────────────────────────────────────────────────────────────────────────

    def check_settled(self, province: Province) -> None:
        rows = province.rows()
        for row in rows:
            if row.status == "registered":
                assert province.person_of(row) in (self.people[row.hash], None), "registered as somebody else"
        for name in {entry.header.name for entry in self.green.values()}:
            self._check_counted(name, province)
            if name not in self.scarred:
                flaws = {finding.flaw for finding in province.judged(name)} - {Flaw.OPEN_END}
                assert not flaws, f"of an honest scanner the province finds {flaws}"

    def _check_counted(self, name: DeviceName, province: Province) -> None:
        """The ledger has every number that was delivered, and no other."""
        counted = province.counted(name)
        of_name = [entry for entry in self.green.values() if entry.header.name == name]
        kept = {(entry.header.log, entry.header.seq) for entry in of_name if entry.hash not in self.gone}
        made = {(entry.header.log, entry.header.seq) for entry in of_name}
        found = {(log, seq) for log, numbers in counted.items() for seq in numbers}
        assert kept <= found <= made, "the ledger does not say what was delivered"
