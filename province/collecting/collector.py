"""Receives entries: verifies, opens, commits a batch, and only then has it receipted and acknowledged, whichever way it came.

One worker does all of it in order, so that nothing is ever receipted that is not committed. Whatever goes wrong outside (broker,
disk, keystore) is waited out; whatever is wrong with a message puts that message into quarantine.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from edge_agent.base.seldom import Seldom
from edge_agent.base.trouble import where
from edge_agent.link.broker_link import Message
from edge_agent.wire import receipt, topics
from edge_agent.wire.authority import Officer
from edge_agent.wire.keyring import day_of
from edge_agent.wire.receipt import MAX_RANGES, Receipt
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms, shown
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.collecting.inlet import Inlet, Parcel
from province.collecting.intake import Intake, Reason, Refused, Taken
from province.collecting.receipt_ranges import Outcome, build
from province.collecting.register import Register, Stored
from province.keys.keystore import Keystore, KeystoreAway
from province.records.clock_truth import AHEAD_MS
from province.registry import devices, revocations
from province.store.database import RegisterReplaced
from province.store.opened import RegisterBusy
from province.trust.keyring_office import KeyringOffice

_log = logging.getLogger(__name__)
_BATCH_MOST = 200
_KEYRING_CHECK_S, _LOOK_S = 60.0, 2.0
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.2, 10.0


class ClockBehind(ProvinceError):
    """This machine's clock says less than it said before; nothing was stored."""


