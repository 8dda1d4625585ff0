"""Tests a lane's reader with real codes, and records nobody: what is read there meanwhile is told to whoever asked, as a kind alone.

One test at a time, for two minutes at most. Each code is answered with a light of its own, which is not green, and between codes the
lane's light says "shut": whoever comes by must not believe that they were registered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.station_words import TEST_MOST_S, ReaderTestState, Tested, reader_test_message, tested_message
from firmware.codes import TEST_CODE, PassCode, UnknownCode, sort_code
from firmware.control_server import Asker
from firmware.held_codes import HeldCodes
from firmware.other_codes import OtherCode
from firmware.person_codes import Person
from firmware.reading import Reading


@dataclass(slots=True)
class _Test:
    lane: str
    asker: Asker
    began_s: float
    ends_s: float
    held: HeldCodes
    told_end: bool = False

    @property
    def over_s(self) -> float:
        gone_s = self.asker.gone_s
        return self.ends_s if gone_s is None else min(self.ends_s, gone_s)


class ReaderTests:
    """The test that is on, or was the last. Its methods may be called from any thread; `shown` only from the consumer's.

    Args:
        lanes: their names.
        held_s: a code unseen for so many seconds counts as taken away; until then it is told once.
        clock: monotonic seconds.
    """

    def __init__(self, lanes: Collection[str], held_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lanes = frozenset(lanes)
        self._held_s = held_s
        self._clock = clock
        self._lock = threading.Lock()
        self._test: _Test | None = None

    def begin(self, request: Mapping[str, Any], asker: Asker) -> Mapping[str, Any] | None:
        """Begins a test `{"lane", "seconds"}`; returns the refusal, None when the asker has been told that it listens."""
        lane, seconds = request.get("lane"), request.get("seconds")
        if not isinstance(lane, str) or lane not in self._lanes:
            return reader_test_message("", ReaderTestState.REFUSED, why="lane")  # without repeating what was sent
        if type(seconds) is not int or not 1 <= seconds <= TEST_MOST_S:
            return reader_test_message(lane, ReaderTestState.REFUSED, why="seconds")
        with self._lock:
            now_s = self._clock()
            if self._test is not None and now_s <= self._test.over_s:
                return reader_test_message(lane, ReaderTestState.REFUSED, why="busy")
            self._tell_end("time")
            self._test = _Test(lane, asker, now_s, now_s + seconds, HeldCodes(self._held_s))
            asker.tell(reader_test_message(lane, ReaderTestState.LISTENING, seconds=seconds))
        return None

    def end(self) -> Mapping[str, Any]:
        """Ends the test that is on, if any."""
        with self._lock:
            if self._test is not None:
                self._test.ends_s = min(self._test.ends_s, self._clock())
            self._tell_end("asked")
        return {"type": "done"}

    def tidy(self) -> None:
        """Says so when the time is over; to be called every second or so."""
        with self._lock:
            if self._test is not None and self._clock() > self._test.over_s:
                self._tell_end("time")

    @property
    def lane(self) -> str | None:
        """The lane under test now."""
        with self._lock:
            return self._test.lane if self._test is not None and self._clock() <= self._test.over_s else None

    def takes(self, lane: str, at_s: float) -> bool:
        """Whether what was read at a lane at `at_s` belongs to a test, also to one that has just ended."""
        with self._lock:
            test = self._test
            return test is not None and test.lane == lane and test.began_s <= at_s <= test.over_s

    def shown(self, reading: Reading) -> bool:
        """Tells the asker of a code that belongs to the test; False where it is still held up and was told already."""
        with self._lock:
            test = self._test
            if test is None or test.held.saw(reading.data.hex(), reading.at_s):
                return False
            kind, scheme = what_it_is(reading.data)
            test.asker.tell(tested_message(reading.lane, kind, scheme, (self._clock() - reading.at_s) * 1000))
            return True

    def _tell_end(self, why: str) -> None:
        if self._test is not None and not self._test.told_end:
            self._test.told_end = True
            self._test.asker.tell(reader_test_message(self._test.lane, ReaderTestState.ENDED, why=why))


def what_it_is(data: bytes) -> tuple[Tested, str]:
    """A code's kind, and its family or what stopped it: nothing of what it says.

    Example:
        >>> what_it_is(b"HC1:6BF"), what_it_is(b"GATE-SCANNER TEST CODE"), what_it_is(b"WIFI:S:cho;;")
        ((<Tested.OTHER: 'other'>, 'health-pass'), (<Tested.TEST_CODE: 'test-code'>, ''), (<Tested.OTHER: 'other'>, 'wifi'))
    """
    if data == TEST_CODE.encode():
        return Tested.TEST_CODE, ""
    match sort_code(data):
        case Person(scheme=scheme):
            return Tested.PERSON_CODE, str(scheme)
        case PassCode():
            return Tested.OTHER, "health-pass"
        case OtherCode(kind=kind):
            return Tested.OTHER, str(kind)
        case UnknownCode(reason=reason):
            return Tested.OTHER, str(reason)
