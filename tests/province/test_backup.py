"""A backup stays sealed, is made while the register is used, and put back brings nothing back that was erased, revoked or closed."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
import register_of_version_3
from old_province import arrive, days_ago, here, made_ago, rows
from postgres_world import Server
from province_world import Log, Scanner, passage, scanner
from web_world import PASSWORD, enlist, roll_of

from edge_agent.base.process_lock import AlreadyRunning, ProcessLock, among
from edge_agent.wire.entry import RecordedPerson
from province.accounts import second
from province.accounts.account import Role
from province.accounts.passwords import Check, hashed
from province.accounts.roll import Member
from province.base.clock import now_ms
from province.base.layout import Layout
from province.collecting.register import Register
from province.keys.keystore import Keystore
from province.registry import devices, revocations
from province.store import database
from province.store.database import transaction

ERASED = RecordedPerson("cccd", "001099012345", "Nguyễn Văn Ẩn Danh", old_id="012345678")
STAYS = RecordedPerson("cccd", "079088011122", "Trần Thị Xa Lạ")


@pytest.fixture
def layout(old_layout: Layout) -> Layout:
    return old_layout


@pytest.fixture
def device(layout: Layout, tmp_path: Path) -> Scanner:
    return scanner(layout, tmp_path)


@pytest.fixture
def somewhere(layout: Layout, request: pytest.FixtureRequest) -> list[str]:
    """What `restore` is told besides: for a register on a server, an empty database."""
    if database.elsewhere(layout.register) is None:
        return ["--over"]
    server: Server = request.getfixturevalue("postgres")
    return ["--over", "--database", server.database()]


def saved(layout: Layout, to: Path) -> Path:
    ran = here("store", "backup", layout.root, to)
    assert ran.returncode == 0, ran.stderr
    return to


def test_a_backup_put_back_brings_back_nothing_that_was_erased_revoked_or_closed(
    layout: Layout, device: Scanner, tmp_path: Path, somewhere: list[str]
) -> None:
    log, stolen = Log.new(device), scanner(layout, tmp_path, "stolen")
    arrive(layout, device, [made_ago(layout, log, 25, passage(STAYS))], days=25)
    arrive(layout, device, [made_ago(layout, log, 0, passage(person)) for person in (ERASED, STAYS)])
    backup = saved(layout, tmp_path / "backup")
    lately = made_ago(layout, log, 0, passage(STAYS))
    arrive(layout, device, [lately])
    assert here("subject", "erase", layout.root, "--id", ERASED.id_number, "--reason", "request 1", "--yes").returncode == 0
    assert here("retention", "run", layout.root).returncode == 0
    with closing(database.connect(layout.register)) as connection:
        known = devices.find(connection, stolen.name)
        assert known is not None
        given = revocations.certificates_of(connection, known.public_key)
    revocations.note(Keystore(layout.keystore), revocations.Revocation(stolen.name, known.public_key, now_ms(), given))

    ran = here("store", "restore", layout.root, backup, "--json", *somewhere)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["erased"], told["days"] >= 1, told["revoked"] >= 1) == (1, True, True)
    found = rows(layout)
    assert [row["epoch"] for row in found] == [days_ago(0).isoformat()] * 2
    assert [row["body"] is None for row in found] == [True, False]
    assert len({row["entry_id"] for row in rows(layout, "token")}) == 1
    assert {row["device"]: row["status"] for row in rows(layout, "device")}["stolen"] == devices.REVOKED
    [again] = arrive(layout, device, [lately])  # a scanner that still has it sends it again
    assert not again.repeated
    [ledger] = rows(layout, "ledger")
    assert (ledger["first_seq"], ledger["last_seq"]) == (1, 4)


def test_a_backup_holds_nothing_in_clear_and_is_made_while_entries_come(layout: Layout, device: Scanner, tmp_path: Path) -> None:
    log = Log.new(device)
    arrive(layout, device, [made_ago(layout, log, 0, passage(ERASED))])
    with Register(layout.register):
        backup = saved(layout, tmp_path / "backup")
    content = backup.read_bytes()
    assert (len(content) > 1000, backup.stat().st_mode & 0o777) == (True, 0o600)
    assert not [one for one in (ERASED.id_number, ERASED.name, "012345678") if one.encode() in content]
    again = here("store", "backup", layout.root, backup)
    assert (again.returncode, "never overwritten" in again.stderr) == (2, True)
    assert [file.name for file in tmp_path.iterdir() if "making" in file.name] == []


def test_a_register_that_can_be_read_is_asked_for_first_and_kept(
    layout: Layout, device: Scanner, tmp_path: Path, somewhere: list[str]
) -> None:
    log = Log.new(device)
    arrive(layout, device, [made_ago(layout, log, 0)])
    backup = saved(layout, tmp_path / "backup")
    arrive(layout, device, [made_ago(layout, log, 0)])
    unasked = [word for word in somewhere if word != "--over"]
    for typed in ("", "y\n"):
        refused = here("store", "restore", layout.root, backup, *unasked, typed=typed)
        assert (refused.returncode, "newest entry, number 2" in refused.stderr, "--over" in refused.stderr) == (2, True, True), (
            refused.stderr
        )
    assert len(rows(layout)) == 2
    done = here("store", "restore", layout.root, backup, "--json", *unasked, typed="over\n")
    assert (done.returncode, len(rows(layout))) == (0, 1), done.stderr
    kept = json.loads(done.stdout)["kept"]
    if database.elsewhere(layout.register) is not None:
        assert kept is None  # the database before is as it was
        return
    assert (Path(kept).stat().st_mode & 0o777, Path(kept).parent) == (0o600, layout.root)
    again = here("store", "restore", layout.root, kept, "--json", *somewhere)
    assert (again.returncode, len(rows(layout))) == (0, 2), again.stderr
    layout.register.unlink()
    lost = here("store", "restore", layout.root, backup, "--json")
    assert (lost.returncode, json.loads(lost.stdout)["kept"], len(rows(layout))) == (0, None, 1), lost.stderr


def test_nothing_is_put_back_under_whatever_has_the_register_open(
    layout: Layout, device: Scanner, tmp_path: Path, somewhere: list[str]
) -> None:
    backup = saved(layout, tmp_path / "backup")
    arrive(layout, device, [made_ago(layout, Log.new(device), 0)])
    for service in ("admit", "web", "api", "fleet", "fleet_page", "reports", "rollouts"):
        with ProcessLock(getattr(layout, f"{service}_lock"), service):
            ran = here("store", "restore", layout.root, backup, *somewhere)
        assert (ran.returncode, "stop it first" in ran.stderr) == (1, True), (service, ran.stderr)
    with among(layout.checkin_lock, "one page"), among(layout.checkin_lock, "another"):
        ran = here("store", "restore", layout.root, backup, *somewhere)
    assert (ran.returncode, "gate-province checkin" in ran.stderr) == (1, True), ran.stderr
    with ProcessLock(layout.checkin_lock, "restore"), pytest.raises(AlreadyRunning), among(layout.checkin_lock, "one page"):
        pass
    assert len(rows(layout)) == 1


def test_a_register_of_an_earlier_release_is_backed_up_before_it_is_brought_up(layout: Layout, tmp_path: Path) -> None:
    if database.elsewhere(layout.register) is not None:
        pytest.skip("there was none in PostgreSQL")
    for file in layout.root.glob("register.sqlite*"):
        file.unlink()
    register_of_version_3.make(layout.register)
    backup = saved(layout, tmp_path / "backup")
    assert here("store", "restore", layout.root, backup, "--over").returncode == 0
    assert len(rows(layout)) == register_of_version_3.ENTRIES


def test_nothing_is_put_back_under_a_collector_or_from_another_file(
    layout: Layout, device: Scanner, tmp_path: Path, somewhere: list[str]
) -> None:
    log = Log.new(device)
    arrive(layout, device, [made_ago(layout, log, 0)])
    backup = saved(layout, tmp_path / "backup")
    arrive(layout, device, [made_ago(layout, log, 0)])
    with ProcessLock(layout.collector_lock(2), "collector"):
        ran = here("store", "restore", layout.root, backup, *somewhere)
    assert (ran.returncode, "stop it first" in ran.stderr) == (1, True), ran.stderr
    (tmp_path / "other").write_bytes(b"SQLite format 3\0" + bytes(500))
    for wrong in ("other", "none"):
        ran = here("store", "restore", layout.root, tmp_path / wrong, *somewhere)
        assert ran.returncode == 2, ran.stderr
    half = tmp_path / "half"
    half.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    assert here("store", "restore", layout.root, half, *somewhere).returncode in {1, 2}
    assert len(rows(layout)) == 2


def test_a_backup_of_an_earlier_release_is_brought_up(layout: Layout, tmp_path: Path) -> None:
    if database.elsewhere(layout.register) is not None:
        pytest.skip("there was none in PostgreSQL")
    register_of_version_3.make(tmp_path / "backup")
    ran = here("store", "restore", layout.root, tmp_path / "backup", "--over")
    assert ran.returncode == 0, ran.stderr
    assert here("store", "show", layout.root).returncode == 0
    assert len(rows(layout)) == register_of_version_3.ENTRIES


def test_a_lost_register_is_put_back(layout: Layout, device: Scanner, tmp_path: Path, somewhere: list[str]) -> None:
    log = Log.new(device)
    arrive(layout, device, [made_ago(layout, log, 0), made_ago(layout, log, 0)])
    backup = saved(layout, tmp_path / "backup")
    for file in layout.root.glob("register.sqlite*"):
        file.unlink()
    ran = here("store", "restore", layout.root, backup, *somewhere)
    assert ran.returncode == 0, ran.stderr
    assert len(rows(layout)) == 2
    assert {path.stat().st_mode & 0o777 for path in layout.root.glob("register.*")} == {0o600}


def test_a_backup_put_back_gives_nobody_back_what_they_may_do_no_more(layout: Layout, tmp_path: Path, somewhere: list[str]) -> None:
    gone, lower, stays = (enlist(layout, role, f"091234567{at}") for at, role in enumerate((Role.REPORTER, Role.ADMIN, Role.ADMIN)))
    roll = roll_of(layout)
    codes, at_ms = second.recovery_codes(), 1_700_000_000_000
    with closing(database.connect(layout.register)) as connection:
        roll.set_password(connection, stays.id, hashed("another one, quite long"))
        roll.set_second(connection, stays.id, second.new_secret(), 7, codes)
        assert roll.take_code(connection, stays.id, codes[0], at_ms)
    backup = saved(layout, tmp_path / "backup")
    with closing(database.connect(layout.register)) as connection:
        assert all(roll.take_code(connection, stays.id, code, at_ms) for code in codes[1:3])
    assert here("account", "remove", layout.root, gone.id).returncode == 0
    assert here("account", "role", layout.root, lower.id, "--role", "reporter", "--whole").returncode == 0
    ran = here("store", "restore", layout.root, backup, "--json", *somewhere)
    assert (ran.returncode, json.loads(ran.stdout)["accounts"]) == (0, 2), ran.stderr
    with closing(database.connect(layout.register)) as connection:
        assert [roll.by_phone(connection, "0912345670"), roll.find(connection, gone.id)] == [None, None]
        again, same = roll.find(connection, lower.id), roll.find(connection, stays.id)
        assert again is not None
        assert same is not None
        check = Check()
        assert [check.is_of(PASSWORD, again.hashed), check.is_of("another one, quite long", same.hashed)] == [False, True]
        assert [roll.take_code(connection, stays.id, code, at_ms) for code in codes[:4]] == [False, False, False, True]  # once each
        roll.set_password(connection, lower.id, hashed(PASSWORD))
        assert roll.rights.reapply(connection) == 0
    assert Keystore(layout.keystore).strangers() == []


def removed_and_killed(layout: Layout, backup: Path) -> str:
    """Removes an account that a backup has, by a process that is killed right after the commit; returns its id."""
    one, roll = enlist(layout, Role.ADMIN, "0912345670"), roll_of(layout)
    enlist(layout, Role.ADMIN, "0912345671")
    saved(layout, backup)
    with closing(database.connect(layout.register)) as connection, transaction(connection, layout.register):
        roll.remove(connection, one.id)
    return one.id


def member(layout: Layout, id_: str) -> Member | None:
    with closing(database.connect(layout.register)) as connection:
        return roll_of(layout).find(connection, id_)


def test_who_was_removed_by_a_process_that_was_killed_then_is_not_back(layout: Layout, tmp_path: Path, somewhere: list[str]) -> None:
    gone = removed_and_killed(layout, tmp_path / "backup")
    ran = here("store", "restore", layout.root, tmp_path / "backup", "--json", *somewhere)
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["accounts"], told["unsure"], member(layout, gone)) == (0, 1, [], None)


def test_of_whom_nobody_knows_because_the_register_is_lost_the_operator_is_told(
    layout: Layout, tmp_path: Path, somewhere: list[str]
) -> None:
    if database.elsewhere(layout.register) is not None:
        pytest.skip("a server's register stays where it is")
    gone = removed_and_killed(layout, tmp_path / "backup")
    for file in layout.root.glob("register.sqlite*"):
        file.unlink()
    ran = here("store", "restore", layout.root, tmp_path / "backup", *somewhere)
    assert (ran.returncode, f"{gone}: a change" in ran.stdout, member(layout, gone) is None) == (0, True, False)
