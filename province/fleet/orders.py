"""Carries commands from the page or the terminal to scanners, as `gate-province command` does, and keeps what becomes of each.

One thread does it. It is connected to the broker only while something is on its way: the broker knows one commander, and the command line
wants its turn. What was ordered is in the audit log before it is sent; what is kept here is for showing, and gone with the process.
"""

from __future__ import annotations

import logging
import queue
import secrets
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from time import monotonic

from edge_agent.base.trouble import where
from edge_agent.wire.command import Action
from edge_agent.wire.results import Result
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.commands import operators
from province.commands.operating import Desk, at_the_broker
from province.commands.ordering import Order
from province.commands.scanners import Registered
from province.commands.seat import enter
from province.registry import revocations
from province.store.opened import Connection

_log = logging.getLogger(__name__)
OFFERED = (
    Action.IDENTIFY, Action.TEST_PATTERN, Action.OPEN, Action.CLOSE, Action.SETUP, Action.RESTART_FIRMWARE, Action.RESTART_AGENT,
    Action.RESTART_DEVICE, Action.ROTATE_KEYS, Action.DIAGNOSTICS,
)  # fmt: skip  # those without arguments; the others need the command line
LIFE_MS = 600_000
REASON_MOST = 100
_MOST, _MOST_WAITING = 300, 50
_SLICE_S = 0.2


@dataclass(frozen=True, slots=True)
class Ordered:
    """One command.

    Attributes:
        ref: names it; given by who asked, so that a form sent twice is one command.
        by: the operator.
        told: what the scanner has said of it, in order, with the time.
        trouble: why it was not sent, or why its end is not known; empty while it is on its way.
    """

    ref: str
    name: DeviceName
    action: Action
    reason: str
    by: str
    at_ms: int
    told: tuple[tuple[int, Result], ...] = ()
    trouble: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""
        return bool(self.trouble) or any(result.state.is_final for _at_ms, result in self.told)

    @property
    def word(self) -> str:
        """How far it is: a result's state, `sent`, or `unknown`."""
        if self.told and (not self.trouble or self.told[-1][1].state.is_final):
            return str(self.told[-1][1].state)
        return "unknown" if self.trouble else "sent"


def new_ref() -> str:
    """A name for a command to come."""
    return secrets.token_urlsafe(12)


@dataclass
class _Running:
    order: Order
    until_s: float


