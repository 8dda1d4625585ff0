"""Collectors side by side: the broker deals entries out among them, one register takes all, and one that dies takes nothing with it."""

from __future__ import annotations

import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from province_world import WAIT_S, Broker, Collecting, Log, Session, cli, scanner, session, wait_for_keyring

from edge_agent.wire.receipt import Status
from province.base.layout import Layout

_ROUND, _ROUNDS = 40, 25


def numbered(layout: Layout, number: int) -> Collecting:
    words = ("collect", str(layout.root), "--number", str(number), "--events", "--verbose")
    return Collecting(layout, (sys.executable, "-m", "province", *words))


@pytest.fixture
def _broker(layout: Layout) -> Iterator[None]:
    with Broker(layout):
        yield


def registered(layout: Layout) -> tuple[int, int]:
    """How many rows, and how many different entries."""
    with closing(sqlite3.connect(layout.register)) as connection:
        rows, entries = connection.execute("SELECT count(*), count(DISTINCT hash) FROM entry").fetchone()
    return rows, entries


def deliver_until_both_work(connected: Session, log: Log, collectors: list[Collecting]) -> None:
    """A collector's subscription is in force a moment after it is connected: until then the other gets everything."""
    for _ in range(_ROUNDS):
        ranges = connected.deliver(*(log.append() for _ in range(_ROUND)))
        assert {part.status for part in ranges} == {Status.REGISTERED}
        if not any(one.events.empty() for one in collectors):
            return
    raise AssertionError(f"one has got nothing of {_ROUND * _ROUNDS} entries")


@pytest.mark.usefixtures("_broker")
def test_two_share_the_work_and_one_that_is_killed_takes_nothing_with_it(layout: Layout, tmp_path: Path) -> None:
    device, witness = scanner(layout, tmp_path), scanner(layout, tmp_path, "witness")
    log = Log.new(device)
    with ExitStack() as stack:
        collectors = [stack.enter_context(numbered(layout, number)) for number in (1, 2)]
        connected = stack.enter_context(session(device))
        wait_for_keyring(witness)
        deliver_until_both_work(connected, log, collectors)
        assert registered(layout) == (log.seq, log.seq)

        first = log.seq + 1
        made = [log.append() for _ in range(_ROUND)]
        collectors[0].process.send_signal(signal.SIGKILL)
        connected.send(*made)
        collectors[0].process.wait(WAIT_S)
        covered: set[int] = set()
        while not covered >= set(range(first, log.seq + 1)):  # what was dealt to the dead one comes again from the device
            connected.send(*made)
            covered |= {seq for part in connected.next_receipt().ranges for seq in range(part.first, part.last + 1)}
        assert registered(layout) == (log.seq, log.seq)


@pytest.mark.usefixtures("_broker")
def test_each_needs_a_number_of_its_own(layout: Layout) -> None:
    with numbered(layout, 2) as collecting:
        collecting.wait_until_logged("connected to the broker")
        again, unknown = (cli("collect", layout.root, "--number", number) for number in (2, 9))
    assert (again.returncode, "another collector" in again.stderr, "--number" in again.stderr) == (1, True, True)
    assert (unknown.returncode, "Traceback" in unknown.stderr) == (2, False)
