"""Takes commands from the broker, has them done one after the other, and tells what became of each until the broker has it.

The uplink's thread takes and tells; a thread of its own does. Between them lies the store: what is not on the disk has not happened.
Source: design.md "Keys" and "MQTT", decision 0090.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial

from edge_agent.base.trouble import where
from edge_agent.commands.command_judge import Judge, Refused, Times
from edge_agent.commands.command_store import Kept
from edge_agent.commands.executors import Executor, Failed, Job, Unfinished, cut_short, until
from edge_agent.link.broker_link import Message
from edge_agent.wire import results
from edge_agent.wire.command import Action
from edge_agent.wire.results import TOLD, Refusal, Result, State
from edge_agent.wire.topics import Leaf

log = logging.getLogger(__name__)
_STORE_AGAIN_S = 5.0
_STOP_S = 15.0
_MOST_PROVED = 64
READY_S = 90.0  # so long a command waits for firmware to come up
_PIECE_BYTES, _PIECE_S = 30_000, 60.0
_NO_EXECUTOR = {Action.UPDATE: ("no-updater", "no updater installed")}
Publish = Callable[[Message], Callable[[], bool] | None]


class CommandDesk:
    """The commands of one device.

    Args:
        judge: decides what is obeyed.
        executors: what can be done here.
        publish: hands a message to the connection, and returns what tells whether the broker does not have it yet.
        times: trusted time or None, and its lower bound.
        prove: signs what is said; raises OSError while the key is away.
        counters: where commands are counted by what became of them, since the start: `commands_refused_expired`, `commands_successful` …
    """

    def __init__(
        self,
        judge: Judge,
        executors: Mapping[Action, Executor],
        publish: Publish,
        times: Callable[[], Times],
        counters: Counter[str],
        prove: Callable[[Result], Result],
    ) -> None:
        self._judge = judge
        self._executors = executors
        self._publish = publish
        self._times = times
        self._prove = lru_cache(_MOST_PROVED)(prove)  # a flood of replays must not keep a slow token busy
        self._topic = judge.name.topic(Leaf.RESULTS)
        self._connected = False
        self._flying: dict[tuple[str, int], Callable[[], bool] | None] = {}
        self._ending = threading.Event()
        self._wake = threading.Event()
        self._runner = threading.Thread(target=self._run, name="commands", daemon=True)
        self.counters = counters

    def start(self) -> None:
        """Begins to do what waits; what was going on before a power cut comes first."""
        self._runner.start()

    def stop(self) -> None:
        """Ends; what is going on is gone on with at the next start."""
        self._ending.set()
        self._wake.set()
        if self._runner.is_alive() and self._runner is not threading.current_thread():
            self._runner.join(_STOP_S)

    # ── the uplink's thread ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def arrived(self, payload: bytes, *, retained: bool) -> None:
        """Takes or refuses what came on the topic of commands.

        Raises:
            OSError: it cannot be stored; nothing was done.
        """
        try:
            kept = self._judge.take(payload, retained=retained, times=self._times())
        except Refused as refused:
            self._refuse(refused)
            return
        if kept.state is State.ACCEPTED:
            log.info("command %d: %s accepted", kept.counter, kept.action)
        self._say(kept.result())
        self._wake.set()

    def _refuse(self, refused: Refused) -> None:
        counter = f"commands_refused_{refused.why}"
        self.counters[counter] += 1
        if (count := self.counters[counter]).bit_count() == 1:  # 1, 2, 4, 8 …: a flood must not fill the log too
            log.warning("a command was refused, number %d as %s since the start: %s", count, refused.why, refused)
        if refused.signed is None or refused.why not in TOLD:
            return
        nonce = self._judge.nonce.hex() if refused.why is Refusal.NO_CLOCK else ""
        ordered = refused.signed.command
        self._say(Result(refused.signed.issuer, ordered.counter, str(ordered.action), State.REFUSED, str(refused.why), str(refused), nonce))

    def connected(self) -> None:
        """The broker let us in: what it has not acknowledged is said again."""
        self._flying.clear()
        self._connected = True

    def disconnected(self) -> None:
        """There is no connection now."""
        self._connected = False

    def look(self) -> None:
        """Tells what has ended and is not told; call it now and then."""
        if not self._connected:
            return
        for kept in self._judge.store.untold():
            if kept.key not in self._flying:
                try:
                    proved = self._prove(kept.result())
                except OSError:
                    continue  # said once its key is there again
                self._flying[kept.key] = self._publish(Message(self._topic, results.encode(proved)))
            elif (in_hand := self._flying[kept.key]) is None or not in_hand():
                with suppress(OSError):  # said once more after the next start
                    self._judge.store.told(kept)
                    del self._flying[kept.key]

    def _say(self, result: Result) -> None:
        if self._connected:
            with suppress(OSError):  # how it ends is said later too
                self._publish(Message(self._topic, results.encode(self._prove(result))))

    # ── the runner's thread ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                self._wake.clear()
                if not self.do_next():
                    self._wake.wait()
        except Unfinished:
            return

    def do_next(self) -> bool:
        """Does, or goes on with, the oldest command that has not ended; False when there is none.

        Raises:
            Unfinished: the agent ends before the command does.
        """
        kept = self._judge.store.next()
        if kept is None:
            return False
        try:
            self._do(kept)
        except OSError as error:
            log.error("command %d: %s: it cannot begin (%s)", kept.counter, kept.action, error)  # noqa: TRY400 - for people
            self._ending.wait(_STORE_AGAIN_S)
        return True

    def _do(self, kept: Kept) -> None:
        reason = detail = ""
        try:
            self._carry_out(kept)
        except Failed as failed:
            reason, detail = failed.reason, str(failed)
        except (OSError, Unfinished):
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours in one command must not keep this device from the next for ever
            log.error("command %d: %s: unexpected %s; please report it", kept.counter, kept.action, where(error, 3))  # noqa: TRY400
            reason, detail = (
                "internal-error",
                f"unexpected {type(error).__name__}; nobody knows whether it was done. It is in the device's log",
            )
        done = self._ended(kept, reason, detail)
        self.counters[f"commands_{done.state}"] += 1
        log.info("command %d: %s %s%s", done.counter, done.action, done.state, detail and f": {detail}")

    def _ended(self, kept: Kept, reason: str, detail: str) -> Kept:
        """Stores how it ended, as soon as that can be stored: it is not forgotten meanwhile, nor done again.

        Raises:
            Unfinished: the agent ends.
        """
        while True:
            try:
                return self._judge.store.done(kept, reason, detail)
            except OSError as error:
                log.error("command %d: %s: its end cannot be stored (%s)", kept.counter, kept.action, error)  # noqa: TRY400 - for people
                if self._ending.wait(_STORE_AGAIN_S):
                    raise Unfinished from None

    def _carry_out(self, kept: Kept) -> None:
        """What was found running is looked into, and never begun again."""
        action = _action_of(kept)
        executor = self._executors.get(action)
        if executor is None:
            raise Failed(*_NO_EXECUTOR.get(action, ("not-here", "this device cannot do that")))
        if kept.state is State.RUNNING:
            executor.found_running(self._job(kept))
            return
        until(lambda: executor.is_ready() or not self._is_fresh(kept), READY_S, self._ending.wait)  # if not: `before` says what is missing
        if not self._is_fresh(kept):
            raise Failed("expired", "it had to wait until it expired, or until nobody here knew the time any more; nothing was done")
        if kept.issuer in self._judge.revoked():
            raise Failed("revoked", "its key was revoked while it waited; nothing was done")
        running = self._judge.store.running(kept, executor.before(kept.arguments))
        self._say(running.result())
        executor.carry_out(self._job(running))

    def _is_fresh(self, kept: Kept) -> bool:
        return self._judge.is_still_fresh(kept, self._times())

    def _job(self, kept: Kept) -> Job:
        return Job(kept.arguments, kept.marks or {}, self._ending.wait, kept.counter, partial(self._deliver, kept))

    def _deliver(self, kept: Kept, data: bytes) -> None:
        """Sends something large in pieces, one after the other: a thin link must not be filled with it.

        Raises:
            Failed: the connection was lost meanwhile.
            Unfinished: the agent ends.
        """
        pieces = [data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES)]
        for part, piece in enumerate(pieces, start=1):
            told = replace(kept.result(), part=part, parts=len(pieces), data=base64.b64encode(piece).decode())
            in_hand = self._publish(Message(self._topic, results.encode(told)))
            if not until(lambda in_hand=in_hand: not (self._connected and in_hand and in_hand()), _PIECE_S, self._ending.wait):  # type: ignore[misc]
                raise Failed("not-delivered", "the connection is too slow for it")
            if not self._connected:
                raise Failed("not-delivered", "the connection was lost; order it anew")


def _action_of(kept: Kept) -> Action:
    """What is to be done.

    Raises:
        Failed: another release took the command, and this one does not know it.
    """
    try:
        return Action(kept.action)
    except ValueError:
        if kept.state is State.RUNNING:
            raise cut_short() from None
        raise Failed("not-here", "another release of the software took it, and this one does not know it; nothing was done") from None
