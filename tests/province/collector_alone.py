"""A collector without a broker: what is handed to it goes its whole way, and the register may be changed beneath it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing

from province_world import Log

from edge_agent.link.broker_link import Message
from edge_agent.wire.authority import Power
from edge_agent.wire.topics import Leaf
from province.base.layout import Layout
from province.collecting.collector import Collector
from province.collecting.inlet import Inbox, Parcel
from province.collecting.intake import Refused
from province.collecting.register import Register, Stored
from province.keys.keystore import Keystore
from province.keys.officers import load_officer
from province.trust.keyring_office import KeyringOffice


class Hand:
    """An inlet that a test puts messages into; receipts and acknowledgements go nowhere."""

    source = "a test"

    def __init__(self) -> None:
        self._inbox = Inbox()
        self.take, self.wake = self._inbox.take, self._inbox.wake

    def put(self, topic: str, payload: bytes) -> None:
        self._inbox.put(Parcel(topic, payload, (1, 1), 0))

    def start(self) -> None:
        pass

    def settle(self, batch: Sequence[Parcel], receipts: Sequence[Message]) -> None:
        assert batch
        assert all(message.payload for message in receipts)

    def keep_published(self, message: Message) -> None:
        assert message.retain

    def stop(self) -> None:
        pass


def delivered(layout: Layout, log: Log, *changes: str, made: bytes | None = None, trust_clock: bool = False) -> Stored | Refused:
    """Hands the collector an entry, and after each change made to the register's file beneath it one more; what became of the last.

    Args:
        layout: the province.
        log: writes the entries.
        changes: SQL.
        made: the first entry, if not the log's next one.
        trust_clock: as the collector's.
    """
    topic, left = log.scanner.name.topic(Leaf.ENTRIES), [*changes]
    hand, results = Hand(), list[Stored | Refused]()

    def seen(result: Stored | Refused, _committed_ms: int) -> None:
        results.append(result)
        if not left:
            collector.stop()
            return
        with closing(sqlite3.connect(layout.register, isolation_level=None)) as beneath:
            beneath.execute(left.pop(0))
        hand.put(topic, log.append())

    with Register(layout.register) as register:
        collector = _collector(layout, hand, register, seen, trust_clock=trust_clock)
        hand.put(topic, made or log.append())
        collector.work()
    return results[-1]


def handed(layout: Layout, messages: Sequence[tuple[str, bytes]]) -> list[Stored | Refused]:
    """Hands the collector messages, each with its topic, all at once; what became of each."""
    hand, results = Hand(), list[Stored | Refused]()

    def seen(result: Stored | Refused, _committed_ms: int) -> None:
        results.append(result)
        if len(results) == len(messages):
            collector.stop()

    with Register(layout.register) as register:
        collector = _collector(layout, hand, register, seen)
        for topic, payload in messages:
            hand.put(topic, payload)
        collector.work()
    return results


def _collector(
    layout: Layout, hand: Hand, register: Register, seen: Callable[[Stored | Refused, int], None], *, trust_clock: bool = False
) -> Collector:
    office = KeyringOffice(layout, layout.read_settings(), load_officer(layout, Power.KEYRING))
    officer = load_officer(layout, Power.RECEIPTS)
    return Collector(hand, register, Keystore(layout.keystore), office, lambda: officer, seen, trust_clock=trust_clock)
