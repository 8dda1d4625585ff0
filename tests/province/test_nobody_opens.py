"""After retention nobody opens the day any more: no copy of register, backup, broker store or outbox, with all keys that are left."""

from __future__ import annotations

import json
import shutil
import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from old_province import arrive, days_ago, founded_ago, here, kept_up, made_ago
from province_world import ANYONE, Broker, Collecting, Log, Scanner, free_port, scanner, session, wait_for_keyring

from edge_agent.store.forwarder import Forwarder
from edge_agent.store.recorder import Recorder
from edge_agent.wire import envelope, sealing
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.entry import Kind, Passage, decode_body
from edge_agent.wire.topics import DeviceName
from province.base.layout import Layout
from province.keys import wrapping
from province.keys.identifiers import Identifier, token
from province.store import database

CLOSED, KEPT = 25, 0


@dataclass
class Copies:
    """What an attacker has gathered, from before the day was closed."""

    registers: list[Path]
    broker_store: Path
    outbox: Path


def copied(layout: Layout, state: Path, folder: Path) -> Copies:
    folder.mkdir()
    live, backup = folder / "live.sqlite", folder / "backup.sqlite"
    for suffix in ("", "-wal", "-shm"):  # as a thief copies it: with the write-ahead log
        shutil.copy(f"{layout.register}{suffix}", f"{live}{suffix}")
    with closing(sqlite3.connect(layout.register)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    shutil.copytree(layout.broker_store, folder / "store")
    shutil.copy(state / "outbox.sqlite", folder / "outbox.sqlite")
    return Copies([live, backup], folder / "store", folder / "outbox.sqlite")


def keys_left(root: Path) -> dict[str, list[Any]]:
    """Every secret that any file of the province still holds, whatever it was for."""
    private, symmetric = [], []
    for file in root.rglob("*"):
        if file.suffix not in (".json", ".key") or not file.is_file():
            continue
        with suppress(ValueError):
            fields = json.loads(file.read_bytes())
            if "private" in fields:
                private.append((sealing.Suite(fields["suite"]), b64decode(fields["private"])))
            symmetric += [b64decode(fields[name]) for name in ("token_key", "data_key") if name in fields]
    assert len(private) > 20
    assert len(symmetric) > 40
    return {"private": private, "symmetric": symmetric}


def envelopes_in(store: Path, made: list[bytes]) -> list[bytes]:
    data = b"".join(file.read_bytes() for file in store.rglob("*") if file.is_file())
    return [one for one in made if one in data]


def opened_envelopes(envelopes: list[bytes], keys: dict[str, list[Any]]) -> set[int]:
    """Numbers of the entries that one of the keys opens."""
    found = set()
    for one in envelopes:
        entry = envelope.peek(one)
        for suite, raw in keys["private"]:
            with suppress(sealing.CannotOpen, Malformed):
                envelope.open_body(entry, suite, sealing.load_private(suite, raw))
                found.add(entry.header.seq)
    return found


def opened_rows(register: Path, keys: dict[str, list[Any]]) -> set[int]:
    """Numbers of the rows whose body or person one of the keys gives away."""
    found = set()
    with closing(sqlite3.connect(register)) as connection:
        connection.row_factory = sqlite3.Row
        tokens = {(row["token"], row["kind"]): row["entry_id"] for row in connection.execute("SELECT * FROM token")}
        seqs = {row["id"]: row["seq"] for row in connection.execute("SELECT id, seq FROM entry")}
        for row in connection.execute("SELECT * FROM entry WHERE body IS NOT NULL"):
            about = wrapping.identity(DeviceName(row["org"], row["device"]), row["log"], row["seq"], row["hash"])
            for key in keys["symmetric"]:
                with suppress(sealing.CannotOpen, Malformed):
                    body = decode_body(Kind(row["kind"]), wrapping.unwrap(row["body"], about, key))
                    assert isinstance(body, Passage)
                    found.add(row["seq"])
    people = [(Identifier.ID_NUMBER, ANYONE.id_number), (Identifier.OLD_ID, ANYONE.old_id), (Identifier.PHONE, ANYONE.phone)]
    for kind, value in people:  # knowing the person, and only asking whether they passed
        marks = {(token(kind, value or "", key), str(kind)) for key in keys["symmetric"]}
        found |= {seqs[tokens[mark]] for mark in marks & set(tokens)}
    return found


@pytest.fixture
def broker(layout: Layout) -> Iterator[Broker]:
    running = Broker(layout)
    yield running
    running.stop()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = founded_ago(tmp_path / "province", 30, port=free_port())
    kept_up(made, 30)
    return made


def recorded_and_sent(layout: Layout, broker: Broker, device: Scanner, tmp_path: Path) -> tuple[list[bytes], Path]:
    """Entries 1 and 2 (of the day that will be closed, and of today), in the outbox and the broker's store."""
    log = Log.new(device)
    made = [made_ago(layout, log, CLOSED), made_ago(layout, log, KEPT)]
    state = tmp_path / "state"
    state.mkdir()
    with closing(Recorder(state / "outbox.sqlite", 10**9)) as outbox:
        for one in made:
            outbox.append(lambda _spot, one=one: one)  # type: ignore[misc]
    broker.start()
    with Collecting(layout):
        wait_for_keyring(scanner(layout, tmp_path, "witness"))
    with session(device) as connected:
        connected.send(*made)  # the collector is away: the broker keeps them
    broker.stop()
    return made, state


def test_nobody_opens_a_closed_day_on_any_copy(layout: Layout, broker: Broker, tmp_path: Path) -> None:
    device = scanner(layout, tmp_path)
    made, state = recorded_and_sent(layout, broker, device, tmp_path)
    with closing(database.connect(layout.register)):  # as the collector holds it: with a write-ahead log
        arrive(layout, device, made)
        copies = copied(layout, state, tmp_path / "copies")
    with closing(Forwarder(copies.outbox)) as outbox:
        in_outbox = [waiting.envelope for waiting in outbox.page(0, 10)]
    assert in_outbox == envelopes_in(copies.broker_store, made) == made

    def opened(keys: dict[str, list[Any]]) -> list[set[int]]:
        return [opened_envelopes(in_outbox, keys), *(opened_rows(register, keys) for register in copies.registers)]

    assert opened(keys_left(layout.root)) == [{1, 2}] * 3, "before, whoever has the keys reads everything"
    assert here("retention", "run", layout.root).returncode == 0
    assert opened(keys_left(layout.root)) == [{2}] * 3, "after, all that is left opens only the day that is kept"
    assert opened_rows(layout.register, keys_left(layout.root)) == {2}


def test_the_closed_day_is_in_no_file_of_the_province_any_more(layout: Layout, tmp_path: Path) -> None:
    device = scanner(layout, tmp_path)
    log = Log.new(device)
    arrive(layout, device, [made_ago(layout, log, CLOSED), made_ago(layout, log, KEPT)])
    keys = json.loads((layout.keystore / f"{days_ago(CLOSED)}.json").read_bytes())
    with closing(sqlite3.connect(layout.register)) as connection:
        bodies = [row[0] for row in connection.execute("SELECT body FROM entry ORDER BY seq")]
        tokens = [row[0] for row in connection.execute("SELECT token FROM token JOIN entry ON id = entry_id WHERE seq = 1")]
    assert len(tokens) == 3

    def there(needle: bytes) -> bool:
        return any(needle in file.read_bytes() for file in layout.root.rglob("*") if file.is_file())

    gone = [bodies[0][:40], *tokens, *(keys[name].encode() for name in ("private", "token_key", "data_key"))]
    assert all(map(there, gone))
    with closing(database.connect(layout.register)):  # as the collector holds it: closing it would fold the log too
        assert here("retention", "run", layout.root).returncode == 0
        assert not any(map(there, gone)), "zeros in the file's free pages, an empty write-ahead log, no key"
    assert there(bodies[1][:40])
