"""The window: never more under way than its size, everything unsettled sent again, nobody blocked by an entry nobody receipts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed_examples import brief, thorough

from edge_agent.carry.send_window import LONGEST_TIMEOUT_S, SendWindow


class Sender:
    """The uplink's loop around the window, with a list as outbox and a clock that is turned by hand."""

    def __init__(self, size: int, timeout_s: float) -> None:
        self.window = SendWindow(size, timeout_s)
        self.size = size
        self.waiting: list[int] = []
        self.now_s = 0.0
        self.sent: list[tuple[float, int]] = []

    def step(self) -> None:
        self.window.tick(self.now_s)
        new_after, count = self.window.new_entries(lambda: max(self.waiting, default=0))
        for ordinal in [ordinal for ordinal in self.waiting if ordinal > new_after][:count]:
            if self.window.under_way(ordinal):
                self.window.passed_new(ordinal)
            else:
                self.window.sent_new(ordinal, self.now_s)
                self.sent.append((self.now_s, ordinal))
        while self.window.room() > 0:
            page = [ordinal for ordinal in self.waiting if ordinal > self.window.after][: self.size * 2]
            for ordinal in page:
                if self.window.under_way(ordinal):
                    self.window.passed(ordinal)
                    continue
                if self.window.room() <= 0:
                    return
                self.window.sent(ordinal, self.now_s)
                self.sent.append((self.now_s, ordinal))
            if len(page) < self.size * 2:
                self.window.reached_end(self.now_s)
                return

    def settle(self, first: int, last: int) -> None:
        self.waiting = [ordinal for ordinal in self.waiting if not first <= ordinal <= last]
        self.window.settled(first, last)

    def sleep(self) -> None:
        due_s = self.window.next_due_s()
        self.now_s = max(self.now_s, due_s) if due_s is not None else self.now_s + 0.5


