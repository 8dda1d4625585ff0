"""Puts the gate together and keeps it going: sources, consumer, lights, outbox and control socket."""

from __future__ import annotations

import contextlib
import logging
import queue
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from drivers import system_clock
from drivers.indicator import Signal
from drivers.patterns import PATTERNS
from edge_agent.base.notify import Notifier
from edge_agent.device.control import ticket_message
from edge_agent.device.identity import Identity
from edge_agent.device.settings import Settings
from edge_agent.device.stored_keyring import WatchedKeyring
from edge_agent.store.outbox import FILE_NAME, OutboxDamaged, OutboxFull, OutboxUnread
from edge_agent.store.recorder import Recorder
from edge_agent.store.salvage import Salvaged, salvage, unfinished
from edge_agent.wire.entry import Kind
from firmware.configuration import overlay_problems
from firmware.consumer import Consumer, Parts
from firmware.control_server import Asker, ControlServer
from firmware.feedback import Feedback
from firmware.gate_state import GateState
from firmware.heartbeat import Heartbeat
from firmware.inbox import Inbox
from firmware.place import WatchedOverlay, WatchedPlace
from firmware.reader_tests import ReaderTests
from firmware.reading import SourceState, Switched
from firmware.recording import Recording
from firmware.requests import Requests
from firmware.setting_up import SettingUp
from firmware.shown_orders import ShownOrders
from firmware.sources import Source
from firmware.supervised import stop_all
from firmware.surroundings import Surroundings
from firmware.time_sense import TimeSense

log = logging.getLogger(__name__)
_JOIN_S = 2.0
_LOOK_AGAIN_S = 1.0
_UNREAD_IS_LOST_S = 30.0
_SALVAGE_S = 900.0  # a large outbox on a slow card
_MB = 1_000_000
_MOST_PROBLEMS, _PROBLEM_CHARACTERS = 20, 500
_PROCESS = secrets.token_hex(8)  # in the counters: whoever ordered a restart sees that it has happened


def open_recorder(
    settings: Settings,
    *,
    damaged: bool = False,
    device_key: Ed25519PublicKey | None = None,
    still_open: Recorder | None = None,
    unread_is_lost: bool = True,
) -> tuple[Recorder, Salvaged | None]:
    """Opens the outbox, setting a damaged one aside first.

    Args:
        settings: where it is and what it may hold.
        damaged: damage was met in it, even if it opens: then it lies in a part that opening does not read.
        device_key: the device's own key, against which salvaged entries are checked.
        still_open: the outbox until now, of which a file is gone from its path: its entries are carried on, and the caller closes it.
        unread_is_lost: see `salvage`.

    Raises:
        OutboxUnread: a damaged one cannot be read whole now.
        OutboxError: it cannot be opened or made.
        OSError: the same.
    """
    path = settings.device.state / FILE_NAME
    limits = (settings.outbox.capacity_mb * _MB, settings.outbox.keep_free_mb * _MB)
    if not damaged and still_open is None and unfinished(path) is None:
        try:
            return Recorder(path, *limits), None
        except OutboxDamaged as error:
            log.error("%s: setting it aside", error)  # noqa: TRY400 - a message for people
    recorder, salvaged = salvage(
        path, *limits, system_clock.wall_ms(), device_key=device_key, still_open=still_open, unread_is_lost=unread_is_lost
    )
    log.warning("salvaged %d entries, %d unreadable; the damaged file is in %s", salvaged.kept, salvaged.unreadable, salvaged.folder)
    return recorder, salvaged


