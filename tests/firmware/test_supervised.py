from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import pytest
from gate_world import WAIT_S

from drivers.errors import BadUrl, Unplugged
from firmware import supervised
from firmware.reading import SourceState
from firmware.supervised import Supervised


class Part:
    """A device that works until it is closed."""

    def __init__(self, closes: Callable[[], object] = lambda: None) -> None:
        self.closed = threading.Event()
        self._closes = closes

    def close(self) -> None:
        self.closed.set()
        self._closes()


class Told:
    """What a supervisor said."""

    def __init__(self) -> None:
        self._said: queue.Queue[tuple[SourceState, str]] = queue.Queue()

    def say(self, state: SourceState, why: str) -> None:
        self._said.put((state, why))

    def next(self) -> tuple[SourceState, str]:
        return self._said.get(timeout=WAIT_S)


def fails(error: Exception) -> Callable[[Part], None]:
    def use(_part: Part) -> None:
        raise error

    return use


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(supervised, "LONGEST_WAIT_S", 0.01)


def test_a_fault_is_said_before_a_device_that_will_not_close_is_closed() -> None:
    told, released = Told(), threading.Event()
    kept = Supervised("part", lambda: Part(released.wait), fails(Unplugged("gone")), told.say)
    kept.start()
    assert told.next() == (SourceState.FAULT, "gone")
    kept.stopping.set()
    released.set()
    assert kept.join(WAIT_S)


def test_a_url_that_is_wrong_is_not_tried_again() -> None:
    told = Told()
    opened = []

    def opens() -> Part:
        opened.append(1)
        raise BadUrl("no such pin")

    kept = Supervised("part", opens, lambda _part: None, told.say)
    kept.start()
    assert told.next() == (SourceState.FAULT, "no such pin")
    assert kept.join(WAIT_S)
    assert len(opened) == 1


def test_a_device_that_ends_by_itself_is_not_opened_anew() -> None:
    told = Told()
    kept = Supervised("part", Part, lambda _part: kept.works(), told.say, "no more")
    kept.start()
    assert [told.next(), told.next()] == [(SourceState.WORKING, ""), (SourceState.ENDED, "no more")]
    assert kept.join(WAIT_S)


def test_stop_closes_the_device_and_nothing_more_is_said() -> None:
    told, part = Told(), Part()

    def use(opened: Part) -> None:
        kept.works()
        opened.closed.wait(WAIT_S)

    kept = Supervised("part", lambda: part, use, told.say)
    kept.start()
    assert told.next() == (SourceState.WORKING, "")
    kept.stop()
    assert kept.join(WAIT_S)
    assert part.closed.is_set()
    assert told._said.empty()


def test_stop_returns_while_a_device_will_not_close() -> None:
    told, released, was_closed = Told(), threading.Event(), threading.Event()

    def closes_at_last() -> None:
        released.wait(WAIT_S)
        was_closed.set()

    part = Part(closes_at_last)

    def use(opened: Part) -> None:
        kept.works()
        opened.closed.wait(WAIT_S)

    kept = Supervised("part", lambda: part, use, told.say)
    kept.start()
    assert told.next() == (SourceState.WORKING, "")
    kept.stop()
    assert not was_closed.is_set()
    assert part.closed.wait(WAIT_S)
    released.set()
    assert kept.join(WAIT_S)


def test_what_nobody_foresaw_is_told_without_its_message() -> None:
    told = Told()
    kept = Supervised("part", Part, fails(RuntimeError("001099012345")), told.say)
    kept.start()
    state, why = told.next()
    kept.stop()
    assert kept.join(WAIT_S)
    assert state is SourceState.FAULT
    assert "unexpected RuntimeError" in why
    assert "001099012345" not in why
