"""Makes and sends the reports in time, day after day: looks what is due, does it once, and says when it is late."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import timedelta

from edge_agent.base.notify import Beat
from edge_agent.base.trouble import where
from edge_agent.wire.keyring import day_of
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.fleet.senders import NotDelivered
from province.records import day_counts
from province.reports import making, plan, posting, rollup, shelf
from province.reports.addressees import Addressee
from province.reports.form import Document
from province.reports.plan import Task
from province.reports.posting import Post, Unsure
from province.reports.shelf import Kind, Which
from province.store import database
from province.store.opened import Connection

_log = logging.getLogger(__name__)
_EACH_S = 20.0
_SINGLE_DAYS = 100  # that stay counted one by one; of what is older the months


class Office:
    """Whoever makes and sends; one of them works on a province.

    Args:
        layout: the province.
        addressees: to whom reports go.
        now_ms: the time, milliseconds since 1970 UTC.
        beat: told that it is alive.
    """

    def __init__(self, layout: Layout, addressees: Sequence[Addressee], now_ms: Callable[[], int], beat: Beat | None = None) -> None:
        self._layout, self._addressees, self._now_ms, self._beat = layout, {one.name: one for one in addressees}, now_ms, beat
        self._stopping = threading.Event()
        self._told: set[object] = set()

    def stop(self) -> None:
        """Lets `work` end."""
        self._stopping.set()

    def work(self) -> None:
        """Works until `stop`; what cannot be done now is tried again."""
        while not self._stopping.is_set():
            try:
                self.round()
            except ProvinceError as error:
                _log.warning("reports: %s; tried again", error)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next report is tried
                _log.error("reports: unexpected %s; tried again", where(error, 3))
            self._alive()
            self._stopping.wait(_EACH_S)

    def round(self) -> None:
        """Makes what is due and sends what waits.

        Raises:
            ProvinceError: not all could be done now.
        """
        with closing(database.connect(self._layout.register)) as connection:
            tasks = plan.tasks(self._now_ms(), {kind: shelf.newest(connection, kind) for kind in Kind})
            for task in tasks:
                self._make(connection, task)
            self._fold(connection)
            for post in posting.waiting(connection, self._now_ms()):
                self._send(connection, post)
            self._say_how_it_stands(connection, tasks)

    def _alive(self) -> None:
        if self._beat is not None:
            self._beat.notifier.alive()

    # ── making ──

    def _make(self, connection: Connection, task: Task) -> None:
        done = {subject for subject, day in shelf.days_made(connection, task.kind, task.day) if day == task.day}
        if task.kind is not Kind.UNIT and "" in done:
            return
        if task.kind is Kind.UNIT and done >= {one.id for one in making.reporters(connection)}:
            return
        made_ms = self._now_ms()
        for subject, document in self._documents(connection, task, made_ms, done):
            which = Which(task.kind, subject, task.day)
            wanted = [one.name for one in self._addressees.values() if one.wants(which)]
            with database.transaction(connection, self._layout.register):
                new = shelf.put(connection, which, document, made_ms, task.due_ms, wanted)
            if new:
                late = ", late" if made_ms > task.due_ms else ""
                _log.info("made: report %s %s of %s%s", task.kind, subject or "of the province", task.day.isoformat(), late)
            self._alive()

    def _documents(self, connection: Connection, task: Task, made_ms: int, done: set[str]) -> Iterable[tuple[str, Document]]:
        if task.kind is Kind.WEEK:
            yield "", making.of_week(connection, task.day, made_ms)
            return
        known = making.survey(connection, task.day, made_ms)
        if task.kind is Kind.PROVINCE:
            yield "", rollup.daily(known)
            return
        for one in making.reporting(known):
            if one.id not in done:
                yield one.id, making.of_organisation(known, one.id)

    def _fold(self, connection: Connection) -> None:
        before = day_of(self._now_ms()) - timedelta(days=_SINGLE_DAYS)
        if before.replace(day=1) in self._told:
            return
        folded = 1
        while folded:
            with database.transaction(connection, self._layout.register):
                folded = day_counts.fold(connection, before)
            self._alive()
        self._told.add(before.replace(day=1))

    # ── sending ──

    def _send(self, connection: Connection, post: Post) -> None:
        addressee, path = self._addressees.get(post.addressee), self._layout.register
        kept = shelf.read(connection, post.which)
        if addressee is None or kept is None or not posting.try_now(connection, path, post, self._now_ms()):
            return
        name = f"report {post.which.kind} {post.which.subject} of {post.which.day}"
        try:
            refused = posting.hand_over(addressee.mail, posting.letter(addressee.mail, post, kept[0], self._now_ms()))
        except NotDelivered as error:
            posting.not_sent(connection, path, post, self._now_ms())
            _log.warning("%s: not sent to %s (%s); tried again", name, post.addressee, error)
        except Unsure as error:
            _log.error(
                "%s: nobody knows whether it reached %s (%s): ask, and if not: gate-province report send", name, post.addressee, error
            )
        else:
            posting.sent(connection, path, post, self._now_ms())
            also = f"; {refused} of its addresses were refused" if refused else ""
            _log.log(logging.WARNING if refused else logging.INFO, "%s: sent to %s%s", name, post.addressee, also)
        self._alive()

    # ── telling ──

    def _say_how_it_stands(self, connection: Connection, tasks: Sequence[Task]) -> None:
        """Says once of each report that is late, and in the status what is."""
        now_ms, late = self._now_ms(), list[str]()
        for task in tasks:
            if task.due_ms < now_ms and not self._is_made(connection, task):
                late.append(f"{task.kind} of {task.day} not made")
        late += [
            f"{post.which.kind} {post.which.subject} of {post.which.day} not sent to {post.addressee}"
            for post in posting.unsent(connection, now_ms) if post.due_ms < now_ms
        ]  # fmt: skip
        for words in late:
            if words not in self._told:
                self._told.add(words)
                _log.warning("late: report %s", words)
        if self._beat is not None:
            self._beat.notifier.status(f"late: {len(late)} reports, the first {late[0]}" if late else "every report is made and sent")

    def _is_made(self, connection: Connection, task: Task) -> bool:
        done = {subject for subject, day in shelf.days_made(connection, task.kind, task.day) if day == task.day}
        return "" in done if task.kind is not Kind.UNIT else done >= {one.id for one in making.reporters(connection)}
