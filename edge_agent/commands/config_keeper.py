"""Tries what is to be set from afar, keeps it when the device is well with it within a minute, and takes it back otherwise.

Validated whole first, by firmware too, which knows the drivers' URLs and the gate's rules. Then one write puts it on trial, and firmware
opens the gate anew with it; one write makes it what is in force, or takes it back. A power cut in between leaves the trial, which begins
again; one that has begun too often is taken back. Source: decision 0090.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.base.trouble import where
from edge_agent.device import overlay, settings_file, taken
from edge_agent.device.control import ask, ask_counters
from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.device.overlay import DOCUMENT, FILE_NAME, Tables
from edge_agent.device.settings import ConfigError
from edge_agent.wire.desired_config import Desired

log = logging.getLogger(__name__)
PATIENCE_S = 60.0
_LOOK_S = 1.0
_WELL_IN_A_ROW = 3
_MOST_STARTS = 3  # of the agent in one trial
_RETRY_S = 10.0
_MOST_ERRORS = 20
_INTERNAL = "internal-error"  # a fault of ours; the device's log names the line
_WELL = {"working", "ended"}  # how a source may be


@dataclass(frozen=True, slots=True)
class Health:
    """How the device was before, or is: what a new configuration must not make worse.

    Attributes:
        sources: lanes whose source works.
        connected: to the broker.
    """

    sources: frozenset[str]
    connected: bool


class NotGood(Exception):
    """What was to be set is not in force; the message lists why, one a line."""

    def __init__(self, state: str, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.state = state
        self.errors = errors


class NotYet(NotGood):
    """Nobody here can check it now: firmware does not run. Nothing was decided."""


class ConfigKeeper:
    """What is set from afar on one device.

    Args:
        source: gate.toml.
        state, runtime: the device's folders.
        connected: whether the broker has us now.
        report: called with what to publish on `config/reported`.
        reopen: has the agent connect anew with the settings as they are now; returns at once.
    """

    def __init__(
        self, source: Path, state: Path, runtime: Path, connected: Callable[[], bool], report: Callable[[bytes], object],
        reopen: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._source, self._state, self._runtime = source, state, runtime
        self._connected = connected
        self._publish = report
        self._reopen = reopen
        self._wanted: queue.SimpleQueue[Desired | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._turn = threading.Lock()  # one trial at a time, whoever asks for it
        self._thread = threading.Thread(target=self._run, name="config", daemon=True)

    def start(self) -> None:
        """Begins; a trial that was cut short begins again."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; a trial is gone on with at the next start."""
        self._ending.set()
        self._wanted.put(None)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_RETRY_S)

    def wanted(self, desired: Desired) -> None:
        """Somebody who may wants this; returns at once."""
        self._wanted.put(desired)

    def tell(self) -> None:
        """Reports how it stands, as it should after each connection."""
        try:
            stored = self._stored()
        except OSError:
            return
        said = stored.get("verdict") or {"state": "none", "counter": 0, "errors": []}
        trial = stored.get("trial")
        if trial is not None:
            said = {"state": "trying", "counter": trial["counter"], "errors": []}
        self._publish(json.dumps({"version": 1, **said, "settings": stored.get("applied", {})}, ensure_ascii=False).encode())

    def in_force(self) -> Tables:
        """What is set from afar now."""
        return overlay.in_force(self._state)

    def firmware_answers(self) -> bool:
        """Whether firmware runs, which must look at what is to be set."""
        return ask_counters(self._runtime) is not None

    def on_trial(self) -> bool:
        """Whether something is being tried."""
        try:
            return self._stored().get("trial") is not None
        except OSError:
            return True

    # ── the disk ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _stored(self) -> dict[str, Any]:
        with closing(Documents(self._state, FILE_NAME)) as documents:
            try:
                return documents.get_sure(DOCUMENT) or {}
            except DocumentsDamaged as error:
                log.error("%s: set aside: the device goes by gate.toml alone", error)  # noqa: TRY400 - for people
                documents.set_aside()
                return {}

    def _seen(self, stored: Mapping[str, Any]) -> int:
        """No configuration up to this counter is taken: where the file is gone or set aside, the last one is, and none before it."""
        return max(int(stored.get("seen", 0)), taken.config_counter(self._state) - 1)

    def _store(self, **changes: Any) -> None:
        self._put({**self._stored(), **changes})

    def _put(self, value: Mapping[str, Any]) -> None:
        with closing(Documents(self._state, FILE_NAME)) as documents:
            documents.put(DOCUMENT, value)

    # ── the keeper's thread ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        self._go_on()
        while (desired := self._wanted.get()) is not None and not self._ending.is_set():
            try:
                self._take(desired)
            except OSError as error:
                log.error("a configuration cannot be stored (%s); it comes again with the next connection", error)  # noqa: TRY400
            except Exception as error:  # noqa: BLE001 - a fault of ours in one configuration must not keep the device from the next for ever
                self._fault(error, desired.counter)

    def _go_on(self) -> None:
        """Goes on with a trial that was cut short."""
        try:
            taken.note_config(self._state, self._stored().get("seen", 0))  # a release before may have noted nothing
            with self._turn:
                trial = self._stored().get("trial")
                if trial is None:
                    return
                self._store(trial={**trial, "starts": trial["starts"] + 1})
                self._judge(trial["starts"] + 1)
        except NotGood as error:
            log.warning("set from afar, and taken back: %s", error)
        except OSError as error:
            log.error("a configuration on trial cannot be judged (%s)", error)  # noqa: TRY400 - for people
        except Exception as error:  # noqa: BLE001 - as in _run
            self._fault(error, None)

    def _fault(self, error: Exception, counter: int | None) -> NotGood:
        """Takes back what is on trial, or refuses what was to be, where nobody foresaw what happened; returns what is said of it.

        Args:
            error: named in the log by its place alone.
            counter: of the configuration; None for what is on trial already, or for a command.
        """
        log.error("configuration %s: unexpected %s; please report it", "on trial" if counter is None else counter, where(error, 3))
        verdict = NotGood("refused", [_INTERNAL])
        try:
            with self._turn:
                stored = self._stored()
                trial = stored.get("trial")
                if trial is not None and counter in {None, trial.get("counter")}:
                    verdict = NotGood("rolled-back", [_INTERNAL])
                    self._store(trial=None, verdict={"state": verdict.state, "counter": trial.get("counter", 0), "errors": verdict.errors})
                    if trial.get("tables", {}).get("agent") != stored.get("applied", {}).get("agent"):
                        self._reopen()
                elif counter is not None and stored.get("verdict", {}).get("counter") != counter:
                    self._refuse(counter, verdict.errors)
                    return verdict
            self.tell()
        except Exception as again:  # noqa: BLE001 - the thread lives on; what is on trial ends with its last start
            log.error("a configuration's end cannot be stored or told: %s", where(again, 3))  # noqa: TRY400 - without any value
        return verdict

    def _take(self, desired: Desired) -> None:
        if desired.counter <= self._seen(self._stored()):
            return  # the retained one, once more; an older one is a replay
        try:
            self.apply(settings_file.parse_overlay(desired.text), desired.counter)
        except ConfigError as error:
            self._refuse(desired.counter, str(error).splitlines())
        except NotYet:
            self._ending.wait(_RETRY_S)  # at the start of the device firmware may come after us
            if self._wanted.empty():
                self._wanted.put(desired)
        except NotGood as error:
            log.warning("configuration %d is not in force: %s", desired.counter, error)

    def _refuse(self, counter: int, errors: list[str]) -> None:
        errors = errors[:_MOST_ERRORS]
        seen = max(counter, self._seen(self._stored()))
        taken.note_config(self._state, seen)
        self._store(seen=seen, verdict={"state": "refused", "counter": counter, "errors": errors})
        self.tell()

    def apply(self, tables: Tables, counter: int | None = None) -> None:
        """Validates, tries and keeps it; returns when it is in force.

        Args:
            tables: the whole of what shall differ from gate.toml.
            counter: of the configuration; None leaves it, for a command.

        Raises:
            NotGood: it was refused, or taken back; as NotYet, it waits for firmware.
            OSError: it cannot be stored; nothing was done.
        """
        try:
            self._apply(tables, counter)
        except (NotGood, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - as in _run; what is on trial must not stay so
            raise self._fault(error, counter) from None

    def _apply(self, tables: Tables, counter: int | None) -> None:
        with self._turn:
            stored = self._stored()
            own = stored.get("seen", 0) if counter is None else counter
            try:
                self._check(tables)
            except NotYet:
                raise
            except NotGood as error:
                self._refuse(own, error.errors)
                raise
            before = self._health()
            trial = {
                "counter": own, "tables": tables, "starts": 0, "sources": sorted(before.sources), "connected": before.connected,
            }  # fmt: skip
            seen = max(own, self._seen(stored))
            taken.note_config(self._state, seen)
            self._store(seen=seen, trial=trial)
            self.tell()
            if tables.get("agent") != stored.get("applied", {}).get("agent"):
                self._reopen()
                raise NotGood("trying", ["the agent connects anew with it first"])
            self._judge(0)

    def _check(self, tables: Tables) -> None:
        """Has firmware look first: it finds whatever is wrong, we only what concerns no driver and no rule of the gate."""
        answer = ask(self._runtime, "check-config", ("config-checked", "refused"), tables=tables)
        if answer is not None and (problems := answer.get("problems")):
            raise NotGood("refused", [str(problem) for problem in problems])
        try:
            settings_file.try_overlay(self._source, tables)
        except ConfigError as error:
            raise NotGood("refused", str(error).splitlines()) from None
        if answer is None or answer["type"] == "refused":
            raise NotYet("no-firmware", ["firmware does not run or does not answer: nobody here can check it whole"])

    def _health(self) -> Health:
        sources = (ask_counters(self._runtime) or {}).get("sources", {})
        return Health(frozenset(lane for lane, state in sources.items() if state in _WELL), self._connected())

    def _judge(self, starts: int) -> None:
        """Waits for the device to be well with what is on trial, and keeps it or takes it back.

        Raises:
            NotGood: it was taken back.
        """
        stored = self._stored()
        trial: Mapping[str, Any] = stored["trial"]
        errors = ["it was begun too often without an end"] if starts > _MOST_STARTS else self._until_well(trial)
        if errors is None:
            return  # the agent ends: the next one goes on
        verdict = {"state": "rolled-back" if errors else "applied", "counter": trial["counter"], "errors": errors}
        self._store(trial=None, applied=stored.get("applied", {}) if errors else trial["tables"], verdict=verdict)
        log.info("configuration %d: %s", trial["counter"], verdict["state"])
        self.tell()
        if errors:
            if trial["tables"].get("agent") != stored.get("applied", {}).get("agent"):
                self._reopen()
            raise NotGood("rolled-back", errors)

    def _until_well(self, trial: Mapping[str, Any]) -> list[str] | None:
        """Nothing once it is well; what is not after a minute; None when the agent ends."""
        end_s, in_a_row, missing = time.monotonic() + PATIENCE_S, 0, [""]
        while in_a_row < _WELL_IN_A_ROW:
            if time.monotonic() >= end_s:
                return missing
            if self._ending.wait(_LOOK_S):
                return None
            missing = self._missing(trial)
            in_a_row = 0 if missing else in_a_row + 1
        return []

    def _missing(self, trial: Mapping[str, Any]) -> list[str]:
        counters = ask_counters(self._runtime)
        if counters is None:
            return ["firmware did not open the gate with it"]
        missing = [] if counters.get("overlay") == overlay.mark(trial["tables"]) else ["firmware goes on without it"]
        sources = counters.get("sources", {})
        missing += [f"lane {lane}: it read before, and does not" for lane in trial["sources"] if sources.get(lane) not in _WELL]
        return missing + (["no connection to the broker"] if trial["connected"] and not self._connected() else [])
