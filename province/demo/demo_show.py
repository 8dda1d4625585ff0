"""Plays the people of the demonstration: each holds up a code until the light answers, and the screen tells what happens where."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeAlias

from edge_agent.base.console import print_line
from edge_agent.device.control import BadMessage, ControlClient
from firmware.person_codes import Person, write_person
from firmware.person_codes.masking import mask_name, mask_number
from province.demo.demo_stage import Stage
from province.demo.demo_tally import Tally

_PATIENCE_S = 15.0  # a person who sees no answer for so long gives up
_BETWEEN_S = 0.35  # an empty view between two people
_RECEIPTS_S = 60.0
_ASK_S = 0.5
_NOW_AND_THEN_S = 8.0

Event: TypeAlias = tuple[str, Any]


class Show:
    """One run.

    Args:
        stage: the running parts.
        say: shows a line to the audience.
    """

    def __init__(self, stage: Stage, say: Callable[[str], None] = print_line) -> None:
        self.tally = Tally()
        self._stage = stage
        self._say = say
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._client = ControlClient(stage.runtime)
        self._view = os.open(stage.view, os.O_WRONLY)
        self._threads = [
            threading.Thread(target=self._follow_gate, name="demo-gate", daemon=True),
            threading.Thread(target=self._follow_light, name="demo-light", daemon=True),
            threading.Thread(target=self._follow_collector, name="demo-collector", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends following; call it after the stage is gone."""
        with suppress(OSError):
            self._client.shut()
        for thread in self._threads:
            thread.join(2.0)
        self._client.close()
        os.close(self._view)

    def _follow_gate(self) -> None:
        with suppress(OSError, BadMessage):
            for message in self._client.messages():
                if message["type"] == "passage":
                    self._events.put(("green", message))

    def _follow_light(self) -> None:
        for line in _lines(self._stage.gate):
            self._events.put(("light", line))

    def _follow_collector(self) -> None:
        for line in _lines(self._stage.collector):
            self._events.put(("collector", json.loads(line)))

    def show(self, people: list[Person]) -> None:
        """Lets every person pass, one after another."""
        for person in people:
            self.tally.shown += 1
            self._say(f"người dân │ {self.tally.shown:>4}. {mask_name(person.name)}  {mask_number(person.id_number)}  ({person.scheme})")
            self._hold_up(write_person(person))
            if not self._until(lambda event: event[0] == "green", _PATIENCE_S):
                self._say("người dân │       không thấy đèn xanh, bỏ đi · no green light, gives up")
            self._hold_up("")
            self._until(lambda _event: False, _BETWEEN_S)

    def wait_for_receipts(self) -> int:
        """Waits until the device keeps nothing any more, and returns how many entries it has forgotten on receipts by then."""
        deadline_s = time.monotonic() + _RECEIPTS_S
        while True:
            status = self._status()
            if status["outbox"].get("waiting") == 0 or time.monotonic() > deadline_s:
                break
            self._until(lambda _event: False, _ASK_S)
        self._until(lambda _event: set(self.tally.greens) <= set(self.tally.registered), _ASK_S)
        counters = (status["agent"] or {}).get("counters", {})
        return sum(count for name, count in counters.items() if name.startswith("receipted_"))

    def go_on(self, people: Iterator[Person] | None = None) -> None:
        """Shows what else happens, until Ctrl-C; now and then one of `people` comes."""
        while True:
            self._until(lambda _event: False, 3600.0 if people is None else _NOW_AND_THEN_S)
            if people is not None:
                self.show([next(people)])

    def _status(self) -> dict[str, Any]:
        asked = subprocess.run(self._stage.agent_status(), capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        status: dict[str, Any] = json.loads(asked.stdout)
        return status

    def _hold_up(self, text: str) -> None:
        os.write(self._view, text.encode() + b"\n")

    def _until(self, enough: Callable[[Event], bool], longest_s: float) -> bool:
        """Tells the audience what happens until an event is enough; False when none was in time."""
        deadline_s = time.monotonic() + longest_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            try:
                event = self._events.get(timeout=left_s)
            except queue.Empty:
                return False
            self._tell(event)
            if enough(event):
                return True
        return False

    def _tell(self, event: Event) -> None:
        match event:
            case ("light", line):
                self._say(f"cổng      │ {line}")
            case ("green", passage):
                entry = (passage["log"], passage["seq"])
                self.tally.greens[entry] = passage["green_ms"]
                self.tally.scan_to_green_ms.append(passage["scan_to_green_ms"])
                self._say(f"cổng      │ lượt {entry[1]} đã ghi · recorded; quét→xanh · scan to green {passage['scan_to_green_ms']:.0f} ms")
            case ("collector", {"event": "registered", "kind": kind, "log": log, "seq": seq, "committed_ms": committed_ms}):
                self.tally.registered[log, seq] = committed_ms
                if kind != "passage":
                    self.tally.notes.add((log, seq))
                after = f"; {max(0, committed_ms - self.tally.greens[log, seq])} ms sau đèn xanh" if (log, seq) in self.tally.greens else ""
                self._say(f"tỉnh      │ lượt {seq} ({kind}) vào sổ · registered{after}")
            case ("collector", other):
                self._say(f"tỉnh      │ {other}")


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    if process.stdout is not None:
        with suppress(ValueError):  # closed at the end
            for line in process.stdout:
                yield line.rstrip("\n")
