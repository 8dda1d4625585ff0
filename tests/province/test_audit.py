"""The audit log: no look without a line, no line that can be changed, cut or signed by another unseen."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from old_province import Ran, arrive, here, made_ago
from province_world import ANYONE, Log, Scanner, json_lines, scanner

from province.base.clock import now_ms
from province.base.layout import Layout
from province.keys.keystore import Keystore
from province.records import audit, audit_check, auditors
from province.records.audit import Line
from province.store import database

PASSPHRASE = "bốn con voi xanh"
NUMBER = ANYONE.id_number


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    made = scanner(layout, tmp_path)
    arrive(layout, made, [made_ago(layout, Log.new(made), 0)])
    return made


def typed(text: str, *words: object) -> Ran:
    return here(*words, typed=text)


def look(layout: Layout, reason: str = "case 1", *more: object, then: str = "") -> Ran:
    return typed(f"{NUMBER}\n{then}", "find", layout.root, "--reason", reason, "--json", *more)


def verdict(layout: Layout, *more: object) -> dict[str, object]:
    ran = here("audit", "verify", layout.root, "--json", *more)
    [told] = json_lines(ran.stdout)
    assert ran.returncode == (1 if told["problems"] else 0)
    return told


def listed(layout: Layout) -> list[dict[str, object]]:
    return json_lines(here("audit", "list", layout.root, "--json").stdout)


def changed(layout: Layout, *statements: str) -> None:
    """What somebody with the database's file can do to it."""
    with closing(sqlite3.connect(layout.register, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER audit_keeps")
        connection.execute("DROP TRIGGER audit_stays")
        for statement in statements:
            connection.execute(statement)


@pytest.mark.usefixtures("device")
def test_every_look_is_a_line_and_the_lines_are_a_chain(layout: Layout) -> None:
    for reason in ("case 1", "hồ sơ 2"):
        assert json.loads(look(layout, reason, "--officer", "tran.binh").stdout)["count"] == 1
    assert here("subject", "lookup", layout.root, "--id", NUMBER, "--reason", "request 3", "--unmask").returncode == 0
    assert [(line["number"], line["action"], line["reason"]) for line in listed(layout)] == [
        (1, "find", "case 1"),
        (2, "find", "hồ sơ 2"),
        (3, "subject-lookup-unmasked", "request 3"),
    ]
    assert listed(layout)[0]["officer"] == "tran.binh"
    told = verdict(layout)
    assert (told["lines"], told["problems"]) == (3, [])
    assert verdict(layout, "--expect", f"3:{told['head']}")["problems"] == []
    assert verdict(layout, "--expect", f"2:{told['head']}")["problems"] != []
    assert NUMBER not in json.dumps(listed(layout))


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("reason", ["", "x", "case 001099012345", "gọi 010 1234 567", "a\nb", "x" * 201])
def test_a_reason_that_says_nothing_or_names_somebody_is_refused(layout: Layout, reason: str) -> None:
    ran = look(layout, reason)
    assert (ran.returncode, ran.stdout, "--reason" in ran.stderr) == (2, "", True)
    assert listed(layout) == []
    assert here("find", layout.root, "--id", NUMBER).returncode == 2


@pytest.mark.usefixtures("device")
def test_what_cannot_be_entered_is_not_shown(layout: Layout) -> None:
    with closing(database.connect(layout.register)) as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END")
    ran = look(layout)
    assert (ran.returncode != 0, ran.stdout) == (True, "")


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize(
    "change, problem",
    [
        ("DELETE FROM audit WHERE number = 2", "line 2: missing"),
        ("DELETE FROM audit WHERE number = 4", "line 4: not the one that the keystore names"),
        ("DELETE FROM audit", "line 4: not the one that the keystore names"),
        ("UPDATE audit SET fields = (SELECT fields FROM audit WHERE number = 1) WHERE number = 3", "line 3: changed"),
        ("UPDATE audit SET hash = zeroblob(32) WHERE number = 3", "line 3: changed"),
        ("UPDATE audit SET fields = x'00' WHERE number = 2", "line 2: "),
    ],
)
def test_a_line_taken_changed_or_cut_off_shows(layout: Layout, change: str, problem: str) -> None:
    for number in range(1, 5):
        look(layout, f"case {number}")
    changed(layout, change)
    assert any(str(told).startswith(problem) for told in verdict(layout)["problems"])  # type: ignore[attr-defined]


@pytest.mark.usefixtures("device")
def test_a_line_told_anew_with_a_hash_that_fits_shows_in_the_next(layout: Layout) -> None:
    for number in range(1, 4):
        look(layout, f"case {number}")
    with closing(database.connect(layout.register)) as connection:
        told = audit._encode(replace(list(audit.lines(connection))[1], reason="nothing"))
    changed(layout, f"UPDATE audit SET fields = x'{told.hex()}', hash = x'{audit.hash_of(told).hex()}' WHERE number = 2")  # noqa: S608
    assert [str(problem).split(":")[0] for problem in verdict(layout)["problems"]] == ["line 3"]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("device")
def test_a_log_written_anew_shows_by_what_was_noted_elsewhere(layout: Layout) -> None:
    founding = (layout.keystore / "audit.head").read_bytes()
    look(layout, "case 1")
    noted = f"1:{verdict(layout)['head']}"
    changed(layout, "DELETE FROM audit")
    (layout.keystore / "audit.head").write_bytes(founding)
    look(layout, "another story")
    assert verdict(layout)["problems"] == [], "all of it was written anew: nothing on this machine can tell"
    assert "your note" in str(verdict(layout, "--expect", noted)["problems"])


@pytest.mark.usefixtures("device")
def test_a_register_restored_from_a_backup_says_that_lines_are_missing(layout: Layout, tmp_path: Path) -> None:
    look(layout)
    shutil.copy(layout.register, tmp_path / "backup")
    look(layout)
    shutil.copy(tmp_path / "backup", layout.register)
    assert "restored from a backup" in str(verdict(layout)["problems"])
    head = (layout.keystore / "audit.head").read_text()
    for _ in range(2):
        assert look(layout).returncode == 0
        problems = verdict(layout)["problems"]
        assert isinstance(problems, list)
        assert [str(problem)[:35] for problem in problems] == ["line 2: the log was cut or put back"]
        assert json.loads(head)["hash"] in problems[0]
    assert [line["action"] for line in listed(layout)] == ["find", "audit-cut", "find", "find"]


@pytest.mark.usefixtures("device")
def test_a_line_cut_off_shows_although_the_keystores_word_went_with_it(layout: Layout) -> None:
    look(layout)
    look(layout)
    changed(layout, "DELETE FROM audit WHERE number = 2")
    (layout.keystore / "audit.head").unlink()
    assert "audit.head: not there" in str(verdict(layout)["problems"])


@pytest.mark.usefixtures("device")
def test_a_log_emptied_together_with_the_keystores_word_shows(layout: Layout) -> None:
    assert verdict(layout)["problems"] == []  # founded, and nobody has looked yet
    look(layout)
    changed(layout, "DELETE FROM audit")
    (layout.keystore / "audit.head").unlink()
    [problem] = cast("list[str]", verdict(layout)["problems"])
    assert "audit.head: not there; lines after number 0 may have been cut off with it. The next look" in problem
    assert look(layout).returncode == 0
    assert verdict(layout)["problems"] == ["line 1: the log was cut or put back here: the keystore's word of it was not there"]


@pytest.mark.usefixtures("device")
def test_without_the_keystore_nothing_is_said_of_the_log(layout: Layout) -> None:
    look(layout)
    layout.keystore.rename(layout.root / "elsewhere")
    ran = here("audit", "verify", layout.root)
    assert (ran.returncode, ran.stdout, "keystore is not there" in ran.stderr) == (1, "", True)


@pytest.mark.usefixtures("device")
def test_a_head_that_cannot_be_read_is_never_passed_over(layout: Layout) -> None:
    look(layout)
    (layout.keystore / "audit.head").write_bytes(b"torn")
    assert "audit.head: not readable" in str(verdict(layout)["problems"])
    assert look(layout).returncode == 0
    assert "line 2: the log was cut or put back" in str(verdict(layout)["problems"])


def test_the_table_refuses_changes(layout: Layout) -> None:
    with closing(database.connect(layout.register)) as connection:
        audit.append(
            connection, layout.register, Keystore(layout.keystore), lambda number, before: Line(number, before, 1, "a", "b", "c", "why")
        )
        for statement in ("DELETE FROM audit", "UPDATE audit SET hash = x'00'", "INSERT OR REPLACE INTO audit VALUES (1, x'', NULL, x'')"):
            if "REPLACE" in statement:
                connection.execute("PRAGMA recursive_triggers = ON")
            with pytest.raises(sqlite3.IntegrityError, match="audit log"):
                connection.execute(statement)


@pytest.mark.usefixtures("device")
def test_a_second_officer_signs_with_their_own_passphrase(layout: Layout) -> None:
    assert typed(f"{PASSPHRASE}\n", "audit", "officer", layout.root, "nguyen.an").returncode == 0
    key_file = auditors.path(layout, "nguyen.an")
    assert b"ENCRYPTED PRIVATE KEY" in key_file.read_bytes()
    wrong = look(layout, "case 1", "--second-officer", "nguyen.an", then="bốn con voi đỏ\n")
    assert (wrong.returncode, wrong.stdout, "another passphrase" in wrong.stderr) == (2, "", True)
    assert look(layout, "case 1", "--second-officer", "nobody", then="x\n").returncode == 2
    assert look(layout, "case 1", "--second-officer", "nguyen.an", then=f"{PASSPHRASE}\n").returncode == 0
    assert [(line["action"], line["second"]) for line in listed(layout)] == [("officer-added", "nguyen.an"), ("find", "nguyen.an")]
    assert verdict(layout)["problems"] == []
    assert typed(f"{PASSPHRASE}\n", "audit", "officer", layout.root, "nguyen.an").returncode == 2
    assert typed("short\n", "audit", "officer", layout.root, "le.chi").returncode == 2


def test_a_second_officer_who_did_not_sign_shows(layout: Layout) -> None:
    keystore = Keystore(layout.keystore)
    (real, _), (other, _) = auditors.generate(PASSPHRASE), auditors.generate(PASSPHRASE)
    added = Line(0, b"", now_ms(), audit.OFFICER_ADDED, "me", "me", "why", None, "real", real.public_key().public_bytes_raw())
    said = Line(0, b"", now_ms(), "find", "me", "me", "why", None, "real")

    def made(line: Line, key: Ed25519PrivateKey | None) -> None:
        with closing(database.connect(layout.register)) as connection:
            audit.append(connection, layout.register, keystore, lambda number, before: replace(line, number=number, previous=before), key)

    replaced = replace(added, action=audit.OFFICER_REPLACED, public_key=other.public_key().public_bytes_raw())
    for line, key in (
        *((said, real), (added, real), (said, real), (said, other), (said, None), (added, real)),
        *((replaced, other), (said, other), (said, real), (replace(replaced, second="nobody"), other)),
    ):
        made(line, key)
    with closing(database.connect(layout.register)) as connection:
        problems = audit_check.verify(connection, keystore).problems
    assert [problem.split(":")[0] for problem in problems] == ["line 1", "line 4", "line 5", "line 6", "line 9", "line 10"]


def full(*_anything: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_keystore_neither_unsays_a_line_nor_deletes_an_officers_key(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    add = ("audit", "officer", layout.root, "nguyen.an")
    monkeypatch.setattr(audit, "write_atomically", full)
    ran = typed(f"{PASSPHRASE}\n", *add)
    assert (ran.returncode, "Line 1 of the audit log is entered" in ran.stderr, "entered and has the key" in ran.stderr) == (1, True, True)
    monkeypatch.undo()
    auditors.unlock(layout, "nguyen.an", PASSPHRASE)
    assert typed(f"{PASSPHRASE}\n", *add).returncode == 2
    assert typed("", "subject", "lookup", layout.root, "--id", NUMBER, "--reason", "r 1", "--unmask").returncode == 0
    assert verdict(layout)["problems"] == []


@pytest.mark.usefixtures("device")
def test_what_is_entered_and_not_noted_is_not_shown(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "write_atomically", full)
    ran = look(layout)
    assert (ran.returncode, ran.stdout, "Line 1 of the audit log is entered" in ran.stderr) == (1, "", True)


def test_an_officer_whose_key_is_lost_gets_another_and_the_log_says_so(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    add = ("audit", "officer", layout.root, "nguyen.an")
    assert typed(f"{PASSPHRASE}\n", *add, "--replace").returncode == 2
    monkeypatch.setattr(auditors, "write_atomically", full)
    ran = typed(f"{PASSPHRASE}\n", *add)
    assert (ran.returncode, "nguyen.an --replace" in ran.stderr, auditors.path(layout, "nguyen.an").exists()) == (1, True, False)
    monkeypatch.undo()
    assert typed(f"{PASSPHRASE}\n", *add).returncode == 2, "the log names a key already"
    assert typed(f"{PASSPHRASE}\n", *add, "--replace").returncode == 0
    auditors.unlock(layout, "nguyen.an", PASSPHRASE)
    assert [line["action"] for line in listed(layout)] == ["officer-added", "officer-replaced"]
    ran = here("audit", "verify", layout.root)
    assert (ran.returncode, "line 2: " in ran.stdout, "ask nguyen.an whether it is theirs" in ran.stdout) == (0, True, True)


def test_the_keystore_knows_the_newest_line_however_many_write_at_once(layout: Layout) -> None:
    keystore, together = Keystore(layout.keystore), threading.Barrier(4)

    def write() -> None:
        with closing(database.connect(layout.register, 20)) as connection:
            together.wait()
            for _ in range(5):
                audit.append(connection, layout.register, keystore, lambda number, before: Line(number, before, 1, "a", "b", "c", "why"))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads((layout.keystore / "audit.head").read_bytes())["number"] == 20
    assert verdict(layout)["problems"] == []


@pytest.mark.usefixtures("device")
def test_a_person_may_learn_who_looked_for_them(layout: Layout) -> None:
    look(layout, "case 1")
    here("find", layout.root, "--id", "009999999999", "--reason", "case 2")
    asked = typed(f"{NUMBER}\n", "audit", "list", layout.root, "--about", "--json")
    assert [line["reason"] for line in json_lines(asked.stdout)] == ["case 1"]