class Gatehouse:
    """The running gate.

    Attributes:
        restarts: somebody has ordered that this process ends and another begins.

    Args:
        settings: the configuration.
        identity: who we are.
        stopping: set when the gate should close.
        notifier: told how the gate is.

    Raises:
        drivers.errors.DriverError: an indicator cannot be opened.
        stored_keyring.NoKeyring: there is no keyring to seal to.
        OutboxError, OSError: the outbox or the control socket cannot be made; a full disk, and one that does not
            give a damaged outbox whole, are waited out first.
    """

    def __init__(
        self, settings: Settings, identity: Identity, stopping: threading.Event | None = None, notifier: Notifier | None = None
    ) -> None:
        self._settings = settings
        self._notifier = Notifier() if notifier is None else notifier
        self._device_key = identity.signer.public_key()
        self._stopping = threading.Event() if stopping is None else stopping
        self._reports = Inbox()
        self._orders = ShownOrders()
        self.restarts = False
        self._setting_up = SettingUp()
        self._software = version("gate-scanner")
        self._since_s = time.monotonic()
        self._place, self._moved = WatchedPlace(settings.device.state, identity), False
        self._wanted, self._set_anew = WatchedOverlay(settings.device.state, settings.overlay_seen), False
        self._gate_state = GateState(settings.device.state)
        self._unread_since_s: float | None = None
        keyring = WatchedKeyring(settings.device.state, identity.root, identity.name)
        time_sense = TimeSense(always_trusted=settings.device.clock == "system", not_before_ms=keyring.not_before_ms)
        with ExitStack() as undo:
            self._feedback = Feedback(settings.gate, settings.lanes)
            undo.callback(self._feedback.close)
            self._feedback.settle(full=False, broken=False, note=False)  # starting
            recorder, self._salvaged = self._open_when_it_can_be()
            undo.callback(recorder.close)
            boot = system_clock.boot_id()
            self._surroundings = Surroundings(settings, self._reports, boot, time_sense.now, {"scan": self._scan, "setup": self._set_up})
            self._recording = Recording(identity, recorder, keyring, time_sense, boot, self._surroundings)
            self._control = ControlServer(settings.device.runtime, self._request)
            undo.callback(self._control.stop)
            happenings = self._surroundings.happenings
            tests = ReaderTests([lane.name for lane in settings.lanes], settings.gate.held_s)
            parts = Parts(self._recording, self._feedback, time_sense, self._gate_state, happenings, self._setting_up, tests)
            self._consumer = Consumer(settings, self._reports, parts, self._repair, self._control.tell)
            undo.pop_all()
        own = {"counters": self._tell, "setup": self._set_up_by_command, "restart": self._restart, "check-config": self._check_config}
        self._requests = Requests(self._reports, self._consumer, self._gate_state, self._setting_up, tests, self._orders, own)
        self._happenings = self._surroundings.happenings
        self._sources = [Source(lane, self._reports) for lane in settings.lanes]
        self._heartbeat = Heartbeat(self._notifier, self._reports, self._sources, settings.device.runtime, self._status)

    def _open_recorder(self, *, damaged: bool = False, still_open: Recorder | None = None) -> tuple[Recorder, Salvaged | None]:
        """Opens the outbox; only what the disk has not given for half a minute is taken for lost: it may be a loose contact."""
        self._notifier.may_take(_SALVAGE_S)
        lost = self._unread_since_s is not None and time.monotonic() - self._unread_since_s >= _UNREAD_IS_LOST_S
        try:
            opened = open_recorder(self._settings, damaged=damaged, device_key=self._device_key, still_open=still_open, unread_is_lost=lost)
        except OutboxUnread as error:
            if self._unread_since_s is None:
                self._unread_since_s = time.monotonic()
                log.error("%s", error)  # noqa: TRY400 - a message for people
            raise
        self._unread_since_s = None
        return opened

    def _open_when_it_can_be(self) -> tuple[Recorder, Salvaged | None]:
        told = False
        while True:
            try:
                return self._open_recorder()
            except (OutboxFull, OutboxUnread) as error:
                if not told and isinstance(error, OutboxFull):
                    log.error("%s", error)  # noqa: TRY400 - a message for people
                if not told:
                    self._notifier.status(f"closed: {'the disk is full' if isinstance(error, OutboxFull) else 'the outbox cannot be read'}")
                    self._feedback.everywhere(Signal.FULL if isinstance(error, OutboxFull) else Signal.FAULT)
                told = True
                if self._stopping.wait(_LOOK_AGAIN_S):
                    raise

    def run(self) -> bool:
        """Works until `stop` is called, the power fails, the gate is moved, or all sources have come to their end (pictures, no camera).

        Returns:
            Whether the gate should be opened anew, as who the state folder says: it was moved, or the power that had failed is back.
        """
        try:
            self._work()
            return self._power_comes_back() if self._happenings.power_failed else self._moved or self._set_anew
        finally:
            self._surroundings.stop(_JOIN_S)

    def _work(self) -> None:
        try:
            self._control.start()
            self._consumer.note(Kind.BOOT, {"software": self._software, "new_outbox": int(self._recording.recorder.created)})
            if self._salvaged is not None:
                self._consumer.note(Kind.SALVAGE, self._salvaged.facts())
            for facts in self._happenings.begun():
                self._consumer.note(Kind.EVENT, facts)
            self._surroundings.start()
            for source in self._sources:
                source.kept.start()
            while not (self._stopping.is_set() or self._happenings.power_failed or self._moved or self._set_anew or self._all_ended()):
                if self._consumer.take_one():
                    self._each_second()
                    self._heartbeat.tick()
                self._show_orders()
        finally:
            self._close()

    def stop(self) -> None:
        """Ends `run` within a second; may be called from any thread."""
        self._stopping.set()

    def _scan(self) -> None:
        for source in self._sources:
            source.trigger()

    def _set_up(self) -> None:
        log.warning("the set-up button was pressed: for ten minutes this gate obeys an enrolment ticket")
        self._begin_to_set_up()

    def _begin_to_set_up(self) -> None:
        self._setting_up.begin()
        self._orders.show(Signal.IDENTIFY)

    def _show_orders(self) -> None:
        for signal in self._orders.due():
            self._feedback.everywhere(signal)

    def _each_second(self) -> None:
        for source in self._sources:
            if source.newly_refused():
                self._consumer.not_a_code(source.lane.name)
        self._hand_on_ticket()
        self._control.tell(self._counters())
        self._orders.next_second(gate_is_closed=self._gate_state.closed)
        if self._place.is_left():
            log.warning("this gate was moved: it closes, and opens at its new place")
            self._moved = True
            self._feedback.everywhere(Signal.JOINED)
            self._stopping.wait(PATTERNS[Signal.JOINED].duration_ms / 1000)  # whoever showed the ticket sees it
        elif self._wanted.is_another():
            log.warning("this gate was set anew from afar: it closes, and opens as it is set now")
            self._set_anew = True

    def _hand_on_ticket(self) -> None:
        untried = self._setting_up.untried()
        if untried is not None and self._setting_up.unheard_for_too_long(heard=self._control.tell(ticket_message(untried))):
            log.error("a ticket was shown and gate-agent is not there to take it: systemctl status gate-agent")
            self._orders.show(Signal.NOT_REACHED)

    def _all_ended(self) -> bool:
        return self._reports.empty() and all(state == SourceState.ENDED for state in self._feedback.sources().values())

    def _close(self) -> None:
        """First what must be on disk, then what people see, then what may hang: a reserve carries the gate for moments only.

        Each is done whatever the one before stumbled over.
        """
        ended = (
            (self._happenings.power_failed, "power-fail"), (self._moved, "moved"), (self._set_anew, "configured"),
            (self.restarts, "restart"),
            (self._stopping.is_set(), "stop"),
        )  # fmt: skip
        reason = next((reason for so, reason in ended if so), "sources-ended")
        with ExitStack() as last_first:
            last_first.callback(stop_all, [source.kept for source in self._sources], _JOIN_S)
            last_first.callback(self._end_lights)
            last_first.callback(self._recording.recorder.close)
            last_first.callback(self._control.stop)
            last_first.callback(lambda: self._control.tell(self._counters()))
            last_first.callback(self._feedback.everywhere, Signal.CLOSED)
            last_first.callback(self._happenings.close)
            self._consumer.note(Kind.CLOSE, {"reason": reason})

    def _end_lights(self) -> None:
        lights = threading.Thread(target=self._feedback.close, name="lights-close", daemon=True)
        lights.start()
        lights.join(_JOIN_S)

    def _power_comes_back(self) -> bool:
        """Rests, everything closed and dark, until the power is back (True) or the gate is asked to stop."""
        log.warning("the power fails: the gate is closed until it is back")
        self._notifier.status("closed: the power fails")
        while not self._stopping.is_set():
            with contextlib.suppress(queue.Empty):
                report = self._reports.get(timeout=_LOOK_AGAIN_S)
                if isinstance(report, Switched) and self._happenings.role(report.name) == "power-fail":
                    self._happenings.switched(report)  # what the other contacts do now is met when the gate opens anew
            self._notifier.alive()
            if not self._happenings.power_failed:
                log.info("the power is back: the gate opens")
                return True
        return False

    def _repair(self, damaged: bool) -> Mapping[str, int] | None:
        """Opens the outbox anew while the gate is open, a damaged one set aside."""
        before = self._recording.recorder
        still_open = before if before.is_gone() else None  # with the last copy of what it holds: closed only once all is copied
        if still_open is None:
            before.close()
        recorder, salvaged = self._open_recorder(damaged=damaged, still_open=still_open)
        self._recording.use(recorder)
        return None if salvaged is None else salvaged.facts()

    def _counters(self) -> dict[str, Any]:
        counters = self._consumer.counters()
        counters |= {"software": self._software, "up_s": int(time.monotonic() - self._since_s), "set_up": self._setting_up.open}
        counters["lanes"] = {source.lane.name: source.snapshot() for source in self._sources}
        counters |= self._surroundings.counters()
        return counters | {"process": _PROCESS, "overlay": self._settings.overlay}

    def _status(self) -> str:
        counters = self._consumer.counters()
        states = list(counters["sources"].values())
        outbox = "full" if counters["outbox_fullness"] >= 1 else f"{counters['outbox_fullness']:.0%} full"
        lanes = f"{states.count(SourceState.WORKING)} of {len(states)} lanes read"
        return f"{counters['gate']}; {lanes}; outbox {outbox}; clock {counters['clock']}"

    def _request(self, request: Mapping[str, Any], asker: Asker) -> Mapping[str, Any] | None:
        return self._requests.answer(request, asker)

    def _tell(self, _request: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._counters()

    def _set_up_by_command(self, _request: Mapping[str, Any]) -> Mapping[str, Any]:
        log.warning("set up by command: for ten minutes this gate obeys an enrolment ticket")
        self._begin_to_set_up()
        return {"type": "done"}

    def _restart(self, _request: Mapping[str, Any]) -> Mapping[str, Any]:
        log.warning("a restart was ordered: the gate closes, and this process ends")
        self.restarts = True
        self._stopping.set()
        return {"type": "done"}

    def _check_config(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        wanted = request.get("tables")
        problems = overlay_problems(self._settings.source, wanted if isinstance(wanted, dict) else {})
        return {"type": "config-checked", "problems": [problem[:_PROBLEM_CHARACTERS] for problem in problems][:_MOST_PROBLEMS]}
