"""A province with a simulated fleet, while it runs: what stands and what goes on, what each has come to, and how it connects."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sim_province
from province_world import Broker, free_port, settings
from sim_conditions import CONDITIONS, FROM_THE_START, WELL
from sim_crowd import Crowds, told_of
from sim_desk import Desk, Shown
from sim_plan import Outcome, Plan, Storm
from sim_province import Service, Taken, broker_pid, enrolled, until

from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys import officers
from province.trust import founding, keyring_office
from province.watch.fleet_rules import Trouble

READY_S = 60.0
_STORM_S = 240.0


def _conditions(plan: Plan, names: Sequence[DeviceName], rng: random.Random) -> dict[DeviceName, str]:
    """Who gets into which condition."""
    chosen = rng.sample(list(names), len(names))
    given = dict.fromkeys(names, WELL)
    for word, condition in CONDITIONS.items():
        if word != WELL and (plan.slow or not condition.slow):
            for name in (chosen.pop() for _ in range(plan.least_of_each)):
                given[name] = word
    assert len(chosen) >= len(names) // 4, "too few are well: more devices"
    return given


class Fleet:
    """A province with its fleet, while it runs."""

    def __init__(self, folder: Path, plan: Plan, seed: int, stack: ExitStack) -> None:
        self.plan, self.folder, self.rng, self.outcome = plan, folder, random.Random(seed), Outcome(plan)
        began_s = time.monotonic()
        self.layout: Layout = founding.found(folder / "province", settings(free_port()), now_ms())
        scanners = enrolled(self.layout, folder / "devices", sim_province.names(plan.devices))
        self.outcome.founded_s = time.monotonic() - began_s
        self.names = [scanner.name for scanner in scanners]
        self.given = _conditions(plan, self.names, self.rng)
        self.expected: dict[DeviceName, frozenset[Trouble]] = dict.fromkeys(self.names, frozenset())
        self.broker = stack.enter_context(Broker(self.layout))
        self.collect = sim_province.collect(self.layout, folder)
        stack.callback(self.collect.end)
        self.watch = self.watched()
        stack.callback(self._end_watch)
        self.crowds = Crowds()
        stack.callback(self.crowds.end)
        common = {
            "root": base64.b64encode(officers.read_root_public(self.layout).public_bytes_raw()).decode(),
            "keyring": base64.b64encode(keyring_office.read_signed(self.layout)).decode(),
            "period_s": plan.period_s, "keepalive_s": plan.keepalive_s, "entries_s": plan.entries_s,
            "least_s": plan.least_s,
        }  # fmt: skip
        early = {name: word if CONDITIONS[word].deed in FROM_THE_START else WELL for name, word in self.given.items()}
        self.crowds.begin(folder, common, [told_of(scanner, early[scanner.name]) for scanner in scanners])
        until(lambda: "connected to the broker" in self.collect.log(), READY_S, "the collector connects")
        self.desk = stack.enter_context(Desk(self.layout.fleet_store))

    def _end_watch(self) -> None:
        self.watch.end()  # the one of now

    def watched(self) -> Service:
        """Begins the watch; it has the broker then."""
        made = sim_province.watch(self.layout, self.folder, self.plan.register_s, self.plan.gone_s, self.plan.settle_s)
        before = made.log().count("connected to the broker")
        until(
            lambda: made.log().count("connected to the broker") > before or made.process.poll() is not None, READY_S, "the watch connects"
        )
        assert made.process.poll() is None, made.log()
        return made

    def of(self, *words: str) -> list[DeviceName]:
        """The scanners that have such a condition, or shall get into it."""
        return [name for name, word in self.given.items() if word in words]

    def with_deed(self, *deeds: str) -> list[DeviceName]:
        """The scanners that have such a deed, or shall have it."""
        return [name for name, word in self.given.items() if CONDITIONS[word].deed in deeds]

    def taken(self) -> dict[str, Taken]:
        """What each process has taken."""
        services = {"gate-province watch": self.watch.taken(), "gate-province collect": self.collect.taken()}
        crowds = {f"simulator {number}": Taken.by(process.pid) for number, process in enumerate(self.crowds.processes, start=1)}
        return {"broker": Taken.by(broker_pid(self.broker)), **services, **crowds}

    def delays(self, shown: Sequence[Shown]) -> list[float]:
        """Of those whose clock is right."""
        off = {name for name in self.names if CONDITIONS[self.given[name]].clock_off_ms}
        return [each.delay_s for each in shown if each.name not in off]

    @contextmanager
    def storm(self, name: str, connecting: int) -> Iterator[Callable[[], None]]:
        """Notes how so many connect; what it gives is to be called when they can."""
        mark, began_s = self.crowds.mark(), time.monotonic()

        def begins() -> None:
            nonlocal began_s
            began_s = time.monotonic()

        yield begins
        self.crowds.until(
            lambda heard: len({each["name"] for each in heard[mark:] if each["what"] == "connected"}) >= connecting, _STORM_S, name
        )
        after_s = [each["at_s"] - began_s for each in self.crowds.since(mark, "connected")]
        self.crowds.until(lambda heard: self._have_told(heard[mark:]), _STORM_S, f"{name}: each tells how it is")
        again = self.crowds.mark()
        self.crowds.until(lambda heard: self._have_told(heard[mark:again], heard[again:]), _STORM_S, f"{name}: and each goes on")
        told_s = [each["at_s"] - began_s for each in self.crowds.since(mark, "told")]
        self.outcome.storms.append(Storm(name, after_s, len(self.crowds.since(mark, "lost")), told_s))

    def _have_told(self, heard: list[dict[str, Any]], later: Sequence[dict[str, Any]] | None = None) -> bool:
        """Whether each who has connected has told how it is since; or later, where that is given."""
        last = {(each["what"], each["name"]): each["at_s"] for each in heard}
        told = last if later is None else {(each["what"], each["name"]): each["at_s"] for each in later}
        mute = {str(name) for name in self.with_deed("mute")}
        return all(told.get(("told", name), 0.0) > at_s for (what, name), at_s in last.items() if what == "connected" and name not in mute)

    def settled(self, timeout_s: float) -> None:
        """Waits until the alerts are as they must be."""
        self.desk.until_alerts(self.expected, timeout_s)