@dataclass
class Orders:
    """The commands of this process.

    Attributes:
        layout: the province.
        address: the broker's.
        changed: called after each change, from the thread; must return at once.
    """

    layout: Layout
    address: tuple[str, int]
    changed: Callable[[], None] = lambda: None
    _known: OrderedDict[str, Ordered] = field(default_factory=OrderedDict)
    _queue: queue.Queue[str | None] = field(default_factory=lambda: queue.Queue(_MOST_WAITING))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None
    _stopping: bool = False

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread = threading.Thread(target=self._work, name="orders", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it; what is on its way goes on at its scanner."""
        self._stopping = True
        with suppress(queue.Full):  # then the thread waits for nothing, and sees that it shall end
            self._queue.put_nowait(None)
        if self._thread is not None:
            self._thread.join(1.0)  # it may be connecting; the process's end ends it

    def is_ready(self) -> bool:
        """Whether this province can send commands at all."""
        return operators.is_ready(self.layout)

    def give(self, ref: str, name: DeviceName, action: Action, reason: str, by: str) -> Ordered:
        """Takes a command on; the same reference again is the same command.

        Raises:
            ProvinceError: too many wait, or this process may not send this one.
        """
        if action not in OFFERED:
            raise ProvinceError(f"{action}: needs the command line: gate-province command {action} --help")
        with self._lock:
            if ref in self._known:
                return self._known[ref]
            made = Ordered(ref, name, action, "".join(filter(str.isprintable, reason))[:REASON_MOST], by, now_ms())
            self._known[ref] = made  # before the thread can meet it
            try:
                self._queue.put_nowait(ref)
            except queue.Full:
                del self._known[ref]
                raise ProvinceError("too many commands wait; nothing was sent. Try again in a minute.") from None
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        self.changed()
        return made

    def find(self, org: str | None, ref: str) -> Ordered | None:
        """A command of an organisation's scanner; None for any other."""
        found = self._known.get(ref)
        return found if found is not None and org in {None, found.name.org} else None

    def of(self, name: DeviceName) -> list[Ordered]:
        """The last commands for a scanner, newest first; who asks for an operator compares `name.org` first."""
        with self._lock:
            return [each for each in reversed(self._known.values()) if each.name == name][:10]

    # ── in the thread ──

    def _work(self) -> None:
        while not self._stopping:
            ref = self._queue.get()
            if ref is None:
                return
            running: dict[str, _Running] = {}
            try:
                with closing(revocations.connect(self.layout, now_ms())) as connection:
                    self._carry(ref, running, connection)
            except (ProvinceError, sqlite3.Error) as error:
                self._all_failed(ref, running, str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the page goes on
                _log.error("unexpected %s; please report it", where(error, 3))
                self._all_failed(ref, running, f"unexpected {type(error).__name__}; it is in the log")

    def _carry(self, first: str, running: dict[str, _Running], connection: Connection) -> None:
        """Sends what waits and hears what comes, until nothing is on its way."""
        if not operators.is_ready(self.layout):
            raise ProvinceError(f"this province has no keys for commands yet. Once: gate-province command prepare {self.layout.root}")
        with at_the_broker(self.layout, self.address, (), Leaf.RESULTS) as desk:
            self._send(first, desk, connection, running)
            while not self._stopping:
                self._send_waiting(desk, connection, running)
                if not running:
                    return
                for arrived in desk.heard(_SLICE_S):
                    for each in list(running.values()):
                        each.order.hear(desk, arrived)
                self._let_go(running)

    def _send_waiting(self, desk: Desk, connection: Connection, running: dict[str, _Running]) -> None:
        while not self._queue.empty():
            ref = self._queue.get_nowait()
            if ref is None:
                self._stopping = True
                return
            self._send(ref, desk, connection, running)

    def _send(self, ref: str, desk: Desk, connection: Connection, running: dict[str, _Running]) -> None:
        ordered = self._known[ref]

        def tell(_name: DeviceName, result: Result) -> None:
            known = self._known.get(ref, ordered)
            self._note(ref, told=(*known.told, (now_ms(), result)))

        order = Order(self.layout, Registered(connection), ordered.action, (), LIFE_MS, now_ms, tell)
        try:
            enter(self.layout, connection, f"{ordered.name}: {ordered.action}", ordered.reason, ordered.by)
            order.send(desk, ordered.name)
        except ProvinceError as error:
            self._note(ref, trouble=str(error))
            return
        running[ref] = _Running(order, monotonic() + LIFE_MS / 1000)

    def _let_go(self, running: dict[str, _Running]) -> None:
        for ref, each in list(running.items()):
            if not each.order.silent():
                del running[ref]
            elif monotonic() > each.until_s:
                del running[ref]
                self._note(ref, trouble="it was not answered in ten minutes; the scanner does not do it any more.")

    def _all_failed(self, first: str, running: dict[str, _Running], why: str) -> None:
        refs = [first, *running]
        while not self._queue.empty():
            refs += [ref for ref in (self._queue.get_nowait(),) if ref is not None]
        for ref in dict.fromkeys(refs):
            known = self._known.get(ref)  # of very many the oldest are not shown any more
            if known is not None and not known.is_over:
                self._note(ref, trouble=why)

    def _note(self, ref: str, **what: object) -> None:
        with self._lock:
            if ref in self._known:
                self._known[ref] = replace(self._known[ref], **what)  # type: ignore[arg-type]  # fields of ours
        self.changed()