class Collector:
    """The worker behind an inlet.

    Args:
        inlet: where entries come in; whoever made it starts and stops it.
        register: opened in the thread that calls `work`.
        keystore: the day keys.
        office: extends the keyring.
        officer: who signs receipts now.
        report: called for each message after its batch is committed and receipted, with the time of the commit.
        look_after: called once a minute, for what a service of years has to look after.
        trust_clock: go by this machine's clock although it says less than was said here before.
        alive: called at each round, once a minute at least, and at each try while something is waited out.
    """

    def __init__(  # noqa: PLR0913 - each is a part of the province that others make
        self,
        inlet: Inlet,
        register: Register,
        keystore: Keystore,
        office: KeyringOffice,
        officer: Callable[[], Officer],
        report: Callable[[Stored | Refused, int], None] = lambda _item, _committed_ms: None,
        look_after: Callable[[], None] = lambda: None,
        *,
        trust_clock: bool = False,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._inlet = inlet
        self._alive = alive
        self._register = register
        self._keystore = keystore
        self._office = office
        self._officer = officer
        self._report = report
        self._look_after = look_after
        self._trust_clock = trust_clock
        self._seldom = Seldom()
        self._troubles: dict[str, str] = {}
        self._latest_day_ms = 0
        self._published = b""
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ends `work` after the batch in hand; may be called from any thread."""
        self._stopping.set()
        self._inlet.wake()

    def work(self) -> None:
        """Handles what arrives until `stop`.

        Raises:
            RegisterReplaced: the register is another one now; nothing is receipted any more.
        """
        checked_s = float("-inf")
        while not self._stopping.is_set():
            self._alive()
            batch = self._inlet.take(_BATCH_MOST, _LOOK_S)
            if self._office.is_another() and time.monotonic() - checked_s < _KEYRING_CHECK_S:
                self._step("keyring not extended", self._extend_keyring)  # an operator was revoked just now: each second counts
            if time.monotonic() - checked_s >= _KEYRING_CHECK_S:
                checked_s = time.monotonic()
                self._step("not looked after", self._look_after)
                self._step("keyring not extended", self._extend_keyring)
                self._step("no room for the days to come", self._look_ahead)
                self._step("revocations not applied", self._revoke_again)
                self._step("erasures not applied", self._erase_again)
            if self._published != self._office.signed:
                self._published = self._office.signed
                self._inlet.keep_published(Message(topics.KEYRING, self._published, retain=True))
            if batch:
                self._handle(batch)

    def _step(self, what: str, work: Callable[[], None]) -> None:
        """Does a part of each minute's work; what is away is waited for, the other parts are done, and each trouble is said once."""
        try:
            work()
        except (OSError, ProvinceError, ValueError) as error:
            if self._troubles.get(what) != (trouble := str(error)):
                self._troubles[what] = trouble
                _log.error("%s: %s; trying again each minute", what, trouble)
        else:
            if self._troubles.pop(what, None) is not None:
                _log.info("no longer: %s", what)

    def _extend_keyring(self) -> None:
        try:
            self._office.extend(now_ms())
            self._latest_day_ms = self._office.latest_day_ms
        except (OSError, ProvinceError, ValueError) as error:
            raise ProvinceError(f"{error}; it ends on {self._office.last_day}") from None

    def _look_ahead(self) -> None:
        self._register.look_ahead(day_of(now_ms()))

    def _erase_again(self) -> None:
        """A register restored from a backup, or an entry sent again, may hold what was erased."""
        if erased := self._register.erase_again(self._keystore, now_ms()):
            _log.warning("erased %d entries again that were erased before", erased)

    def _revoke_again(self) -> None:
        """A register or a list of revoked certificates restored from a backup may know nothing of a stolen device."""
        if revoked := self._register.revoke_again(self._keystore, now_ms()):
            _log.warning("revoked %d devices and certificates again that were revoked before", revoked)
        layout = Layout(self._keystore.folder.parent)
        if lacking := revocations.missing_from_list(layout, self._keystore, now_ms()):
            _log.error(
                "%s: %d revoked certificates are missing: it was restored. Start `gate-province admit` again, then reload the broker",
                layout.revocations, lacking,
            )  # fmt: skip

    def _handle(self, batch: Sequence[Parcel]) -> None:
        """Carries a batch all the way: commit, receipts, acknowledgements."""
        began_s = time.monotonic()
        results = self._commit_at_last(batch)
        committed_ms = now_ms()
        if results:
            self._inlet.settle(batch, receipts(results, committed_ms, self._officer()))
        self._tell(results, committed_ms, time.monotonic() - began_s)

    def _commit_at_last(self, batch: Sequence[Parcel]) -> list[Stored | Refused]:
        """Commits a batch however long it takes; nothing when told to stop, then the broker and the devices deliver it again."""
        retry_s = _FIRST_RETRY_S
        while True:
            self._alive()
            try:
                self._check_clock()
                return self._commit(batch)
            except (ClockBehind, RegisterBusy, KeystoreAway) as error:
                reason = str(error)
            _log.error("not stored, %d entries wait: %s; trying again in %.1f s", len(batch), reason, retry_s)
            if self._stopping.wait(retry_s):
                return []
            retry_s = min(_LONGEST_RETRY_S, retry_s * 2)

    def _check_clock(self) -> None:
        """Refuses to date arrivals by a clock that was put back, or that the network has not set yet: retention goes by these dates."""
        at_ms, known_ms = now_ms(), max(self._office.current.issued_ms, self._register.latest_ms())
        if not self._trust_clock and at_ms + AHEAD_MS < known_ms:
            raise ClockBehind(
                f"this machine says it is {shown(at_ms)}, but it was {shown(known_ms)} here already. Let the network set the clock; "
                "if it is right now, start with --trust-clock"
            )

    def _commit(self, batch: Sequence[Parcel]) -> list[Stored | Refused]:
        try:
            return self._register.store(self._examine(batch), now_ms)
        except (RegisterBusy, RegisterReplaced, KeystoreAway):
            raise
        except Exception as error:  # noqa: BLE001 - a message that meets a fault of ours must stop neither the others nor the process
            _log.error("internal error with %d messages: %s", len(batch), where(error))  # no trace: an error's text may hold data
            if len(batch) > 1:
                return [result for one in batch for result in self._commit([one])]
            refused = Refused(batch[0].topic, batch[0].payload, Reason.INTERNAL_ERROR, type(error).__name__)
            return self._register.store([refused], now_ms)

    def _examine(self, batch: Sequence[Parcel]) -> list[Taken | Refused]:
        # Caches live for one batch: a device added or a day destroyed counts from the next on.
        arrived_ms = max(now_ms(), self._latest_day_ms)  # a clock of ours put back must not move entries into the past
        known = self._register.devices({parsed[0] for item in batch if (parsed := topics.parse(item.topic)) is not None})
        intake = Intake(lru_cache(lambda name: self._as_revoked(known.get(name))), lru_cache(self._keystore.load), arrived_ms)
        return [intake.examine(item.topic, item.payload) for item in batch]

    def _as_revoked(self, device: devices.Device | None) -> devices.Device | None:
        """A device as the register has it, but revoked for good where the keystore says so."""
        if device is not None and revocations.is_revoked(self._keystore, device.public_key):
            return replace(device, status=devices.REVOKED)
        return device

    def _tell(self, results: Sequence[Stored | Refused], committed_ms: int, took_s: float) -> None:
        stored = [item for item in results if isinstance(item, Stored)]
        for item in results:
            if isinstance(item, Refused):
                parsed = topics.parse(item.topic)  # nobody can send under a name for which there is no certificate
                if count := self._seldom.worth_a_line(parsed and parsed[0], item.reason):
                    what = item.topic[:200], item.reason, count, len(item.payload), item.detail
                    _log.warning("quarantined topic=%r reason=%s count=%d size=%d: %s", *what)
            elif item.outcome.forked and (count := self._seldom.worth_a_line(item.name, "fork")):
                _log.warning("fork device=%s count=%d log=%s seq=%d", item.name, count, item.log.hex(), item.outcome.seq)
            self._report(item, committed_ms)
        repeated = sum(item.repeated for item in stored)
        _log.debug(
            "committed new=%d repeated=%d refused=%d ms=%d", len(stored) - repeated, repeated, len(results) - len(stored), took_s * 1000
        )


def receipts(results: Sequence[Stored | Refused], committed_ms: int, officer: Officer) -> list[Message]:
    """The receipts for what was committed: one for each log, more when there are very many ranges."""
    outcomes: dict[tuple[DeviceName, bytes], list[Outcome]] = defaultdict(list)
    for item in results:
        if isinstance(item, Stored):
            outcomes[item.name, item.log].append(item.outcome)
    messages = []
    for (name, log), parts in outcomes.items():
        ranges = build(parts)
        for start in range(0, len(ranges), MAX_RANGES):
            signed = receipt.issue(Receipt(name, log, tuple(ranges[start : start + MAX_RANGES]), committed_ms), officer)
            messages.append(Message(name.topic(Leaf.RECEIPTS), signed))
    return messages
