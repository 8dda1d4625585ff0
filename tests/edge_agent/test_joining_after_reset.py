"""Whatever a device was when it was reset, it can be somebody again, by ticket and by bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from joining_scenarios import GATES, join_at
from real_broker import Authority, bundle, write_bundle
from sealed_examples import NAME, filled

from edge_agent.device import device_keys, identity
from edge_agent.device.documents import FILE_NAME as DOCUMENTS
from edge_agent.enrolment import enrol
from edge_agent.enrolment.reset import Done, reset
from edge_agent.store.outbox import FILE_NAME
from edge_agent.wire import envelope
from edge_agent.wire.entry import LogHead

GOOD = bundle(Authority(), 8883) | {"gate": GATES[0]}


def by_bundle(state: Path) -> None:
    enrol.install(enrol.read_bundle(write_bundle(state.parent, GOOD)), state)


def by_ticket(state: Path) -> None:
    join_at(GATES[0], state)


def labelled(state: Path) -> None:
    device_keys.load_or_make(state)


def torn(state: Path) -> None:
    by_bundle(state)
    for suffix in ("", ".previous"):
        (state / (DOCUMENTS + suffix)).write_bytes(b"torn")


def worked(state: Path) -> LogHead:
    """Two entries, and the end of their log."""
    made = filled(state / FILE_NAME, 2)
    return LogHead(envelope.peek(made[0]).header.log, 2, envelope.envelope_hash(made[1]))


@pytest.mark.parametrize("join", [by_ticket, by_bundle])
@pytest.mark.parametrize("new_keys", [False, True])
@pytest.mark.parametrize("was, told", [(labelled, "nobody"), (torn, "nobody"), (by_bundle, str(NAME)), (by_ticket, str(NAME))])
def test_it_joins_after_every_kind_of_reset(
    tmp_path: Path, was: Callable[[Path], None], told: str, new_keys: bool, join: Callable[[Path], None]
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    was(state)
    last = worked(state) if was is not labelled else None
    for discarded in (2 if last else 0, 0):
        assert reset(state, discard=discarded, new_keys=new_keys) == Done(told, discarded)
    join(state)
    who = identity.load(state)
    assert (who.name, who.gate) == (NAME, GATES[0])
    first = envelope.peek(filled(state / FILE_NAME, 1)[0]).header
    assert (first.seq, first.predecessor) == (1, last), "the same name goes on where its last log ended"
