"""Looks at the fleet's store as a desk does: when what was told shows there, when alerts begin and end, and whether all of it is right."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from edge_agent.wire import telemetry
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.watch.fleet_rules import Trouble
from province.watch.fleet_store import FleetStore

_LOOK_S = 0.01
Alerts = Mapping[DeviceName, frozenset[Trouble]]


class _AtMs(msgspec.Struct):
    at_ms: int


@dataclass(frozen=True, slots=True)
class Shown:
    """Telemetry that shows: whose, when it was told by its own clock, and when it was there to be seen."""

    name: DeviceName
    at_ms: int
    seen_ms: int

    @property
    def delay_s(self) -> float:
        return (self.seen_ms - self.at_ms) / 1000


class Desk:
    """Looks whenever the store has changed, a hundred times a second at most.

    Args:
        store: the file; there already.
    """

    def __init__(self, store: Path) -> None:
        self._path = store
        self.changed = threading.Condition()
        self.shown: list[Shown] = []
        self.online: set[DeviceName] = set()
        self.open: dict[DeviceName, set[Trouble]] = {}
        self.began: dict[tuple[DeviceName, Trouble], int] = {}  # when an open alert was first seen
        self._noted: dict[tuple[str, str], int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look_on(self) -> None:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=5.0)) as db:
            version, told_ms = -1, 0
            while not self._over.wait(_LOOK_S):
                now = db.execute("PRAGMA data_version").fetchone()[0]
                if now != version:
                    version = now
                    told_ms = self._look(db, told_ms)

    def _look(self, db: sqlite3.Connection, told_ms: int) -> int:
        rows = db.execute("SELECT org, device, told_ms, telemetry FROM device WHERE told_ms >= ? AND told_ms > 0", (told_ms,)).fetchall()
        online = {DeviceName(*row) for row in db.execute("SELECT org, device FROM device WHERE instr(CAST(status AS TEXT), 'online')")}
        open_now = db.execute("SELECT org, device, trouble FROM alert WHERE ended_ms IS NULL")
        alerts = [(DeviceName(row[0], row[1]), Trouble(row[2])) for row in open_now]
        seen_ms = now_ms()
        with self.changed:
            for org, device, told, text in rows:
                if self._noted.get((org, device)) != told:
                    self._noted[org, device] = told
                    self.shown.append(Shown(DeviceName(org, device), msgspec.json.decode(text, type=_AtMs).at_ms, seen_ms))
            self.online, self.open = online, {}
            for name, trouble in alerts:
                self.open.setdefault(name, set()).add(trouble)
                self.began.setdefault((name, trouble), seen_ms)
            for key in self.began.keys() - set(alerts):
                del self.began[key]
            self.changed.notify_all()
        return max((row[2] for row in rows), default=told_ms)

    def mark(self) -> int:
        """What is shown from now on begins here."""
        with self.changed:
            return len(self.shown)

    def since(self, mark: int) -> list[Shown]:
        """What was shown since a mark."""
        with self.changed:
            return self.shown[mark:]

    def until(self, wanted: Callable[[Desk], bool], timeout_s: float, what: Callable[[], str] | str) -> None:
        """Waits until what is seen is as wanted."""
        with self.changed:
            if not self.changed.wait_for(lambda: wanted(self), timeout_s):
                raise AssertionError(f"not within {timeout_s:g} s: {what if isinstance(what, str) else what()}")

    def until_alerts(self, expected: Alerts, timeout_s: float) -> None:
        """Waits until the open alerts are these, no more and no less."""
        wanted = {name: set(found) for name, found in expected.items() if found}
        self.until(lambda desk: desk.open == wanted, timeout_s, lambda: "; ".join(differences(wanted, self.open)[:20]))


def differences(expected: Mapping[DeviceName, Iterable[Trouble]], found: Mapping[DeviceName, Iterable[Trouble]]) -> list[str]:
    """What is missing and what is too much."""
    lines = []
    for name in sorted({*expected, *found}, key=str):
        missing, more = set(expected.get(name, ())) - set(found.get(name, ())), set(found.get(name, ())) - set(expected.get(name, ()))
        lines += [f"{name}: {', '.join(each)} {word}" for each, word in ((missing, "missing"), (more, "too much")) if each]
    return lines


def flaws(store_file: Path, known: Iterable[DeviceName], expected: Alerts, told: Mapping[DeviceName, bytes]) -> list[str]:
    """Everything that is wrong in what each organisation is shown.

    Args:
        store_file: the fleet's store.
        known: all scanners.
        expected: their alerts.
        told: the last telemetry that each sent and that was not to be refused.
    """
    found: list[str] = []
    orgs = {name.org for name in known}
    with FleetStore(store_file) as store:
        for org in sorted(orgs):
            ours = sorted((name for name in known if name.org == org), key=str)
            shown = store.devices(org)
            if [seen.name for seen in shown] != ours:
                found.append(f"{org}: shown {len(shown)} scanners, {len(ours)} are its own")
            alerts: dict[DeviceName, set[Trouble]] = {}
            for alert in store.alerts(org):
                alerts.setdefault(alert.name, set()).add(alert.trouble)
            found += differences({name: expected[name] for name in ours}, alerts)
            for seen in shown:
                last = told.get(seen.name)
                if last and (seen.telemetry is None or telemetry.encode(seen.telemetry) != last):
                    found.append(f"{seen.name}: shows other telemetry than it told last")
                if store.history(org, seen.name) and any(store.history(other, seen.name) for other in orgs - {org}):
                    found.append(f"{seen.name}: its history is shown to another organisation")
        if store.devices("nobody") or store.alerts("nobody"):
            found.append("an organisation that has none is shown scanners")
    return found
