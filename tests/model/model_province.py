"""The province of the model: its own collector, intake, register and keystore; a link in the model's hands in place of a broker's."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from edge_agent.link.broker_link import Arrived, Connected, Message
from edge_agent.wire.authority import Officer, Power
from edge_agent.wire.entry import Kind, Passage, decode_body
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting import quarantine
from province.collecting.collector import _BATCH_MOST, Collector
from province.collecting.mqtt_inlet import MqttInlet
from province.collecting.register import Register
from province.keys import wrapping
from province.keys.day_keys import DayKeys
from province.keys.keystore import Keystore
from province.keys.officers import load_officer, read_root_public
from province.proof import certificate, proving
from province.records import views
from province.records.retention import Retention
from province.store import database
from province.trust.keyring_office import KeyringOffice


class Killed(BaseException):
    """The collector's process ends here: nothing of its own code catches this."""


@dataclass(frozen=True)
class Row:
    """An entry as the register has it."""

    name: DeviceName
    log: bytes
    seq: int
    hash: bytes
    status: str


class _Patience(threading.Event):
    """What the collector waits on between two tries: instead of time, the model's hand passes."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = None

    def wait(self, timeout: float | None = None) -> bool:
        assert self.meanwhile is not None, f"the collector waits {timeout} s though nothing is in its way"
        meanwhile, self.meanwhile = self.meanwhile, None
        meanwhile()
        return False


@lru_cache(1)
def _officers(first: Layout) -> tuple[Officer, Officer]:
    """All copies of a founded province have the same."""
    return load_officer(first, Power.KEYRING), load_officer(first, Power.RECEIPTS)


class Province:
    """The receiving end.

    Args:
        layout: this run's copy of a founded province.
        founded: the one it is a copy of.
        publish: takes what the collector sends, and may raise `Killed`.
    """

    def __init__(self, layout: Layout, founded: Layout, publish: Callable[[Message], None]) -> None:
        self.layout = layout
        self._publish = publish
        self.keyring_officer, self.receipts_officer = _officers(founded)
        self._settings = layout.read_settings()
        self.root = read_root_public(layout)
        self.office = KeyringOffice(layout, self._settings, self.keyring_officer)
        self.keystore = Keystore(layout.keystore)
        self.reader = database.connect(layout.register)  # another connection: it sees what is committed, and nothing else
        self._acknowledged: list[int] = []
        self.start()

    def start(self) -> None:
        """A collector's process starts."""
        self._register = Register(self.layout.register, wait_s=0.0)
        self._inlet = MqttInlet(lambda _listener: self, "the model")
        self._collector = Collector(self._inlet, self._register, self.keystore, self.office, lambda: self.receipts_officer)
        self._patience = _Patience()
        self._collector._stopping = self._patience
        self._inlet.on_event(Connected())
        self._inlet.take(1, 0.0)

    def stop(self) -> None:
        self._register.close()

    def close(self) -> None:
        self.stop()
        self.reader.close()

    # ── what the collector's link is ─────────────────────────────────────────────────────────────────────────────────────────────

    def publish(self, message: Message) -> None:
        self._publish(message)

    def acknowledge(self, handle: tuple[int, int]) -> None:
        self._acknowledged.append(handle[0])

    # ── work ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, messages: list[tuple[str, bytes]], meanwhile: Callable[[], None] | None = None) -> set[int]:
        """The collector handles a batch; returns which of its messages it has acknowledged.

        Args:
            messages: topics and payloads.
            meanwhile: removes an obstacle; called when the collector meets it, and at the end if it has met none.

        Raises:
            Killed: `publish` or `meanwhile` says so.
        """
        self._acknowledged.clear()
        self._patience.meanwhile = meanwhile
        for number, (topic, payload) in enumerate(messages):
            self._inlet.on_event(Arrived(topic, payload, retained=False, handle=(number, 1)))
        try:
            self._collector._handle(self._inlet.take(_BATCH_MOST, 1.0))
        finally:
            left, self._patience.meanwhile = self._patience.meanwhile, None
            if left is not None:
                left()
        return set(self._acknowledged)

    def hold_lock(self) -> Callable[[], None]:
        """Another program holds the register locked; returns what lets go."""
        holder = sqlite3.connect(self.layout.register, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")

        def let_go() -> None:
            holder.execute("ROLLBACK")
            holder.close()

        return let_go

    def take_away(self, there: Path) -> Callable[[], None]:
        """The keystore or the register is away; returns what brings it back."""
        away = there.with_name("away")
        there.rename(away)

        def bring_back() -> None:
            away.rename(there)

        return bring_back

    def renew_keyring(self) -> None:
        """A keyring with a higher counter."""
        undated = self.office.current.key_for(None)
        self.office.rotate(undated, now_ms())

    def close_old_days(self) -> set[str]:
        """Retention runs; returns the days that are closed for good."""
        with closing(database.connect(self.layout.register)) as connection:
            retention = Retention(connection, self.layout.register, self.keystore, 1, now_ms())
            return {closed.day for closed in retention.close(retention.due())}

    # ── what the register says ───────────────────────────────────────────────────────────────────────────────────────────────────

    def rows(self) -> list[Row]:
        """Every entry it has, committed."""
        query = "SELECT org, device, log, seq, hash, status FROM entry"
        return [Row(DeviceName(row[0], row[1]), row[2], row[3], row[4], row[5]) for row in self.reader.execute(query)]

    def counted(self, name: DeviceName) -> dict[bytes, set[int]]:
        """Which numbers of which log the ledger has."""
        found = views.spans(self.reader, name)
        return {log: {seq for span in of_log for seq in range(span.first, span.last + 1)} for (_name, log), of_log in found.items()}

    def refused(self) -> int:
        """How many messages went to quarantine, the same one each time."""
        return sum(count.times for count in quarantine.counts(self.reader)) + quarantine.dropped(self.reader)

    def own_faults(self) -> int:
        return sum(count.times for count in quarantine.counts(self.reader) if count.reason == "internal-error")

    def person_of(self, row: Row) -> str | None:
        """The id number in a registered row; None when its day is closed."""
        found = self.reader.execute("SELECT kind, epoch, body FROM entry WHERE hash = ?", (row.hash,)).fetchone()
        keys = self.keystore.load(found["epoch"])
        if not isinstance(keys, DayKeys):
            return None
        about = wrapping.identity(row.name, row.log, row.seq, row.hash)
        body = decode_body(Kind(found["kind"]), wrapping.unwrap(found["body"], about, keys.data_key))
        assert isinstance(body, Passage)
        return body.person.id_number

    def judged(self, name: DeviceName) -> list[proving.Finding]:
        """What `gate-province prove` finds wrong on any day of a device."""
        known = certificate.known_logs(self.reader, name)
        days = {one.day for log in known for one in log.days}
        return [finding for day in days for log in proving.judge(known, day).logs for finding in log.findings]
