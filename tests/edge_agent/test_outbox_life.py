"""The outbox through any order of events, held against a list and a dict."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule
from outbox_world import ROOMY, exact
from sealed_examples import scribbled_at

from edge_agent.store.forwarder import Forgotten, Forwarder
from edge_agent.store.outbox import FILE_NAME, Recorded, Spot
from edge_agent.store.recorder import Recorder
from edge_agent.wire.entry import NO_PREVIOUS, LogHead
from edge_agent.wire.envelope import envelope_hash
from edge_agent.wire.receipt import Range, Status


class Life(RuleBasedStateMachine):
    """An outbox and its two users, against a list and a dict."""

    entries = Bundle("entries")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / FILE_NAME
        self.recorder = Recorder(self.path, ROOMY)
        self.forwarder = Forwarder(self.path)
        self.waiting: dict[tuple[bytes, int], bytes] = {}
        self.spots: list[Spot] = []
        self.head: Recorded | None = None
        self.must_fork = False

    def teardown(self) -> None:
        self.recorder.close()
        self.forwarder.close()
        self.folder.cleanup()

    @rule(target=entries, size=st.integers(32, 900))
    def append(self, size: int) -> Recorded:
        seen: list[tuple[Spot, bytes]] = []

        def build(spot: Spot) -> bytes:
            seen.append((spot, scribbled_at(spot, size)))
            return seen[-1][1]

        recorded = self.recorder.append(build)
        [(spot, envelope)] = seen
        assert (recorded.log, recorded.seq, recorded.hash) == (spot.log, spot.seq, envelope_hash(envelope))
        self._check_link(spot)
        self.waiting[recorded.log, recorded.seq] = envelope
        self.spots.append(spot)
        self.head, self.must_fork = recorded, False
        return recorded

    def _check_link(self, spot: Spot) -> None:
        assert (spot.log, spot.seq) not in {(before.log, before.seq) for before in self.spots}
        if self.head is None:
            assert (spot.seq, spot.prev, spot.predecessor) == (1, NO_PREVIOUS, None)
        elif spot.log == self.head.log:
            assert not self.must_fork
            assert (spot.seq, spot.prev, spot.predecessor) == (self.head.seq + 1, self.head.hash, None)
        else:
            assert (spot.seq, spot.prev) == (1, NO_PREVIOUS)
            assert spot.predecessor == LogHead(self.head.log, self.head.seq, self.head.hash)

    @rule()
    def build_fails(self) -> None:
        def build(_spot: Spot) -> bytes:
            raise KeyError

        with pytest.raises(KeyError):
            self.recorder.append(build)

    @rule(entry=entries, back=st.integers(0, 6), forked=st.booleans())
    def receipt(self, entry: Recorded, back: int, forked: bool) -> None:
        first = max(1, entry.seq - back)
        gone = self.forwarder.forget(entry.log, exact(entry, first, forked=forked))
        if (entry.log, entry.seq) not in self.waiting:
            assert gone == Forgotten(0, -1)
            return
        mine = [(entry.log, seq) for seq in range(first, entry.seq + 1) if (entry.log, seq) in self.waiting]
        assert (gone.entries, gone.last - gone.first, gone.mismatch) == (len(mine), entry.seq - first, False)
        for key in mine:
            del self.waiting[key]
        self.must_fork |= forked and self.head is not None and entry.log == self.head.log

    @rule(entry=entries, other=st.binary(min_size=32, max_size=32))
    def receipt_of_other_bytes(self, entry: Recorded, other: bytes) -> None:
        gone = self.forwarder.forget(entry.log, replace(exact(entry, 1, forked=True), last_hash=other))
        assert gone == Forgotten(0, -1, mismatch=(entry.log, entry.seq) in self.waiting)

    @rule(entry=entries, beyond=st.integers(1, 2**63 - 1))
    def receipt_beyond_the_log(self, entry: Recorded, beyond: int) -> None:
        last = min(max(spot.seq for spot in self.spots if spot.log == entry.log) + beyond, 2**63 - 1)
        for digest in {envelope_hash(envelope) for envelope in self.waiting.values()} or {bytes(32)}:
            assert self.forwarder.forget(entry.log, Range(1, last, digest, Status.REGISTERED, forked=True)) == Forgotten(0, -1)

    @rule(log=st.binary(min_size=16, max_size=16))
    def receipt_of_an_unknown_log(self, log: bytes) -> None:
        assert self.forwarder.forget(log, Range(1, 5, bytes(32), Status.REGISTERED, forked=True)) == Forgotten(0, -1)

    @rule()
    def reopen(self) -> None:
        self.recorder.close()
        self.forwarder.close()
        self.recorder = Recorder(self.path, ROOMY)
        self.forwarder = Forwarder(self.path)
        assert not self.recorder.created

    @precondition(lambda self: self.head is not None and (self.head.log, self.head.seq) in self.waiting)
    @rule(back=st.integers(0, 6))
    def fork_at_the_head(self, back: int) -> None:
        assert self.head is not None
        self.receipt(self.head, back, forked=True)
        assert self.must_fork

    @rule(target=entries)
    def forget_everything(self) -> object:
        for spot in reversed(self.spots):
            if (spot.log, spot.seq) in self.waiting:
                envelope = self.waiting.pop((spot.log, spot.seq))
                part = Range(spot.seq, spot.seq, envelope_hash(envelope), Status.REGISTERED)
                assert self.forwarder.forget(spot.log, part).entries == 1
        return multiple()

    @rule()
    def checkpoint(self) -> None:
        self.forwarder.checkpoint()
        self.recorder.checkpoint_if_large()
        self.recorder.probe()

    @invariant()
    def what_waits_is_what_was_not_receipted_in_order(self) -> None:
        order = [self.waiting[spot.log, spot.seq] for spot in self.spots if (spot.log, spot.seq) in self.waiting]
        page = self.forwarder.page(0, 1000)
        assert [waiting.envelope for waiting in page] == order
        assert self.forwarder.first_ordinal() == (page[0].ordinal if page else len(self.spots) + 1)

    @invariant()
    def counters_are_exact(self) -> None:
        for backlog in (self.forwarder.backlog(), self.recorder.backlog()):
            assert (backlog.entries, backlog.bytes) == (len(self.waiting), sum(map(len, self.waiting.values())))
        assert self.recorder.fullness == backlog.bytes / ROOMY


TestLife = Life.TestCase
TestLife.settings = settings(deadline=None, max_examples=30, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow])
