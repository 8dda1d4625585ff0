"""Carries sealed entries to the province and lets the outbox forget them when their receipts come.

One thread runs it; everything from outside (broker, firmware's socket) arrives on one queue. Source: design.md second promise.
"""

from __future__ import annotations

import logging
import queue
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from edge_agent.carry.connecting import Recorded, Stop, Work, birth
from edge_agent.carry.intake import Intake
from edge_agent.carry.send_window import SendWindow
from edge_agent.carry.silence import Silence
from edge_agent.commands.command_desk import CommandDesk
from edge_agent.commands.config_keeper import ConfigKeeper
from edge_agent.device import stored_keyring, stored_time
from edge_agent.device.documents import DocumentsDamaged
from edge_agent.device.identity import Identity
from edge_agent.device.settings import AgentSettings
from edge_agent.device.stored_keyring import NoKeyring, OlderKeyring
from edge_agent.enrolment.certificate_keeper import CertificateKeeper, Link
from edge_agent.link.broker_link import Arrived, Connected, Disconnected, Message
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, OutboxError, Waiting
from edge_agent.wire import cose, desired_config, envelope, receipt, topics
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.topics import Leaf

log = logging.getLogger(__name__)
_LOOK_S = 0.5  # how often the outbox is looked at when firmware's socket is silent
_RETRY_OUTBOX_S = 1.0
_REPEAT_TROUBLE_S = 60.0
_PATIENCE_TIMEOUTS = 6  # so many receipt time-outs without any receipt, and the connection is made anew
_NOTE_TIME_MS = 6 * 3_600_000  # oftener would only wear the card


