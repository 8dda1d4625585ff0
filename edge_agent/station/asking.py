"""What the page asks of firmware: to record somebody declared on paper, and to try a reader. Blocking, bounded, nothing kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.device.control import BadMessage, ControlClient
from edge_agent.device.station_words import DECLARED, READER_TEST, READER_TESTED, ReaderTestState, Verdict

ANSWER_S = 8.0
TEST_S = 20
_MOST_CODES = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """Firmware's answer to a declaration.

    Attributes:
        verdict: None when there was no answer: nobody knows whether they are recorded, and the same sent again tells.
        why: a word for the reason of a refusal; `not-sent`: firmware was not there to be asked.
        problems: what is wrong with fields, by field.
        health: where the gate asks for health passes, what it says of theirs.
        warnings: what differs between the number and what else was typed; recorded as typed.
    """

    verdict: Verdict | None
    why: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    health: str = ""
    warnings: tuple[str, ...] = ()


def declare(runtime: Path, request: Mapping[str, Any]) -> Answer:
    """Has firmware record a person, and waits until it is on disk or refused; the same `ref` again is recorded once.

    Args:
        runtime: where the control socket is.
        request: `{"type": "declare", "ref", "lane", "direction", "person": {…}}`.
    """
    until_s = time.monotonic() + ANSWER_S
    try:
        client = ControlClient(runtime, ANSWER_S)
    except OSError:
        return Answer(Verdict.REFUSED, "not-sent")
    with closing(client), suppress(OSError, BadMessage):
        client.send(request)
        for message in client.messages():
            if message["type"] == DECLARED and message.get("ref") == request["ref"]:
                return _answer(message)
            if message["type"] == "refused":
                return Answer(Verdict.REFUSED, "not-understood")  # firmware of a release without declarations, or not enrolled
            if time.monotonic() > until_s:
                break
    return Answer(None)


def _answer(message: Mapping[str, Any]) -> Answer:
    fields = message.get("fields")
    told = {str(name): str(problem) for name, problem in fields.items()} if isinstance(fields, dict) else {}
    verdict, warnings = message.get("verdict"), message.get("warnings")
    return Answer(
        Verdict(verdict) if verdict in tuple(Verdict) else None,
        str(message.get("why") or ""),
        told,
        str(message.get("health") or ""),
        tuple(map(str, warnings)) if isinstance(warnings, list) else (),
    )


@dataclass(frozen=True, slots=True)
class Tried:
    """A code that was read during a test: what it is, never what it says."""

    kind: str
    scheme: str
    took_ms: int | None


@dataclass(frozen=True, slots=True)
class TestState:
    """How a test is.

    Attributes:
        state: `none` yet, `listening`, `over`, or `refused`.
        lane: at which.
        until_s: when it ends by itself, monotonic seconds.
    """

    state: str = "none"
    lane: str = ""
    until_s: float = 0.0
    codes: tuple[Tried, ...] = ()
    why: str = ""


class ReaderTest:
    """The one test at a time of a gate's readers.

    Args:
        runtime: where the control socket is.
        changed: called after each change, from any thread; must return at once.
    """

    def __init__(self, runtime: Path, changed: Callable[[], None] = lambda: None) -> None:
        self._runtime = runtime
        self._changed = changed
        self._lock = threading.Lock()
        self._now = TestState()

    def now(self) -> TestState:
        """How it is."""
        return self._now

    def begin(self, lane: str) -> bool:
        """Begins a test in a thread of its own; False while another one runs."""
        with self._lock:
            if self._now.state == "listening":
                return False
            self._now = TestState("listening", lane, time.monotonic() + TEST_S)
        threading.Thread(target=self._run, args=(lane,), name="station-reader-test", daemon=True).start()
        self._changed()
        return True

    def _run(self, lane: str) -> None:
        try:
            self._listen(lane)
        except (OSError, BadMessage):
            self._set(state="refused", why="no-answer")
        finally:
            if self._now.state == "listening":
                self._set(state="over")

    def _listen(self, lane: str) -> None:
        until_s = time.monotonic() + TEST_S + 1.0
        with closing(ControlClient(self._runtime, TEST_S + 2.0)) as client:
            client.send({"type": READER_TEST, "lane": lane, "seconds": TEST_S})
            for message in client.messages():
                if time.monotonic() > until_s:
                    return
                match message["type"]:
                    case "refused":
                        self._set(state="refused", why="not-understood")
                        return
                    case str(word) if word == READER_TEST and message.get("state") == ReaderTestState.REFUSED:
                        self._set(state="refused", why=str(message.get("why")))
                        return
                    case str(word) if word == READER_TEST and message.get("state") == ReaderTestState.ENDED:
                        return
                    case str(word) if word == READER_TESTED and message.get("lane") == lane:
                        self._set(codes=(_tried(message), *self._now.codes)[:_MOST_CODES])

    def _set(self, *, state: str | None = None, why: str = "", codes: tuple[Tried, ...] | None = None) -> None:
        now = self._now
        self._now = TestState(state or now.state, now.lane, now.until_s, now.codes if codes is None else codes, why)
        self._changed()


def _tried(message: Mapping[str, Any]) -> Tried:
    took_ms = message.get("took_ms")
    return Tried(str(message.get("kind")), str(message.get("scheme") or ""), round(took_ms) if isinstance(took_ms, int | float) else None)
