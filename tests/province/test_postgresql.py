"""What only a register on a server does: parts a day, dropped whole; writers that take turns over the network; a server that goes away."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from old_province import arrive, days_ago, here, made_ago, rows
from postgres_world import Server
from province_world import Broker, Collecting, Log, founded, free_port, scanner, session

from edge_agent.wire.keyring import day_of
from edge_agent.wire.topics import Leaf
from province.base.clock import now_ms
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.collecting.intake import Intake
from province.collecting.register import Register
from province.keys.keystore import Keystore
from province.records.retention import Retention
from province.store import database, partitions
from province.store.opened import RegisterBusy, RegisterRefused
from province.store.schema import entry, token
from province.store.tracing_tables import tracing_case


@pytest.fixture
def register_in(postgres: Server) -> Callable[[Layout], Layout]:
    return postgres.moved_here


def parts(layout: Layout) -> set[str]:
    query = sa.text("SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid WHERE relkind = 'r'")
    with closing(database.connect(layout.register)) as connection:
        return {row["relname"] for row in connection.rows(query)}


def lie_in(layout: Layout) -> dict[str, int]:
    """How many entries lie in which part."""
    query = sa.text("SELECT tableoid::regclass::text AS part, count(*) AS entries FROM entry GROUP BY 1")
    with closing(database.connect(layout.register)) as connection:
        return {row["part"]: row["entries"] for row in connection.rows(query)}


def test_a_province_is_founded_on_a_server(postgres: Server, tmp_path: Path) -> None:
    url = postgres.database()
    ran = here("init", tmp_path / "p", "--database", url, "--suite", "x25519", "--days", "2")
    assert ran.returncode == 0, ran.stderr
    layout = Layout(tmp_path / "p")
    assert not layout.register.exists()
    assert (layout.root / "register.url").stat().st_mode & 0o777 == 0o600
    today = day_of(now_ms())
    assert {partitions.part_of(entry, today), partitions.part_of(token, today + timedelta(days=8)), "entry_rest"} <= parts(layout)
    assert here("store", "show", layout.root).returncode == 0
    again = here("init", tmp_path / "q", "--database", url)
    assert (again.returncode, "has tables already" in again.stderr) == (2, True)


def test_an_entry_lies_in_the_part_of_its_day_which_retention_drops(old_layout: Layout, tmp_path: Path) -> None:
    gate = scanner(old_layout, tmp_path)
    log = Log.new(gate)
    arrive(old_layout, gate, [made_ago(old_layout, log, 25), made_ago(old_layout, log, 25)], days=25)
    arrive(old_layout, gate, [made_ago(old_layout, log, 0)])
    gone, kept = partitions.part_of(entry, days_ago(25)), partitions.part_of(entry, days_ago(0))
    assert lie_in(old_layout) == {gone: 2, kept: 1}
    with closing(database.connect(old_layout.register)) as connection:
        retention = Retention(connection, old_layout.register, Keystore(old_layout.keystore), 21, now_ms())
        closed = list(retention.close(retention.due()))
    assert days_ago(25).isoformat() in {one.day for one in closed}
    assert (gone in parts(old_layout), partitions.part_of(token, days_ago(25)) in parts(old_layout)) == (False, False)
    assert lie_in(old_layout) == {kept: 1}
    [ledger] = rows(old_layout, "ledger")
    assert (ledger["first_seq"], ledger["last_seq"]) == (1, 3)


def test_a_row_sealed_to_a_key_that_lives_outlasts_its_days_part(old_layout: Layout, tmp_path: Path) -> None:
    gate = scanner(old_layout, tmp_path)
    log = Log.new(gate)
    [ahead] = arrive(old_layout, gate, [made_ago(old_layout, log, 5)], days=25)  # dated twenty days ahead: kept under the day it came
    with closing(database.connect(old_layout.register)) as connection:
        retention = Retention(connection, old_layout.register, Keystore(old_layout.keystore), 21, now_ms())
        list(retention.close(retention.due()))
    [row] = rows(old_layout)
    assert (row["hash"], row["status"], row["body"]) == (ahead.outcome.hash, "expired", None)
    assert (rows(old_layout, "token"), lie_in(old_layout)) == ([], {"entry_rest": 1})


def test_parts_are_made_ahead_but_not_over_what_lies_in_the_rest(layout: Layout) -> None:
    later = day_of(now_ms()) + timedelta(days=30)
    with closing(database.connect(layout.register)) as connection:
        with database.transaction(connection, layout.register):
            row = {"id": 1, "org": "o", "device": "d", "log": b"l", "seq": 1, "hash": b"h", "prev": b"p", "epoch": later.isoformat()}
            connection.execute(sa.insert(entry), row | {"status": "expired", "forked": 0, "registered_ms": 1})
        database.look_ahead(connection, layout.register, later)
        database.look_ahead(connection, layout.register, later)
    made = parts(layout)
    assert partitions.part_of(entry, later + timedelta(days=1)) in made
    assert partitions.part_of(entry, later) not in made


def test_writers_take_turns(layout: Layout) -> None:
    with closing(database.connect(layout.register)) as one, closing(database.connect(layout.register, 0.05)) as other:
        with database.transaction(one, layout.register):
            with pytest.raises(RegisterBusy, match="another writer"), database.transaction(other, layout.register):
                raise AssertionError
            assert other.has(sa.select(sa.func.count()).select_from(entry))  # who reads waits for nobody
        with database.transaction(other, layout.register):
            pass


@pytest.mark.usefixtures("postgres")  # skipped where there is none
def test_a_server_killed_and_started_again_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    own = Server().start()
    try:
        layout = own.moved_here(founded(tmp_path / "province", free_port()))
        gate = scanner(layout, tmp_path)
        log = Log.new(gate)
        with Register(layout.register) as register:
            intake = Intake(register.device, Keystore(layout.keystore).load, now_ms())
            batches = [[intake.examine(gate.name.topic(Leaf.ENTRIES), log.append()) for _ in range(5)] for _ in range(3)]
            assert len(register.store(batches[0], now_ms)) == 5
            own.kill()
            with pytest.raises(RegisterBusy, match=r"register\.url"):
                register.store(batches[1], now_ms)
            own.start()
            stored = register.store([*batches[0], *batches[1]], now_ms)
            assert [getattr(one, "repeated", None) for one in stored] == [True] * 5 + [False] * 5
            register.store(batches[2], now_ms)
        [ledger] = rows(layout, "ledger")
        assert (ledger["first_seq"], ledger["last_seq"], len(rows(layout))) == (1, 15, 15)
    finally:
        own.stop()


def test_the_audit_log_refuses_changes(layout: Layout) -> None:
    assert here("find", layout.root, "--id", "001099123456", "--reason", "case 7").returncode == 0
    with closing(database.connect(layout.register)) as connection:
        for statement in ("UPDATE audit SET hash = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
            with pytest.raises(RegisterRefused, match="P0001"):
                connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    "values,state",
    [({"id": 1}, "23505"), ({"id": None}, "23502"), ({"id": 2, "epoch": "Nguyễn\0"}, "DataError"), ({"id": 2**70}, "22003")],
)
def test_what_the_server_refuses_is_told_without_statement_and_values(layout: Layout, values: dict[str, object], state: str) -> None:
    row: dict[str, object] = {"id": 1, "epoch": "Nguyễn Thị Lan", "state": "open", "opened_ms": 1}
    with closing(database.connect(layout.register)) as connection:
        connection.execute(sa.insert(tracing_case), row)
        with pytest.raises(RegisterRefused) as caught:
            connection.execute(sa.insert(tracing_case), row | values)
        assert connection.value(sa.select(sa.func.count()).select_from(tracing_case)) == 1
    said = "".join(traceback.format_exception(caught.value))
    assert (state in str(caught.value), "Nguyễn" in said) == (True, False)
    assert "INSERT" not in str(caught.value)


def test_other_tables_put_there_are_another_register(layout: Layout) -> None:
    with closing(database.connect(layout.register)) as one, closing(database.connect(layout.register)) as other:
        before = database.mark(one, layout.register)
        assert database.mark(other, layout.register) == before
        with database.transaction(one, layout.register):  # as pg_restore does
            one.execute(sa.text("ALTER TABLE entry RENAME TO earlier"))
            one.execute(sa.text("CREATE TABLE entry ()"))
        assert database.mark(other, layout.register) != before


def test_a_server_that_is_not_there_is_named_without_its_password(layout: Layout) -> None:
    (layout.root / "register.url").write_text("postgresql://gate:secret-7@127.0.0.1:9/none\n")
    ran = here("logs", layout.root)
    assert (ran.returncode, "register.url" in ran.stderr, "secret-7" in ran.stderr + ran.stdout) == (1, True, False)
    (layout.root / "register.url").write_text("postgres elsewhere")
    with pytest.raises(NotAProvince, match="must hold an address"):
        database.connect(layout.register)


def test_two_collectors_behind_a_broker_store_each_entry_once_and_receipt_it(
    tmp_path: Path, register_in: Callable[[Layout], Layout]
) -> None:
    layout = register_in(founded(tmp_path / "province", free_port()))
    gates = [scanner(layout, tmp_path, f"gate-{number}") for number in range(2)]
    command = (sys.executable, "-m", "province", "collect", str(layout.root), "--number")
    with Broker(layout), Collecting(layout, (*command, "1")) as one, Collecting(layout, (*command, "2")) as two:
        for each in (one, two):
            each.wait_until_logged("connected to the broker")
        for gate in gates:
            log = Log.new(gate)
            made = [log.append() for _ in range(30)]
            with session(gate) as device:
                device.deliver(*made)
                device.deliver(*made)  # again: the same receipts
    found = rows(layout)
    assert (len(found), len({row["hash"] for row in found})) == (60, 60)
    assert [(row["first_seq"], row["last_seq"]) for row in rows(layout, "ledger")] == [(1, 30), (1, 30)]
    assert rows(layout, "alert") == []
