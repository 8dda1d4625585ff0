"""Holds what people saw at the gates against what the province has: nothing lost, doubled, put down to another, made up or missing."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from chaos_world import ChaosGate, ChaosWorld
from crowd import Shown

from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import Kind, LogHead, Passage, decode_body
from edge_agent.wire.sealing import CannotOpen
from edge_agent.wire.topics import DeviceName
from firmware.person_codes import Person
from firmware.person_codes.national import bare_capitals
from province.base.layout import Layout
from province.joining.enrolling import Place
from province.keys import identifiers, wrapping
from province.keys.day_keys import DayKeys
from province.keys.identifiers import Identifier
from province.keys.keystore import Keystore
from province.records import views
from province.records.alerts import Alert
from province.store import database


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of the register, opened.

    Attributes:
        person: id number and name in its body; None where it is about the device.
        found: how many of the id numbers shown at the gates find this entry by token.
    """

    name: DeviceName
    log: bytes
    seq: int
    site: str
    gate: str
    status: str
    person: tuple[str, str] | None
    found: int


@dataclass
class Audit:
    """What does not hold, each thing in words; empty when all does."""

    greens: int = 0
    registered: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    misattributed: list[str] = field(default_factory=list)
    made_up: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    readable: list[str] = field(default_factory=list)

    def findings(self) -> dict[str, list[str]]:
        """By the words of the table."""
        return {
            "lost": self.lost, "duplicated": self.duplicated, "misattributed": self.misattributed, "made up": self.made_up,
            "chain not complete": self.gaps, "alerts": self.alerts, "names in logs": self.readable,
        }  # fmt: skip


def compare(shown: Sequence[Shown], rows: Sequence[Row], gates: Sequence[tuple[DeviceName, Place]]) -> Audit:
    """Compares people and register. Nobody is shown twice, so each has one entry at most."""
    audit = Audit(sum(one.green for one in shown), sum(row.person is not None for row in rows))
    by_spot = Counter((row.name, row.log, row.seq) for row in rows)
    audit.duplicated += [
        f"number {seq} of log {log.hex()} of {name} is there {n} times" for (name, log, seq), n in by_spot.items() if n > 1
    ]
    of_person: dict[str, list[Row]] = {}
    for row in rows:
        if row.person is not None:
            of_person.setdefault(row.person[0], []).append(row)
    for number, one in enumerate(shown):
        _judge(number, one, of_person.pop(one.person.id_number, []), gates[one.gate], audit)
    audit.made_up += [f"{_spot(row)} names somebody who showed no code" for strangers in of_person.values() for row in strangers]
    return audit


def _judge(number: int, one: Shown, rows: Sequence[Row], gate: tuple[DeviceName, Place], audit: Audit) -> None:
    who = f"person {number}, at {gate[0]} after {one.at_s:.1f} s, who saw {one.answer!r}"
    if one.green and not rows:
        audit.lost.append(f"{who}, told {_told(one)}")
    if not one.green and one.answer is not None and rows:
        audit.made_up.append(f"{who}: {_spot(rows[0])}")
    if len(rows) > 1:
        audit.duplicated.append(f"{who}: {', '.join(map(_spot, rows))}")
    for row in rows:
        right = (row.name, row.site, row.gate, row.person) == (gate[0], gate[1].site, gate[1].gate, (one.person.id_number, one.person.name))
        if not right or row.found != 1 or row.status != "registered" or one.told not in (None, (row.log, row.seq)):
            audit.misattributed.append(f"{who}, told {_told(one)}: {_spot(row)}, {row.status}, found {row.found} times")


def _told(one: Shown) -> str:
    return "nothing" if one.told is None else f"number {one.told[1]} of log {one.told[0].hex()}"


def _spot(row: Row) -> str:
    return f"number {row.seq} of log {row.log.hex()} of {row.name} at {row.site}, {row.gate}"


def read_rows(layout: Layout, people: Iterable[Person]) -> list[Row]:
    """The whole register, opened by the province's own keys, each entry also looked for by the tokens of all who came."""
    keystore = Keystore(layout.keystore)
    keys = {day: kept for day in keystore.epochs() if isinstance(kept := keystore.load(day), DayKeys)}
    numbers = [person.id_number for person in people]
    tokens = {identifiers.token(Identifier.ID_NUMBER, number, day.token_key) for day in keys.values() for number in numbers}
    with closing(database.connect(layout.register)) as connection:
        found = Counter(row["entry_id"] for row in connection.execute("SELECT token, entry_id FROM token") if bytes(row["token"]) in tokens)
        return [_row(row, keys, found) for row in connection.execute("SELECT * FROM entry ORDER BY id")]


