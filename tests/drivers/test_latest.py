from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis.strategies import lists, sampled_from

from drivers.latest import Latest


@given(steps=lists(sampled_from(["put", "take"]), max_size=30))
def test_the_newest_is_taken_and_every_other_is_given_back_once(steps: list[str]) -> None:
    box, taken, given_back, number = Latest[int](), [], [], 0
    for step in steps:
        if step == "put":
            number += 1
            given_back.append(box.put(number))
        elif number not in taken and number:
            taken.append(box.take(0))
            assert taken[-1] == number
    given_back.append(box.close())
    returned = [item for item in given_back if item is not None] + taken
    assert sorted(str(item) for item in returned) == sorted(str(item) for item in range(1, number + 1))


def test_an_empty_box_times_out_a_failed_one_raises_and_a_closed_one_ends() -> None:
    box = Latest[str]()
    with pytest.raises(TimeoutError):
        box.take(0.01)
    box.put("last")
    box.fail(OSError("gone"))
    assert box.take(1) == "last"
    with pytest.raises(OSError, match="gone"):
        box.take(1)
    assert box.close() is None
    assert box.take(1) is None
    assert box.put("late") == "late"


def test_closing_wakes_a_waiting_taker() -> None:
    box, results = Latest[str](), []
    taker = threading.Thread(target=lambda: results.append(box.take(60)))
    taker.start()
    box.close()
    taker.join(5)
    assert results == [None]
