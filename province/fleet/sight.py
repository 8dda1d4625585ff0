"""The fleet as it is now, in memory: what pages and terminal show. One thread reads `fleet.sqlite` and says when something has changed."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.watch.fleet_rules import Seen, Trouble
from province.watch.fleet_store import FleetAlert, FleetStore

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")
_LOOK_S = 0.1
_ALL_S = 5.0  # who was registered, moved or revoked shows after so long
_OVERLAP_MS = 5000  # a clock that is set back by so much hides nothing


class State(StrEnum):
    """How a device is, in one word; the first needs people first."""

    ALARM = "alarm"  # entries may be gone or forged
    OFFLINE = "offline"
    TROUBLE = "trouble"
    SHUT = "shut"  # well, and not open
    WELL = "well"


_ALARMS = frozenset({Trouble.FORK, Trouble.GAP})


@dataclass(frozen=True, slots=True)
class Row:
    """One device.

    Attributes:
        seen: what is known of it.
        alerts: that are open, the worst first.
    """

    seen: Seen
    alerts: tuple[FleetAlert, ...]

    @property
    def state(self) -> State:
        """How it is."""
        found = {alert.trouble for alert in self.alerts}
        if found & _ALARMS:
            return State.ALARM
        if Trouble.OFFLINE in found or (self.seen.telemetry is None and self.seen.status is None):
            return State.OFFLINE
        if found:
            return State.TROUBLE
        shut = self.seen.telemetry is not None and self.seen.telemetry.gate != "open"
        return State.SHUT if shut else State.WELL

    @property
    def heard_ms(self) -> int:
        """When something last came of it; 0 when nothing ever has."""
        return max(self.seen.told_ms, self.seen.status_ms)


class Picture(Mapping[DeviceName, Row]):
    """All devices at one moment; never changed once made."""

    def __init__(self, rows: Mapping[DeviceName, Row] | None = None) -> None:
        self._rows = rows or {}
        self.heard_ms = max((row.heard_ms for row in self._rows.values()), default=0)

    def __getitem__(self, name: DeviceName) -> Row:
        return self._rows[name]

    def __iter__(self) -> Any:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, org: str | None) -> list[Row]:
        """The devices of an organisation; None: all, for the province's staff."""
        return [row for name, row in self._rows.items() if org in {None, name.org}]


def row_of(seen: Seen, alerts: Sequence[FleetAlert]) -> Row:
    """A device with its open alerts."""
    return Row(seen, tuple(sorted(alerts, key=lambda alert: _WORST.index(alert.trouble))))


_WORST = list(Trouble)


def picture_of(store: FleetStore, org: str | None = None) -> Picture:
    """All of it, read now."""
    return _with_alerts({seen.name: seen for seen in store.devices(org)}, store.alerts(org))


def _with_alerts(known: Mapping[DeviceName, Seen], alerts: Sequence[FleetAlert]) -> Picture:
    by_name: dict[DeviceName, list[FleetAlert]] = {}
    for alert in alerts:
        by_name.setdefault(alert.name, []).append(alert)
    return Picture({name: row_of(seen, by_name.get(name, ())) for name, seen in known.items()})


class Sight:
    """The reader.

    Args:
        path: of `fleet.sqlite`.
        changed: called after each change, from the reader's thread; must return at once.
    """

    def __init__(self, path: Path, changed: Callable[[], None] = lambda: None) -> None:
        self._path, self._changed = path, changed
        self._calls: queue.SimpleQueue[Callable[[FleetStore], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, name="fleet-reader", daemon=True)
        self._opened: Future[None] = Future()
        self._known: dict[DeviceName, Seen] = {}
        self.picture = Picture()

    def start(self) -> None:
        """Begins; returns when the first picture is there.

        Raises:
            ProvinceError: the store cannot be opened.
        """
        self._thread.start()
        self._opened.result()

    def stop(self) -> None:
        """Ends it."""
        self._calls.put(None)
        if self._thread.is_alive():
            self._thread.join(5.0)

    def ask(self, question: Callable[[FleetStore], _Answer]) -> _Answer:
        """Asks the store something, from any thread.

        Raises:
            ProvinceError: it cannot be read or written now.
        """
        future: Future[_Answer] = Future()

        def call(store: FleetStore) -> None:
            try:
                future.set_result(question(store))
            except sqlite3.Error as error:
                future.set_exception(ProvinceError(f"{self._path}: cannot be used now ({error}). Try again."))
            except Exception as error:  # noqa: BLE001 - raised again where it was asked
                future.set_exception(error)

        self._calls.put(call)
        return future.result(30.0)

    def acknowledge(self, org: str | None, number: int, by: str, note: str) -> bool:
        """As the store's; the picture shows it when this returns.

        Raises:
            ProvinceError: it cannot be written now.
        """

        def note_it(store: FleetStore) -> bool:
            done = store.acknowledge(org, number, by, now_ms(), note)
            self._take(store, everything=True)
            return done

        return self.ask(note_it)

    def _read(self) -> None:
        try:
            store = FleetStore(self._path)
        except ProvinceError as error:
            self._opened.set_exception(error)
            return
        with store:
            self._watch(store)

    def _watch(self, store: FleetStore) -> None:
        self._take(store, everything=True)
        self._opened.set_result(None)
        seen, rounds, whole = store.number_of_changes(), 0, True
        while True:
            with suppress(queue.Empty):
                call = self._calls.get(timeout=_LOOK_S)
                if call is None:
                    return
                call(store)
                continue
            rounds += 1
            try:
                changed = (number := store.number_of_changes()) != seen
                everything = rounds % round(_ALL_S / _LOOK_S) == 0 and (changed or not whole)
                if changed or everything:
                    self._take(store, everything=everything)
                    seen, whole = number, everything
            except sqlite3.Error as error:
                _log.warning("the fleet cannot be read now (%s); tried again", error)

    def _take(self, store: FleetStore, *, everything: bool) -> None:
        if everything:
            self._known = {seen.name: seen for seen in store.devices(None)}
        else:
            changed = {seen.name: seen for seen in store.heard_since(self.picture.heard_ms - _OVERLAP_MS)}
            self._known = {name: changed.get(name, seen) for name, seen in self._known.items()}
        self.picture = _with_alerts(self._known, store.alerts(None))
        self._changed()


def is_quiet(picture: Picture, at_ms: int | None = None) -> bool:
    """Whether nothing at all has come for two minutes: rather the watch is away than every device."""
    return len(picture) > 0 and (now_ms() if at_ms is None else at_ms) - picture.heard_ms > 120_000
