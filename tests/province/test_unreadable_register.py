"""A register with pages that cannot be read: said as such, refused one request at a time, and nobody ends for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import admission_world
import pytest
from admission_world import GRANT, Province, new_keys

from edge_agent.device.device_keys import DeviceKeys
from edge_agent.link.broker_link import Arrived, Message
from edge_agent.wire import joining
from edge_agent.wire.joining import Outcome, Wish
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import erasures
from province.registry import revocations
from province.registry.tickets import Grant
from province.shell.admit_command import Renewals
from province.store import database
from province.store.opened import Connection

province = admission_world.province
OTHER = replace(GRANT, name=DeviceName("bus-co", "scanner-2"))


def spoil(layout: Layout, table: str) -> Callable[[], object]:
    """Writes over the first page of a table and of each of its indexes; what is returned puts them back."""
    with closing(sqlite3.connect(layout.register, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [size] = connection.execute("PRAGMA page_size").fetchone()
        pages = [page for (page,) in connection.execute("SELECT rootpage FROM sqlite_schema WHERE tbl_name = ? AND rootpage > 0", (table,))]
    whole = layout.register.read_bytes()
    spoilt = bytearray(whole)
    for page in pages:
        spoilt[(page - 1) * size : page * size] = b"\xaa" * size
    layout.register.write_bytes(spoilt)
    return lambda: layout.register.write_bytes(whole)


def joined(province: Province, grant: Grant) -> DeviceKeys:
    keys = new_keys()
    province.admission.from_a_stick(keys.request(Wish.JOIN), grant, province.now_ms)
    return keys


def renewal(province: Province, renewals: Renewals, keys: DeviceKeys, grant: Grant) -> Outcome | None:
    """What a device is answered that asks over the broker for a certificate for another TLS key; None when nothing."""
    message, answers = replace(keys, tls=new_keys().tls).request(Wish.RENEW), list[Message]()
    renewals.on_event(Arrived(grant.name.topic(Leaf.CERTIFICATE_REQUEST), message, False, (1, 1)))
    renewals.stop()
    renewals.work(answers.append)
    return joining.read_answer(answers[0].payload, message, province.root).outcome if answers else None


def test_a_request_meets_a_page_that_cannot_be_read_and_the_next_one_is_answered(
    province: Province, caplog: pytest.LogCaptureFixture
) -> None:
    keys, renewals = joined(province, GRANT), Renewals(lambda: province.admission, lambda: None)
    repair = spoil(province.layout, "device")
    assert renewal(province, renewals, keys, GRANT) is None
    assert f"no certificate for device={GRANT.name} now" in caplog.text
    assert "restore it from a backup" in caplog.text
    repair()
    assert renewal(province, renewals, keys, GRANT) is Outcome.WELCOME


def test_a_request_that_meets_a_fault_of_ours_is_told_without_data_and_the_next_one_is_answered(
    province: Province, caplog: pytest.LogCaptureFixture
) -> None:
    unlucky, other = joined(province, GRANT), joined(province, OTHER)
    renewals = Renewals(lambda: province.admission, lambda: None)
    with closing(database.connect(province.layout.register)) as connection:
        connection.execute("UPDATE certificate SET der = x'30' WHERE device = ?", (GRANT.name.device,))
    assert renewal(province, renewals, unlucky, GRANT) is None
    assert f"internal error with a request of device={GRANT.name}: ValueError" in caplog.text
    assert renewal(province, renewals, other, OTHER) is Outcome.WELCOME


def test_what_is_looked_after_between_requests_may_fail(province: Province, caplog: pytest.LogCaptureFixture) -> None:
    def look_after() -> None:
        raise OSError("too many open files")

    keys, renewals = joined(province, GRANT), Renewals(lambda: province.admission, look_after)
    assert renewal(province, renewals, keys, GRANT) is Outcome.WELCOME
    assert "not looked after: too many open files" in caplog.text


def test_who_opens_a_register_with_such_a_page_is_told_what_to_do(layout: Layout) -> None:
    keystore = Keystore(layout.keystore)
    noted = keystore.erased("2021-10-05")
    noted.parent.mkdir()
    noted.write_text('[["bus-co", "scanner-1", "00", 1, "00"]]')
    showing: dict[str, Callable[[], Connection]] = {
        "device": lambda: revocations.connect(layout, 1),
        "entry": lambda: erasures.connect(layout, keystore, 1),
    }
    for table, opened in showing.items():
        repair = spoil(layout, table)
        with pytest.raises(database.RegisterBusy, match="damaged: stop the collector and restore it"):
            opened()
        repair()
        opened().close()
