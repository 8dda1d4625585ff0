"""Tests a lane's reader with real codes, and records nobody: what is read there meanwhile is told to whoever asked, as a kind alone.

One test at a time, for two minutes at most, and of all time a tenth: whoever has stolen the keeper's PIN cannot keep a gate from recording.
Each code is answered with a light of its own, which is not green, and between codes the
lane's light says "shut": whoever comes by must not believe that they were registered.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.device.station_words import TEST_MOST_S, ReaderTestState, Tested, reader_test_message, tested_message
from firmware.codes import TEST_CODE, PassCode, UnknownCode, sort_code
from firmware.control_server import Asker
from firmware.held_codes import HeldCodes
from firmware.other_codes import OtherCode
from firmware.person_codes import Person
from firmware.reading import Reading

log = logging.getLogger(__name__)
AT_ONCE_S, SHARE = float(TEST_MOST_S), 0.1  # two minutes in one go, then six seconds of each minute
_LEAST_S = 5.0  # what a test counts at least, however soon it ends
_HOUR_S = 3600.0


@dataclass(slots=True)
class _Test:
    lane: str
    asker: Asker
    seconds: int
    began_s: float
    ends_s: float
    held: HeldCodes
    told_end: bool = False

    @property
    def over_s(self) -> float:
        gone_s = self.asker.gone_s
        return self.ends_s if gone_s is None else min(self.ends_s, gone_s)


class Allowance:
    """How long readers may still be tested, and how long they were in the last hour. Pure: monotonic seconds are passed in.

    Example:
        >>> allowance = Allowance()
        >>> allowance.take(120, now_s=0.0), allowance.take(20, now_s=120.0), allowance.take(20, now_s=200.0)
        (True, False, True)
    """

    def __init__(self) -> None:
        self._left_s, self._counted_s = AT_ONCE_S, 0.0
        self._spans: deque[tuple[float, float]] = deque()  # of the last hour: few, since each counts

    def take(self, seconds: float, now_s: float) -> bool:
        """Whether a test of so many seconds may begin; it then counts whole until `ended`."""
        self._count(now_s)
        if self._left_s < seconds:
            return False
        self._left_s -= max(_LEAST_S, seconds)
        return True

    def ended(self, seconds: float, began_s: float, over_s: float) -> None:
        """A test that was to take so many seconds is over: what it did not use is given back."""
        self._left_s = min(AT_ONCE_S, self._left_s + max(_LEAST_S, seconds) - max(_LEAST_S, over_s - began_s))
        self._spans.append((began_s, over_s))

    def last_hour_s(self, now_s: float) -> float:
        """Seconds of the last hour with a test that has ended."""
        while self._spans and self._spans[0][1] <= now_s - _HOUR_S:
            self._spans.popleft()
        return sum(over_s - max(began_s, now_s - _HOUR_S) for began_s, over_s in self._spans)

    def _count(self, now_s: float) -> None:
        self._left_s = min(AT_ONCE_S, self._left_s + max(0.0, now_s - self._counted_s) * SHARE)
        self._counted_s = now_s


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
        self._allowance = Allowance()
        self._refusal_told = False

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
            if not self._allowance.take(seconds, now_s):
                self._tell_refusal()
                return reader_test_message(lane, ReaderTestState.REFUSED, why="often")
            self._refusal_told = False
            log.warning("%s: its reader is tested for %d s; nobody is recorded there meanwhile", lane, seconds)
            self._test = _Test(lane, asker, seconds, now_s, now_s + seconds, HeldCodes(self._held_s))
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
    def last_hour_s(self) -> int:
        """Seconds of the last hour in which a lane was under test, and recorded nobody."""
        with self._lock:
            now_s, test = self._clock(), self._test
            running_s = 0.0 if test is None or test.told_end else min(now_s, test.over_s) - test.began_s
            return round(self._allowance.last_hour_s(now_s) + running_s)

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
        test = self._test
        if test is not None and not test.told_end:
            test.told_end = True
            self._allowance.ended(test.seconds, test.began_s, test.over_s)
            test.asker.tell(reader_test_message(test.lane, ReaderTestState.ENDED, why=why))

    def _tell_refusal(self) -> None:
        if not self._refusal_told:
            self._refusal_told = True
            log.warning(
                "reader tests: refused until more time has passed; if the keeper knows of none, make a new PIN: gate-agent station pin"
            )


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
