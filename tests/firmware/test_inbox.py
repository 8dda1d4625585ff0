from __future__ import annotations

import queue
import threading

import pytest
from gate_world import WAIT_S
from hypothesis import given
from hypothesis import strategies as st

from firmware.inbox import Inbox
from firmware.reading import Reading, Report, SourceChanged, SourceState, Switched, TripOrder

REPORTS: list[Report] = [
    Reading("in", b"1", "camera", 0.0), SourceChanged("in", SourceState.WORKING), Reading("out", b"2", "serial", 0.0),
    Switched("in", True, 0.0), Switched("door", True, 0.0), TripOrder.BEGIN,
]  # fmt: skip
PARTS = [0, 0, 1, 2, 3, 4]  # a contact may be called as a lane is


@given(st.lists(st.one_of(st.none(), st.integers(0, len(REPORTS) - 1)), max_size=60), st.integers(1, 3))
def test_each_part_has_its_own_room_and_what_is_in_comes_out_in_order(happened: list[int | None], room: int) -> None:
    inbox, waiting = Inbox(room), list[int]()
    for which in happened:
        if which is None:
            if waiting:
                assert inbox.get(timeout=0) is REPORTS[waiting.pop(0)]
            else:
                with pytest.raises(queue.Empty):
                    inbox.get(timeout=0)
        elif [PARTS[each] for each in waiting].count(PARTS[which]) < room:
            inbox.put(REPORTS[which], block=False)
            waiting.append(which)
        else:
            with pytest.raises(queue.Full):
                inbox.put(REPORTS[which], block=False)
        assert (inbox.qsize(), inbox.empty()) == (len(waiting), not waiting)


def test_a_failing_supply_goes_before_all_that_waits_in_the_order_of_its_own_changes() -> None:
    inbox, supply = Inbox(2), [Switched("supply", active, 0.0) for active in (True, False, True)]
    for report in (REPORTS[0], REPORTS[2]):
        inbox.put(report)
    for report in supply[:2]:
        inbox.put(report, ahead=True)
    with pytest.raises(queue.Full):
        inbox.put(supply[2], block=False, ahead=True)
    assert inbox.qsize() == 4
    assert [inbox.get(timeout=0) for _ in range(4)] == [*supply[:2], REPORTS[0], REPORTS[2]]
    inbox.put(supply[2], block=False, ahead=True)
    assert not inbox.empty()


def test_who_waits_for_room_goes_on_when_the_part_has_it_again() -> None:
    inbox = Inbox(1)
    inbox.put(REPORTS[0])
    waiting = threading.Thread(target=lambda: inbox.put(REPORTS[1], timeout=WAIT_S))
    waiting.start()
    inbox.put(REPORTS[2], timeout=0)  # which the one that waits does not keep out
    assert [inbox.get(timeout=WAIT_S) for _ in range(3)] == [REPORTS[0], REPORTS[2], REPORTS[1]]
    waiting.join(WAIT_S)
    inbox.put(REPORTS[0])
    with pytest.raises(queue.Full):
        inbox.put(REPORTS[1], timeout=0.01)
