"""People who pass at a gate all the time, each once, and what each of them saw."""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

from chain_world import ANSWERS
from chaos_world import ChaosGate, ChaosWorld

from edge_agent.device.control import ControlClient
from firmware.person_codes import Person
from firmware.person_codes.masking import mask_number

_PATIENCE_S = 90.0  # longer than anything halts a gate
_TELL_S = 30.0
_PAUSE_S = (0.0, 0.3)
Spot = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Shown:
    """One person's code, shown once.

    Attributes:
        gate: the gate's place among the gates.
        at_s: when; monotonic, and since the chaos began once it is over.
        answer: in the console's words; None when the gate died instead of answering.
        told: log and number of the entry, as firmware says them over its control socket; None when that did not get through.
    """

    gate: int
    person: Person
    at_s: float
    answer: str | None
    told: Spot | None

    @property
    def green(self) -> bool:
        """Whether the light turned green, or firmware said that it would."""
        return self.answer == "accepted" or self.told is not None


class Crowd:
    """People at one gate, in a thread of their own.

    Args:
        world: told what must never happen.
        place: which gate.
        people: who come, in this order.
        chance: decides how they pause.
    """

    def __init__(self, world: ChaosWorld, place: int, people: Iterator[Person], chance: random.Random) -> None:
        self.name = f"crowd {place + 1}"
        self.shown: list[Shown] = []
        self._world, self._place, self._people, self._chance = world, place, people, chance
        self._gate: ChaosGate = world.gates[place]
        self._leaving = threading.Event()
        self._met = threading.Condition()
        self._thread = threading.Thread(target=self._come, name=f"crowd-{place + 1}")

    def start(self) -> None:
        self._thread.start()

    def until_greens(self, count: int, within_s: float) -> bool:
        """Waits for so many greens in all; says whether they were seen."""
        with self._met:
            return self._met.wait_for(lambda: sum(one.green for one in self.shown) >= count, within_s)

    def greens(self) -> int:
        return sum(one.green for one in self.shown)

    def leave(self) -> None:
        """Whoever stands at the gate has their answer, nobody else comes."""
        self._leaving.set()
        self._thread.join()

    def _come(self) -> None:
        try:
            while not self._leaving.is_set():
                if (life := self._until_ready()) is not None:
                    self._pass_by(life)
        except Exception as error:  # noqa: BLE001 - a thread's failure must be the run's
            self._world.complain(f"{self.name}: {error!r}")

    def _until_ready(self) -> int | None:
        """The life of the firmware that is ready."""
        while not self._leaving.is_set():
            with suppress(queue.Empty):
                life, line = self._gate.firmware.lines.get(timeout=0.1)
                if line is not None and line.endswith("ready"):
                    return life
        return None

    def _pass_by(self, life: int) -> None:
        told: queue.SimpleQueue[tuple[Spot, str] | None] = queue.SimpleQueue()
        heard = threading.Event()
        listener = threading.Thread(target=self._listen, args=(told, heard), name=f"listener-{self._place + 1}")
        listener.start()
        heard.wait(_PATIENCE_S)
        alive = True
        while alive and not self._leaving.is_set():
            person, at_s = next(self._people), time.monotonic()
            if not self._gate.show(person, life):
                break
            answer = self._answer(life)
            alive = answer is not None
            spot = self._told(told, listener, person, answer)
            with self._met:
                self.shown.append(Shown(self._place, person, at_s, answer, spot))
                self._met.notify_all()
            self._leaving.wait(self._chance.uniform(*_PAUSE_S))
        if not alive:
            listener.join(_TELL_S)

    def _answer(self, life: int) -> str | None:
        until_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until_s:
            with suppress(queue.Empty):
                of_life, line = self._gate.firmware.lines.get(timeout=1.0)
                if of_life == life and line is None:
                    return None
                if line is not None and (answer := line.rpartition(" · ")[2]) in ANSWERS:
                    return answer
        self._world.complain(f"{self._gate.firmware.name}: somebody had no answer for {_PATIENCE_S:g} s")
        return None

    def _listen(self, told: queue.SimpleQueue[tuple[Spot, str] | None], heard: threading.Event) -> None:
        """Notes each entry firmware tells of, until it ends; `heard` once it surely tells us too."""
        with suppress(OSError), closing(ControlClient(self._gate.runtime)) as client:
            client.send({"type": "counters"})
            for message in client.messages():
                heard.set()
                if message["type"] == "passage":
                    told.put(((bytes.fromhex(message["log"]), message["seq"]), message["masked"]["number"]))
        told.put(None)
        heard.set()

    def _told(
        self, told: queue.SimpleQueue[tuple[Spot, str] | None], listener: threading.Thread, person: Person, answer: str | None
    ) -> Spot | None:
        """The entry firmware told of for this person: after a green light, or before it died."""
        if answer is None:
            listener.join(_TELL_S)
        elif answer != "accepted":
            return None
        with suppress(queue.Empty):
            got = told.get(timeout=0.0 if answer is None else _TELL_S)
            if got is not None:
                spot, masked = got
                if masked != mask_number(person.id_number):
                    self._world.complain(f"{self._gate.firmware.name} told of another person than the one at the gate")
                return spot
            told.put(None)
        return None
