"""One person's data: found under all their codes, nobody else's handed out, erased for good even when a backup comes back."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from old_province import arrive, days_ago, here, made_ago, rows
from province_world import WAIT_S, Log, Scanner, passage, scanner

from edge_agent.wire.entry import RecordedPerson
from edge_agent.wire.receipt import Status
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting.register import Register
from province.keys.keystore import Keystore
from province.looks.subjects import people
from province.records import erasures, views
from province.store import database

CARD = RecordedPerson("cccd", "001099012345", "Nguyễn Văn Ẩn Danh", old_id="012345678")
PHONE = RecordedPerson("national", "001099012345", "NGUYEN VAN AN DANH", phone="0101234567")
OLD = RecordedPerson("national", "012345678", "NGUYEN VAN AN DANH", card_number="DN4010107654321")
SISTER = RecordedPerson("national", "001199054321", "NGUYEN THI HIEN LANH", phone="0101234567")
STRANGER = RecordedPerson("cccd", "079088011122", "Trần Thị Xa Lạ")
WHY = ("--reason", "request 1")


@pytest.fixture
def layout(old_layout: Layout) -> Layout:
    return old_layout


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    made = scanner(layout, tmp_path)
    log = Log.new(made)
    days = {3: CARD, 2: PHONE, 1: OLD, 0: SISTER}
    arrive(layout, made, [made_ago(layout, log, day, passage(person)) for day, person in days.items()])
    arrive(layout, made, [made_ago(layout, log, 0, passage(STRANGER))])
    return made


def subject(layout: Layout, action: str, value: str, *more: object) -> str:
    ran = here("subject", action, layout.root, "--id", value, *WHY, *more)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def count(layout: Layout, value: str) -> int:
    return int(json.loads(subject(layout, "lookup", value, "--json"))["count"])


@pytest.mark.usefixtures("device")
def test_a_person_is_found_under_all_their_codes_and_masked(layout: Layout) -> None:
    for value in (CARD.id_number, "0123 456 78", "DN 4010107654321"):
        told = json.loads(subject(layout, "lookup", value, "--json"))
        assert told["count"] == 3
        assert {one["name"] for one in told["passages"]} == {"Nguyễn Văn Ẩn ***", "NGUYEN VAN AN ***"}
    unmasked = subject(layout, "lookup", CARD.id_number, "--unmask")
    assert CARD.name in unmasked
    assert SISTER.name not in unmasked
    assert count(layout, STRANGER.id_number) == 1
    assert count(layout, "009999999999") == 0


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("action", ["lookup", "export", "erase"])
def test_a_phone_that_two_people_share_hands_out_nobody(layout: Layout, tmp_path: Path, action: str) -> None:
    more = {"lookup": (), "export": ("--out", tmp_path / "out.json"), "erase": ("--yes",)}[action]
    ran = here("subject", action, layout.root, "--id", "010 1234567", *WHY, *more)
    assert (ran.returncode, "2 people" in ran.stderr, ran.stdout) == (2, True, "")
    assert not (tmp_path / "out.json").exists()
    assert len(rows(layout, "token")) == 2 + 2 + 2 + 2 + 1


@pytest.mark.usefixtures("device")
def test_an_export_holds_all_of_the_person_and_nobody_else(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "export.json"
    subject(layout, "export", CARD.id_number, "--out", out)
    exported = json.loads(out.read_text("utf-8"))
    assert [one["person"]["name"] for one in exported["passages"]] == [CARD.name, PHONE.name, OLD.name]
    assert exported["passages"][1]["person"]["phone"] == PHONE.phone
    assert SISTER.name not in out.read_text("utf-8")
    assert out.stat().st_mode & 0o777 == 0o600
    assert here("subject", "export", layout.root, "--id", CARD.id_number, *WHY, "--out", out).returncode == 2


@pytest.mark.usefixtures("device")
def test_erasing_takes_body_and_tokens_and_leaves_the_chain(layout: Layout) -> None:
    ledger = rows(layout, "ledger")
    assert "3 passages would be erased" in subject(layout, "erase", CARD.id_number)
    assert count(layout, CARD.id_number) == 3
    assert "3 passages erased" in subject(layout, "erase", CARD.id_number, "--yes")
    assert (count(layout, CARD.id_number), count(layout, SISTER.id_number), count(layout, STRANGER.id_number)) == (0, 1, 1)
    assert [(row["body"] is None, row["erased_ms"] is not None, row["status"]) for row in rows(layout)] == [
        *[(True, True, "registered")] * 3,
        *[(False, False, "registered")] * 2,
    ]
    assert rows(layout, "ledger") == ledger
    told = here("entries", layout.root).stdout
    assert told.count("erased") == 3
    assert here("prove", layout.root, "bus-co/scanner-1", days_ago(2).isoformat()).returncode == 0


def test_what_was_erased_stays_so_when_a_backup_comes_back_or_the_entry_is_sent_again(
    layout: Layout, device: Scanner, tmp_path: Path
) -> None:
    log = Log.new(device)
    late = made_ago(layout, log, 0, passage(CARD))
    arrive(layout, device, [late])
    backup = tmp_path / "backup.sqlite"
    with closing(sqlite3.connect(layout.register)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    subject(layout, "erase", CARD.id_number, "--yes")
    [again] = arrive(layout, device, [late])
    assert (again.repeated, again.outcome.status) == (True, Status.REGISTERED)
    shutil.copy(backup, layout.register)
    with closing(database.connect(layout.register)) as connection:
        assert views.count_passages(connection, Keystore(layout.keystore), CARD.id_number) == 3, "the backup has them"
    assert count(layout, CARD.id_number) == 0
    shutil.copy(backup, layout.register)
    with Register(layout.register) as register:  # as the collector does when it starts, and every minute
        assert register.erase_again(Keystore(layout.keystore), now_ms()) == 4
        assert register.erase_again(Keystore(layout.keystore), now_ms()) == 0


def test_an_entry_erased_after_it_was_opened_is_not_opened_again_from_a_backup(layout: Layout, device: Scanner, tmp_path: Path) -> None:
    arrive(layout, device, [Log.new(device).append(passage(OLD), device.keyring.key_for(None))])
    shutil.copy(layout.register, tmp_path / "backup")
    opening = ("held", "open", layout.root, "--undated-key", layout.undated_key)
    assert here(*opening).returncode == 0
    assert count(layout, CARD.id_number) == 4
    subject(layout, "erase", CARD.id_number, "--yes")
    shutil.copy(tmp_path / "backup", layout.register)
    assert count(layout, CARD.id_number) == 0
    assert here(*opening).stdout.startswith("0 opened")
    assert count(layout, CARD.id_number) == 0


@pytest.mark.usefixtures("device")
def test_the_note_of_an_erasure_goes_with_its_day(layout: Layout) -> None:
    subject(layout, "erase", CARD.id_number, "--yes")
    store = Keystore(layout.keystore)
    epochs = [days_ago(days).isoformat() for days in (3, 2, 1)]
    assert all(store.erased(epoch).exists() for epoch in epochs)
    assert here("retention", "run", layout.root, "--days", 1).returncode == 0
    assert [store.erased(epoch).exists() for epoch in epochs] == [False, False, True]


@pytest.mark.usefixtures("device")
def test_a_damaged_note_shows_nobody(layout: Layout) -> None:
    subject(layout, "erase", CARD.id_number, "--yes")
    file = Keystore(layout.keystore).erased(days_ago(2).isoformat())
    file.write_bytes(b"{torn")
    for words in (("entries", layout.root), ("find", layout.root, "--id", CARD.id_number, *WHY)):
        ran = here(*words)
        assert (ran.returncode, str(file) in ran.stderr, ran.stdout) == (1, True, "")


def test_erasures_at_the_same_time_are_all_noted(layout: Layout, device: Scanner) -> None:
    log = Log.new(device)
    arrive(layout, device, [made_ago(layout, log, 0, passage(CARD)) for _each in range(8)])
    store, at_once = Keystore(layout.keystore), threading.Barrier(8)
    with closing(database.connect(layout.register)) as connection:
        found = connection.execute("SELECT * FROM entry WHERE log = ?", (log.log,)).fetchall()

        def erase(row: sqlite3.Row) -> None:
            at_once.wait(WAIT_S)
            erasures.note(store, [row])

        with ThreadPoolExecutor(len(found)) as officers:
            list(officers.map(erase, found))
        assert erasures.reapply(connection, layout.register, store, now_ms()) == 8


@pytest.mark.usefixtures("device")
def test_what_is_not_erased_is_not_said_to_be(layout: Layout) -> None:
    with closing(sqlite3.connect(layout.register)) as beneath:
        beneath.execute("CREATE TRIGGER stays BEFORE UPDATE ON entry WHEN new.seq = 2 BEGIN SELECT RAISE(IGNORE); END")
    ran = here("subject", "erase", layout.root, "--id", CARD.id_number, *WHY, "--yes")
    assert (ran.returncode, "only 2 of 3 passages are erased" in ran.stderr) == (1, True), ran
    with closing(sqlite3.connect(layout.register)) as beneath:
        beneath.execute("DROP TRIGGER stays")
    assert count(layout, CARD.id_number) == 0  # it was noted


@pytest.mark.usefixtures("device")
def test_noted_but_cut_short_the_next_look_erases(layout: Layout) -> None:
    with closing(database.connect(layout.register)) as connection:
        row = connection.execute("SELECT * FROM entry WHERE seq = 2").fetchone()
        erasures.note(Keystore(layout.keystore), [row])  # and here the power went
    assert count(layout, CARD.id_number) == 2
    assert sum(row["erased_ms"] is not None for row in rows(layout)) == 1


IDS = [f"00109901234{digit}" for digit in range(6)]
persons = st.builds(
    lambda number, old: RecordedPerson("cccd", number, "A", old_id=old), st.sampled_from(IDS), st.none() | st.sampled_from(IDS)
)


@given(st.lists(persons, max_size=12))
def test_people_are_the_groups_joined_by_ids(given_persons: list[RecordedPerson]) -> None:
    groups = {number: {number} for number in IDS}
    for person in given_persons:  # the oracle: join sets until nothing changes
        joined = groups[person.id_number] | groups[person.old_id or person.id_number]
        for number in joined:
            groups[number] = joined
    used = {number for person in given_persons for number in (person.id_number, person.old_id) if number}
    wanted = {frozenset(groups[number]) for number in used}
    found = people([replace(passage(), person=person) for person in given_persons])
    assert set(found) == wanted
    assert len(found) == len(wanted)


NAMES = ["Trần Văn An", "Trần Văn Ân", "tran van an", "Lê Thị Hòa", "Lê Thị Hoa"]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([*IDS[:2], "*"])), max_size=8))
def test_a_name_joins_nobody_with_a_number_nor_with_a_name_of_other_marks(told: list[tuple[str, str]]) -> None:
    typed = [RecordedPerson("self", number, name, phone="0912345678") for name, number in told]
    wanted = {number for _name, number in told if number != "*"} | {name for name, number in told if number == "*"}
    assert len(people([replace(passage(), person=person) for person in typed])) == len(wanted)


def test_one_name_by_several_keyboards_is_one() -> None:
    typed = [RecordedPerson("self", "*", name, phone="0912345678") for name in ("Lê Thị Hòa", "LÊ  THỊ HOÀ", "Lê Thị Hoà")]
    assert len(people([replace(passage(), person=person) for person in typed])) == 1


AN, AAN = (RecordedPerson("self", "*", name, phone="0912345678") for name in ("Nguyễn Văn An", "Nguyễn Văn Ân"))
AAN_BY_CODE = RecordedPerson("national", "001099011111", "NGUYEN VAN AN", phone="0912345678")


@pytest.mark.parametrize("action", ["lookup", "export", "erase"])
@pytest.mark.parametrize("family", [(AN, AAN), (AAN_BY_CODE, AN), (replace(AAN, id_number="001099011111"), AAN)])
def test_of_names_that_differ_in_marks_nothing_is_shown_handed_out_or_erased(
    layout: Layout, tmp_path: Path, action: str, family: tuple[RecordedPerson, ...]
) -> None:
    made = scanner(layout, tmp_path)
    log = Log.new(made)
    arrive(layout, made, [made_ago(layout, log, 1, passage(person)) for person in family])
    more = {"lookup": (), "export": ("--out", tmp_path / "out.json"), "erase": ("--yes",)}[action]
    ran = here("subject", action, layout.root, "--id", "0912345678", *WHY, *more)
    assert (ran.returncode, ran.stdout, "leads to 2 people" in ran.stderr) == (2, "", True)
    assert not (tmp_path / "out.json").exists()
    assert all(row["erased_ms"] is None for row in rows(layout))


def test_a_numbers_answer_says_that_check_ins_by_name_are_not_in_it(layout: Layout, tmp_path: Path) -> None:
    made = scanner(layout, tmp_path)
    log = Log.new(made)
    typed = replace(AN, phone="0987654321")
    arrive(layout, made, [made_ago(layout, log, 1, passage(person)) for person in (AAN_BY_CODE, AAN, typed)])
    assert count(layout, AAN_BY_CODE.id_number) == 1
    for action in (("lookup",), ("export", "--out", tmp_path / "out.json"), ("erase",), ("erase", "--yes")):
        assert "Check-ins by name and phone alone" in subject(layout, action[0], AAN_BY_CODE.id_number, *action[1:])
    assert "Check-ins by name" not in subject(layout, "lookup", typed.phone or "")
    assert sum(row["erased_ms"] is not None for row in rows(layout)) == 1