def _row(row: sqlite3.Row, keys: Mapping[str, DayKeys], found: Counter[int]) -> Row:
    name = DeviceName(row["org"], row["device"])
    person = _person(row, name, keys) if row["kind"] in (Kind.PASSAGE, None) else None
    return Row(name, row["log"], row["seq"], row["site"], row["gate"], row["status"], person, found[row["id"]])


def _person(row: sqlite3.Row, name: DeviceName, keys: Mapping[str, DayKeys]) -> tuple[str, str]:
    """Who is in a passage's body; words that are nobody's number where it does not open."""
    try:
        about = wrapping.identity(name, row["log"], row["seq"], row["hash"])
        body = decode_body(Kind.PASSAGE, wrapping.unwrap(row["body"], about, keys[row["epoch"]].data_key))
    except (CannotOpen, Malformed, KeyError, TypeError):
        return "cannot be opened", ""
    return (body.person.id_number, body.person.name) if isinstance(body, Passage) else ("no passage", "")


def chain_flaws(
    states: Iterable[views.LogState], heads: Mapping[DeviceName, LogHead | None], ends: Mapping[DeviceName, LogHead]
) -> list[str]:
    """What keeps the chain from being complete.

    Args:
        states: the province's view of every log.
        heads: the head of each scanner's log now, None when its outbox cannot be read.
        ends: number and hash at which the province's ledger of that log ends.
    """
    flaws = [f"log {one.log.hex()} of {one.name}: gaps {one.gaps}, {one.forks} forks" for one in states if one.gaps or one.forks]
    return flaws + [
        f"{name}: its log ends at {'?' if head is None else (head.log.hex(), head.seq)}, the ledger's at {ends.get(name)}"
        for name, head in heads.items()
        if head is None or ends.get(name) != head
    ]


def _flaws(layout: Layout, gates: Sequence[ChaosGate]) -> tuple[list[str], list[Alert]]:
    heads = {gate.name: None if (backlog := gate.backlog()) is None else backlog.head for gate in gates}
    with closing(database.connect(layout.register)) as connection:
        spans = views.spans(connection)
        ends = {
            name: LogHead(head.log, spans[name, head.log][-1].last, spans[name, head.log][-1].last_hash)
            for name, head in heads.items()
            if head is not None and (name, head.log) in spans
        }
        return chain_flaws(views.logs(connection), heads, ends), views.alerts(connection)


def _words(text: str) -> list[str]:
    return [word.casefold() for word in re.findall(r"\w+", text)]


def telling_lines(text: str, people: Iterable[Person]) -> Iterator[int]:
    """The numbers of the lines that name any of many people: name, bare name, or a number of theirs."""
    numbers: set[str] = set()
    names: set[tuple[str, ...]] = set()
    for person in people:
        numbers |= {value for value in (person.id_number, person.old_id, person.phone, person.card_number) if value}
        names |= {tuple(_words(name)) for name in (person.name, bare_capitals(person.name))}
    lengths = {len(name) for name in names}
    for number, line in enumerate(text.splitlines(), 1):
        words = _words(line)
        windows = {tuple(words[at : at + length]) for length in lengths for at in range(len(words) - length + 1)}
        if windows & names or any(value in numbers for value in words):
            yield number


def audit(world: ChaosWorld, shown: Sequence[Shown]) -> Audit:
    """The whole audit, when everything has settled."""
    people = [one.person for one in shown]
    done = compare(shown, read_rows(world.layout, people), [(gate.name, gate.place) for gate in world.gates])
    done.gaps, alerts = _flaws(world.layout, world.gates)
    done.alerts = [
        f"{alert.kind} of {alert.name}, number {alert.seq} of log {alert.log.hex()}" for alert in alerts if not alert.resolved_ms
    ]
    for file in sorted(world.folder.rglob("*.log")):
        done.readable += [f"{file.relative_to(world.folder)}:{line}" for line in telling_lines(_read(file), people)]
    return done


def _read(file: Path) -> str:
    return file.read_text("utf-8", errors="replace")
