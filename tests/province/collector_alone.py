"""A collector without a broker: what is handed to it goes its whole way, and the register may be changed beneath it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from province_world import Log

from edge_agent.authority import Power
from edge_agent.broker_link import Arrived, Message
from edge_agent.topics import Leaf
from province.collector import Collector
from province.intake import Refused
from province.keyring_office import KeyringOffice
from province.keystore import Keystore
from province.layout import Layout
from province.officers import load_officer
from province.register import Register, Stored


class _Broker:
    """The broker's side: takes receipts and acknowledgements."""

    def publish(self, message: Message) -> None:
        assert message.payload

    def acknowledge(self, handle: tuple[int, int]) -> None:
        assert handle


def delivered(layout: Layout, log: Log, *changes: str, made: bytes | None = None) -> Stored | Refused:
    """Hands the collector an entry, and after each change made to the register's file beneath it one more; what became of the last.

    Args:
        layout: the province.
        log: writes the entries.
        changes: SQL.
        made: the first entry, if not the log's next one.
    """
    office = KeyringOffice(layout, layout.read_settings(), load_officer(layout, Power.KEYRING))
    topic, left = log.scanner.name.topic(Leaf.ENTRIES), [*changes]
    results: list[Stored | Refused] = []

    def seen(result: Stored | Refused, _committed_ms: int) -> None:
        results.append(result)
        if not left:
            collector.stop()
            return
        with closing(sqlite3.connect(layout.register, isolation_level=None)) as beneath:
            beneath.execute(left.pop(0))
        collector.on_event(Arrived(topic, log.append(), False, (1, 1)))

    officer = load_officer(layout, Power.RECEIPTS)
    with Register(layout.register) as register:
        collector = Collector(register, Keystore(layout.keystore), office, lambda: officer, seen)
        collector.on_event(Arrived(topic, made or log.append(), False, (1, 1)))
        collector.work(_Broker())
    return results[-1]