class Uplink:
    """The way from the outbox to the broker and of receipts back.

    Args:
        identity: who we are.
        settings: window and time-outs.
        state: the device's state folder.
        work: where events arrive; others may put `Recorded` and `Stop` there.
        publish: hands a message to the connection; what it returns tells whether the broker does not have it yet.
        on_change: called when something worth telling has happened (for the status file).
        trusted_ms: the wall time if it can be trusted, given a signed lower bound of it.
        keeper: watches our certificate; None when nobody does.
    """

    def __init__(
        self,
        identity: Identity,
        settings: AgentSettings,
        state: Path,
        work: Intake[Work],
        publish: Callable[[Message], Callable[[], bool] | None],
        on_change: Callable[[], None] = lambda: None,
        trusted_ms: Callable[[int], int | None] = lambda _not_before_ms: None,
        keeper: CertificateKeeper | None = None,
    ) -> None:
        self._keeper = keeper
        self._desk: CommandDesk | None = None
        self._config: ConfigKeeper | None = None
        self._link: Link | None = None
        self._identity = identity
        self._signer = identity.signer.public_key()
        self._state = state
        self._work = work
        self._publish = publish
        self._on_change = on_change
        self._trusted_ms = trusted_ms
        self._revoked: frozenset[str] = frozenset()
        self._keyring_counter, self._not_before_ms = self._stored_time()
        self._noted_ms = self._not_before_ms
        self._spoiled: set[int] = set()
        self._window = SendWindow(settings.window, settings.receipt_timeout_s)
        self._silence = Silence(settings.receipt_timeout_s * _PATIENCE_TIMEOUTS)
        self._outbox: Forwarder | None = None
        self._outbox_trouble = ""
        self._repeat_trouble_s = 0.0
        self._seen_changes = -1
        self._forgotten = 0
        self._retry_outbox_s = 0.0
        self.connected = False
        self.trouble = "not connected yet"
        self.counters: Counter[str] = Counter()
        self.last_receipt_ms = 0

    def use(self, link: Link) -> None:
        """Names the connection to make anew when it brings no receipts."""
        self._link = link

    def serve(self, desk: CommandDesk, config: ConfigKeeper) -> None:
        """Names who takes the commands, and who the configurations; to be called before `run`."""
        self._desk = desk
        self._config = config

    def run(self, alive: Callable[[], None] = lambda: None) -> None:
        """Works until a `Stop` arrives.

        Args:
            alive: called after each round of queue and outbox, more than once a second while nothing hangs.
        """
        while True:
            try:
                work = self._work.get(timeout=self._wait_s())
            except queue.Empty:
                work = None
            if isinstance(work, Stop):
                break
            if work is not None:
                self._handle(work)
            if self._work.empty():
                self._send_what_waits()
            alive()
        if self._outbox is not None:
            self._outbox.close()

    def _wait_s(self) -> float:
        due_s = self._window.next_due_s()
        return _LOOK_S if due_s is None else min(_LOOK_S, max(0.0, due_s - time.monotonic()))

    def _handle(self, work: Work) -> None:
        match work:
            case Connected():
                self._connected()
            case Disconnected(why, refused):
                self._disconnected(why, refused=refused)
            case Arrived(topic, payload, retained):
                self._arrived(topic, payload, retained=retained)
                if self._work.dropped:
                    self.counters["dropped_messages"] = self._work.dropped
            case Recorded() | Stop():
                return
        self._on_change()

    def _connected(self) -> None:
        self.connected, self.trouble = True, ""
        self.counters["connections"] += 1
        log.info("connected to the broker")
        self._begin_again()
        self._publish(birth(self._identity))
        if self._keeper is not None:
            self._keeper.connected()
        if self._desk is not None:
            self._desk.connected()
        if self._config is not None:
            self._config.tell()

    def _disconnected(self, why: str, *, refused: bool) -> None:
        if self.connected or why != self.trouble:
            log.warning("%s", why)
        self.connected, self.trouble = False, why
        self._begin_again()
        if self._keeper is not None:
            self._keeper.disconnected(refused=refused)
        if self._desk is not None:
            self._desk.disconnected()

    def _begin_again(self) -> None:
        self._window.restart()
        self._silence.restart()

    def _arrived(self, topic: str, payload: bytes, *, retained: bool) -> None:
        try:
            if topic == topics.KEYRING:
                self._take_keyring(payload)
            elif topic == self._identity.name.topic(Leaf.RECEIPTS):
                given = receipt.verify(payload, self._identity.root, self._identity.name, *self.times())
                self._receipted(given)
                self._note_time(given.committed_ms, payload)
            elif topic == self._identity.name.topic(Leaf.CERTIFICATE_ISSUED) and self._keeper is not None:
                self._keeper.answered(payload)
            elif topic == self._identity.name.topic(Leaf.COMMANDS) and self._desk is not None:
                self._desk.arrived(payload, retained=retained)
            elif topic == self._identity.name.topic(Leaf.CONFIG_DESIRED) and self._config is not None:
                self._config.wanted(desired_config.verify(payload, self._identity.root, self._identity.name, *self.times(), self._revoked))
            else:
                self.counters["unexpected_messages"] += 1
        except (Malformed, Forged, OlderKeyring) as error:
            self.counters["refused_messages"] += 1
            if (count := self.counters["refused_messages"]).bit_count() == 1:  # 1, 2, 4, 8 …: a flood must not fill the log too
                log.warning("refused a message on %s, number %d since the start: %s", topic, count, error)
        except (OSError, DocumentsDamaged) as error:
            log.error("%s: cannot be stored (%s); it comes again with the next connection", topic, error)  # noqa: TRY400

    def _stored_time(self) -> tuple[int, int]:
        """The counter of the keyring in use, and the lower bound of the time that is stored."""
        try:
            kept = stored_keyring.read(self._state, self._identity.root)
        except (NoKeyring, OSError):
            return 0, 0
        self._revoked = frozenset(key.hex() for key in kept.revoked)
        received_ms = stored_time.read(self._state, self._identity.root, self._identity.name, kept.counter)
        return kept.counter, max(kept.issued_ms, received_ms)

    def times(self) -> tuple[int | None, int]:
        """The wall time if it can be trusted, or None, and its signed lower bound; milliseconds since 1970 UTC. From any thread."""
        return self._trusted_ms(self._not_before_ms), self._not_before_ms

    def revoked(self) -> frozenset[str]:
        """Ids of operators' keys that count no more, hex, as the keyring in use names them. From any thread."""
        return self._revoked

    def _take_keyring(self, payload: bytes) -> None:
        kept = stored_keyring.accept(self._state, self._identity.root, payload, *self.times())
        log.info("keyring %d in use", kept.counter)
        self._revoked = frozenset(key.hex() for key in kept.revoked)
        if kept.counter != self._keyring_counter:
            self._keyring_counter, self._not_before_ms, self._noted_ms = kept.counter, kept.issued_ms, kept.issued_ms

    def _note_time(self, committed_ms: int, payload: bytes) -> None:
        self._not_before_ms = max(self._not_before_ms, committed_ms)
        if self._keyring_counter and committed_ms >= self._noted_ms + _NOTE_TIME_MS:
            self._noted_ms = committed_ms
            stored_time.note(self._state, self._keyring_counter, payload)

    def _receipted(self, given: receipt.Receipt) -> None:
        self._silence.heard()
        outbox = self._open_outbox()
        if outbox is None:
            return
        for part in given.ranges:
            try:
                done = outbox.forget(given.log, part)
            except OutboxError as error:
                self._lose_outbox(error)
                return
            if done.mismatch:
                self.counters["receipts_of_other_bytes"] += 1
                log.warning("a receipt names other bytes than ours for number %d of log %s", part.last, given.log.hex())
            if part.forked:
                self.counters["forks"] += 1
                log.warning("the province holds other entries under our numbers: firmware will start a new log")
            if done.last >= done.first:
                self._forgotten += done.entries
                self._window.settled(done.first, done.last)
                self.counters[f"receipted_{part.status}"] += done.entries
        self.last_receipt_ms = max(self.last_receipt_ms, given.committed_ms)

    def _open_outbox(self) -> Forwarder | None:
        if self._outbox is not None and self._outbox.replaced():
            self._outbox.close()
            self._outbox = None
            self._window.restart()
        if self._outbox is None and time.monotonic() >= self._retry_outbox_s:
            self._retry_outbox_s = time.monotonic() + _RETRY_OUTBOX_S
            try:
                self._outbox = Forwarder(self._state / FILE_NAME)
            except (FileNotFoundError, OutboxError) as error:
                self._say_outbox_trouble(error)
            else:
                self._seen_changes = -1
                self._spoiled.clear()
                self._window.restart()
        return self._outbox

    def _lose_outbox(self, error: OutboxError) -> None:
        self._say_outbox_trouble(error)
        if self._outbox is not None:
            self._outbox.close()
        self._outbox = None

    def _say_outbox_trouble(self, error: Exception) -> None:
        if str(error) != self._outbox_trouble or time.monotonic() >= self._repeat_trouble_s:  # it is met every second
            log.warning("%s", error)
            self._repeat_trouble_s = time.monotonic() + _REPEAT_TROUBLE_S
        self._outbox_trouble = str(error)

    def _send_what_waits(self) -> None:
        now_s = time.monotonic()
        self._window.tick(now_s)
        if self.connected and self._keeper is not None:
            self._keeper.look()
        if self._desk is not None:
            self._desk.look()
        if self.connected and self._silence.is_over(now_s):
            self._renew()
        outbox = self._open_outbox()
        if outbox is None or not self.connected:
            return
        try:
            self._send_pages(outbox, now_s)
        except OutboxError as error:
            self._lose_outbox(error)

    def _renew(self) -> None:
        self.counters["silences"] += 1
        log.warning("connected, but entries sent long ago have no receipt: connecting anew")
        if self._link is not None:
            self._link.renew()

    def _send_pages(self, outbox: Forwarder, now_s: float) -> None:
        new_after, count = self._window.new_entries(outbox.newest_ordinal)
        for waiting in outbox.page(new_after, count) if count else ():
            if self._window.under_way(waiting.ordinal) or self._is_spoiled(waiting):
                self._window.passed_new(waiting.ordinal)
            else:
                self._window.sent_new(waiting.ordinal, now_s, self._send(waiting, now_s))
        while (room := self._window.room()) > 0:
            page = outbox.page(self._window.after, room)
            for waiting in page:
                if self._window.under_way(waiting.ordinal):
                    self._window.passed(waiting.ordinal)
                    continue
                if self._is_spoiled(waiting):
                    self._window.passed(waiting.ordinal)
                    continue
                self._window.sent(waiting.ordinal, now_s, self._send(waiting, now_s))
            if len(page) < room:
                self._window.reached_end(now_s)
                self._settle_when_changed(outbox)
                return

    def _send(self, waiting: Waiting, now_s: float) -> Callable[[], bool] | None:
        self._silence.sent(now_s)
        self.counters["sent"] += 1
        return self._publish(Message(self._identity.name.topic(Leaf.ENTRIES), waiting.envelope))

    def _is_spoiled(self, waiting: Waiting) -> bool:
        """Tells whether an entry's bytes have changed on the disk: the province would refuse it for ever, so it is kept and not sent."""
        if waiting.ordinal in self._spoiled:
            return True
        try:
            cose.check(cose.parse(waiting.envelope, envelope.ENTRY, envelope.MAX_ENVELOPE_BYTES), envelope.ENTRY, self._signer)
        except (Malformed, Forged) as error:
            self._spoiled.add(waiting.ordinal)
            self.counters["spoiled"] += 1
            log.error("entry %d of the outbox is spoiled on the disk (%s): it stays here and is not sent", waiting.ordinal, error)  # noqa: TRY400
            return True
        return False

    def _settle_when_changed(self, outbox: Forwarder) -> None:
        """Has the disk keep what was forgotten, when all is sent and receipted, once after each change."""
        changes = outbox.changes() + self._forgotten
        if changes != self._seen_changes and self._window.next_due_s() is None:
            self._seen_changes = changes
            outbox.settle()
