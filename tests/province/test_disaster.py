"""The register is lost with its disk and put back from a backup: what scanners still hold comes again, what was erased stays so.

Real outboxes, real receipts: a scanner forgets exactly what was receipted. The register is a file or a server's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from old_province import arrive, here, key_of, rows
from postgres_world import Server
from province_world import ANYONE, Log, Scanner, passage, scanner

from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, Spot
from edge_agent.store.recorder import Recorder
from edge_agent.wire import receipt
from edge_agent.wire.authority import Power
from edge_agent.wire.entry import RecordedPerson
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting.collector import receipts
from province.keys.officers import load_officer
from province.records import views
from province.store import database

STAYS = RecordedPerson("cccd", "079088011122", "Trần Thị Xa Lạ")


class Gate:
    """A scanner with its outbox: firmware records, the agent carries."""

    def __init__(self, layout: Layout, device: Scanner, folder: Path) -> None:
        self._layout = layout
        self._device = device
        folder.mkdir()
        self.recorder = Recorder(folder / FILE_NAME, 10**8)
        self.forwarder = Forwarder(folder / FILE_NAME)

    def close(self) -> None:
        self.forwarder.close()
        self.recorder.close()

    def record(self, *people: RecordedPerson) -> None:
        for person in people:
            self.recorder.append(lambda spot, person=person: self._sealed(spot, person))  # type: ignore[misc]

    def _sealed(self, spot: Spot, person: RecordedPerson) -> bytes:
        log = Log(self._device, spot.log, spot.seq - 1, spot.prev)
        return log.append(passage(person), key_of(self._layout, 0).keys[0], predecessor=spot.predecessor)

    def holds(self) -> list[bytes]:
        return [waiting.envelope for waiting in self.forwarder.page(0, 1000)]

    def deliver(self, most: int, *, receipts_arrive: bool = True) -> None:
        """Carries the oldest entries to the register; the receipts come back, or are lost on the way."""
        stored = arrive(self._layout, self._device, self.holds()[:most])
        for message in receipts(stored, now_ms(), load_officer(self._layout, Power.RECEIPTS)) if receipts_arrive else ():
            given = receipt.verify(message.payload, self._device.root, self._device.name, now_ms())
            for part in given.ranges:
                self.forwarder.forget(given.log, part)


@pytest.fixture
def layout(old_layout: Layout) -> Layout:
    return old_layout


@pytest.fixture
def gate(layout: Layout, tmp_path: Path) -> Iterator[Gate]:
    made = Gate(layout, scanner(layout, tmp_path), tmp_path / "state")
    with closing(made):
        yield made


@pytest.fixture
def somewhere(layout: Layout, request: pytest.FixtureRequest) -> list[str]:
    """What `restore` is told besides: for a register on a server, an empty database."""
    if database.elsewhere(layout.register) is None:
        return []
    server: Server = request.getfixturevalue("postgres")
    return ["--database", server.database()]


def lose(layout: Layout, request: pytest.FixtureRequest) -> None:
    """The register's disk is gone; the keystore is on another."""
    for file in layout.root.glob("register.sqlite*"):
        file.unlink()
    if (url := database.elsewhere(layout.register)) is not None:
        server: Server = request.getfixturevalue("postgres")
        server.drop(url)


def numbers(layout: Layout) -> list[object]:
    return sorted(row["seq"] for row in rows(layout))  # type: ignore[type-var]


def test_nothing_is_lost_that_scanners_still_hold_and_what_is_lost_is_named(
    layout: Layout, gate: Gate, tmp_path: Path, somewhere: list[str], request: pytest.FixtureRequest
) -> None:
    gate.record(*[STAYS] * 8)
    gate.deliver(8)
    assert here("store", "backup", layout.root, tmp_path / "backup").returncode == 0
    gate.record(*[STAYS] * 12)
    gate.deliver(4)  # 9 to 12: receipted after the backup, and forgotten
    gate.deliver(4, receipts_arrive=False)  # 13 to 16: stored, but the scanner never hears of it
    assert (numbers(layout), len(gate.holds())) == (list(range(1, 17)), 8)

    lose(layout, request)
    ran = here("store", "restore", layout.root, tmp_path / "backup", *somewhere)
    assert ran.returncode == 0, ran.stderr
    assert numbers(layout) == list(range(1, 9))
    gate.deliver(100)
    assert (numbers(layout), gate.holds()) == ([*range(1, 9), *range(13, 21)], [])
    with closing(database.connect(layout.register)) as connection:
        [state] = views.logs(connection)
        assert (state.gaps, state.forks) == (((9, 12),), 0)
    gate.record(*[STAYS] * 3)
    gate.deliver(100)
    assert numbers(layout)[-3:] == [21, 22, 23]


def test_who_was_erased_stays_erased_though_a_scanner_sends_them_again(
    layout: Layout, gate: Gate, tmp_path: Path, somewhere: list[str], request: pytest.FixtureRequest
) -> None:
    gate.record(ANYONE, STAYS)
    gate.deliver(2)
    assert here("store", "backup", layout.root, tmp_path / "backup").returncode == 0
    gate.record(ANYONE, STAYS)
    gate.deliver(2, receipts_arrive=False)
    erased = here("subject", "erase", layout.root, "--id", ANYONE.id_number, "--reason", "request 1", "--yes")
    assert erased.returncode == 0, erased.stderr

    lose(layout, request)
    assert here("store", "restore", layout.root, tmp_path / "backup", *somewhere).returncode == 0
    gate.deliver(100)
    assert (numbers(layout), gate.holds()) == ([1, 2, 3, 4], [])
    for who, passages in ((ANYONE, 0), (STAYS, 2)):
        found = here("find", layout.root, "--id", who.id_number, "--reason", "case 7")
        assert (found.returncode, f"{passages} passages" in found.stdout) == (0, True), found.stdout + found.stderr
    bodies = {row["seq"]: row["body"] is None for row in rows(layout)}
    assert bodies == {1: True, 2: False, 3: True, 4: False}
    assert {row["entry_id"] for row in rows(layout, "token")} == {row["id"] for row in rows(layout) if row["body"] is not None}
