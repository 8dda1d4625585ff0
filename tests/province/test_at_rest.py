"""The register at rest: every table and file of a province that has seen all its commands, searched for its people."""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from conftest import World
from old_province import days_ago, here, rows
from province_world import Log, passage, recorded, session
from telltale import cells_that_tell, files_that_tell

from edge_agent.wire.entry import Kind
from firmware.person_codes import Person
from province.demo.synthetic import synthetic_people
from province.store import database

PEOPLE = synthetic_people(12, seed=51)
WHY = ("--reason", "request 5")


def delivered(world: World) -> None:
    """Registered, held, refused and repeated messages of people."""
    device = world.new_scanner()
    log = Log.new(device)
    made = [log.append(passage(recorded(person))) for person in PEOPLE]
    made += [log.append(passage(recorded(PEOPLE[0])), key=device.keyring.key_for(None)), log.append(kind=Kind.BOOT)]
    with session(device) as connected:
        connected.deliver(*made)
        connected.send(made[0][:-1], topic=None)
        connected.deliver(made[1])


def everything_done(world: World, outside: Path) -> None:
    """Every command that opens or moves somebody's data, as an officer would type it."""
    root, one, other = world.layout.root, PEOPLE[1].id_number, PEOPLE[2]
    for words in (
        ("entries", root), ("logs", root), ("quarantine", root), ("held", "list", root),
        ("held", "open", root, "--undated-key", world.layout.undated_key),
        ("find", root, "--id", one, *WHY), ("find", root, "--id", other.phone or other.id_number, *WHY),
        ("subject", "lookup", root, "--id", one, *WHY, "--unmask"), ("subject", "export", root, "--id", one, *WHY, "--out", outside),
        ("subject", "erase", root, "--id", PEOPLE[3].id_number, *WHY, "--yes"), ("audit", "verify", root), ("audit", "list", root),
        ("keyring", "show", root), ("retention", "run", root),
    ):  # fmt: skip
        ran = here(*words)
        assert ran.returncode == 0, (words, ran.stderr)
    here("prove", root, "bus-co/scanner-1", days_ago(0), "--out", root / "proof.txt")
    assert here("find", root, "--id", "").returncode == 2


def backed_up(world: World) -> None:
    """A backup as the design allows it: all but the keystore and what belongs offline."""
    backups = world.layout.root / "backups"
    backups.mkdir()
    with closing(sqlite3.connect(world.layout.register)) as source, closing(sqlite3.connect(backups / "register.sqlite")) as target:
        source.backup(target)
    with tarfile.open(backups / "rest.tar", "w") as archive:
        for name in ("officers", "authority", "broker", "collector", "province.json", "keyring.cose", "mosquitto.conf"):
            archive.add(world.layout.root / name, name)


def test_no_table_and_no_file_of_the_province_tells_of_anybody(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "handed-out.json"
    with closing(database.connect(world.layout.register)):  # the write-ahead log stays
        delivered(world)
        everything_done(world, outside)
        backed_up(world)
        world.broker.stop()
        state = {row["status"] for row in rows(world.layout)}
        assert state == {"registered"}
        assert len(rows(world.layout, "token")) > len(PEOPLE)
        assert len(rows(world.layout, "audit")) == 5
        assert rows(world.layout, "quarantine")
        shutil.copytree(world.layout.root.parent, tmp_path / "seized", ignore=shutil.ignore_patterns("*.bundle.json"))
    seized = tmp_path / "seized"
    assert {"register.sqlite", "register.sqlite-wal", "mosquitto.log", "collector.log", "rest.tar", "audit.head"} <= {
        file.name for file in seized.rglob("*") if file.is_file()
    }
    assert files_that_tell(seized, PEOPLE) == []
    for register in seized.rglob("register.sqlite"):
        assert cells_that_tell(register, PEOPLE) == []
    assert files_that_tell(tmp_path, PEOPLE) == ["handed-out.json tells of person 1"], "and the search finds whoever is there"


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "hex": lambda data: data.hex().encode(),
    "HEX": lambda data: data.hex().upper().encode(),
    "base64": b64encode,
    "base64, one further": lambda data: b64encode(b"x" + data + b"yz"),
    "base64, two further": lambda data: b64encode(b"xy" + data + b"z"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("code", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("what", ["name", "id_number"])
def test_the_search_would_find_each_form(tmp_path: Path, form: str, code: str, what: str) -> None:
    person: Person = PEOPLE[0]
    (tmp_path / "leak").write_bytes(b"...." + FORMS[form](getattr(person, what).encode(code)) + b"....")
    assert files_that_tell(tmp_path, PEOPLE) == ["leak tells of person 0"]


def test_the_search_would_find_a_cell(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "register.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE note(id INTEGER, text)")
        connection.execute("INSERT INTO note VALUES (7, ?)", ("x" * 9000 + PEOPLE[4].id_number,))
    assert cells_that_tell(tmp_path / "register.sqlite", PEOPLE) == ["note tells of person 4"]