actions = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 30), st.just(0)),
        st.tuples(st.just("settle"), st.integers(1, 60), st.integers(0, 20)),
        st.tuples(st.just("wait"), st.integers(1, 40), st.just(0)),
        st.tuples(st.just("reconnect"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@given(size=st.integers(1, 8), actions=actions)
@thorough
def test_never_more_than_its_size_is_under_way_and_all_is_sent_at_last(size: int, actions: list[tuple[str, int, int]]) -> None:
    sender = Sender(size, 10.0)
    newest = 0
    for what, number, more in actions:
        match what:
            case "append":
                sender.waiting += range(newest + 1, newest + 1 + number)
                newest += number
            case "settle":
                sender.settle(number, number + more)
            case "wait":
                sender.now_s += number
            case _:
                sender.window.restart()
        sender.step()
        assert 0 <= sender.window.room() <= size
        assert len(sender.window._due_s) <= size
        assert sum(sender.window.under_way(ordinal) for ordinal in range(newest + 1)) == size - sender.window.room()
    # From here the province receipts whatever is sent: all must come to an end.
    for _ in range(10 * newest + 20):
        if not sender.waiting:
            break
        start = len(sender.sent)
        sender.step()
        for _when_s, ordinal in sender.sent[start:]:
            if ordinal in sender.waiting:
                sender.settle(ordinal, ordinal)
        sender.sleep()
    assert not sender.waiting


@given(size=st.integers(1, 6), stuck=st.sets(st.integers(1, 30), min_size=1, max_size=10), count=st.integers(10, 40))
@thorough
def test_entries_that_are_never_receipted_block_no_other_and_are_tried_again(size: int, stuck: set[int], count: int) -> None:
    sender = Sender(size, 10.0)
    sender.waiting = list(range(1, count + 1))
    stuck &= set(sender.waiting)
    for _ in range(20 * count):
        start = len(sender.sent)
        sender.step()
        for _when_s, ordinal in sender.sent[start:]:
            if ordinal not in stuck:
                sender.settle(ordinal, ordinal)
        sender.sleep()
        if set(sender.waiting) <= stuck and all(sum(sent == ordinal for _s, sent in sender.sent) >= 3 for ordinal in stuck):
            break
    assert set(sender.waiting) == stuck
    for ordinal in stuck:
        assert sum(sent == ordinal for _when_s, sent in sender.sent) >= 3


def test_a_province_that_is_away_is_not_flooded() -> None:
    sender = Sender(5, 20.0)
    sender.waiting = [1]
    for _ in range(60):
        sender.step()
        sender.sleep()
    times = [when_s for when_s, _ordinal in sender.sent]
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 20
    assert gaps[-1] <= 2 * LONGEST_TIMEOUT_S
    assert sender.window._timeout_s == LONGEST_TIMEOUT_S


def test_time_outs_are_short_again_once_the_province_receipts() -> None:
    sender = Sender(2, 20.0)
    sender.waiting = [1, 2]
    for _ in range(10):
        sender.step()
        sender.sleep()
    assert sender.window._timeout_s > 20
    sender.settle(1, 1)
    assert sender.window._timeout_s == 20


def test_a_new_connection_begins_with_the_oldest() -> None:
    sender = Sender(3, 20.0)
    sender.waiting = [1, 2, 3, 4]
    sender.step()
    sender.window.restart()
    sender.step()
    assert [ordinal for _when_s, ordinal in sender.sent] == [1, 2, 3, 1, 2, 3]


def test_nothing_to_do_is_nothing_due() -> None:
    window = SendWindow(5, 20.0)
    assert window.next_due_s() is None
    window.sent(1, 0.0)
    assert window.next_due_s() == 20.0
    window.settled(1, 1)
    assert window.next_due_s() is None


@given(first=st.integers(1, 10), span=st.sampled_from([0, 1, 5, 10**9, 2**62]))
@brief
def test_settling_a_long_range_costs_no_more_than_the_window(first: int, span: int) -> None:
    window = SendWindow(10, 20.0)
    for ordinal in range(1, 11):
        window.sent(ordinal, 0.0)
    window.settled(first, first + span)
    assert [window.under_way(ordinal) for ordinal in range(1, 11)] == [not first <= ordinal <= first + span for ordinal in range(1, 11)]


@given(now_s=st.floats(0, 1e6), timeout_s=st.floats(0.5, 600))
@thorough
def test_after_a_tick_what_is_due_lies_ahead(now_s: float, timeout_s: float) -> None:
    window = SendWindow(3, timeout_s)
    window.sent(1, 0.0)
    window.tick(now_s)
    window.reached_end(now_s)
    due_s = window.next_due_s()
    assert due_s is not None
    assert due_s > now_s


@given(size=st.integers(1, 12), backlog=st.integers(50, 200), appended=st.lists(st.integers(1, 3), min_size=10, max_size=60))
@brief
def test_new_entries_do_not_wait_for_a_backlog_and_take_one_turn_in_four(size: int, backlog: int, appended: list[int]) -> None:
    sender = Sender(size, 1000.0)
    sender.waiting = list(range(1, backlog + 1))
    sender.step()
    newest = backlog
    for count in appended:  # each receipt makes room for one, as on a thin line
        sender.waiting += range(newest + 1, newest + count + 1)
        newest += count
        under_way = [ordinal for ordinal in sender.waiting if sender.window.under_way(ordinal)]
        sender.settle(under_way[0], under_way[0])
        sender.step()
    order = [ordinal for _when_s, ordinal in sender.sent]
    old, new = [ordinal for ordinal in order if ordinal <= backlog], [ordinal for ordinal in order if ordinal > backlog]
    assert old == sorted(old) == list(range(1, len(old) + 1))
    assert new == list(range(backlog + 1, backlog + len(new) + 1))
    if len(old) < backlog:  # else the pass has come to the new ones
        assert len(new) <= 1 + len(old) / 3
        assert len(new) >= (len(old) - size) // 3


@pytest.mark.parametrize("size, timeout_s", [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -1.0)])
def test_it_must_have_room_and_patience(size: int, timeout_s: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        SendWindow(size, timeout_s)


def test_a_silent_province_doubles_the_time_out_once_a_round_not_once_an_entry() -> None:
    window = SendWindow(size=10, timeout_s=20.0)
    for place in range(5):
        window.sent(place + 1, now_s=place / 2)
    for tenth in range(230):
        window.tick(now_s=tenth / 10)
    assert window.room() == 10
    assert window._timeout_s == 40.0
