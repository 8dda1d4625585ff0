"""What the keystore notes of accounts: true whether a change came about or not, and never more than so many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from province_world import founded
from web_world import PASSWORD, enlist, roll_of

from province.accounts import noting
from province.accounts.account import Account, Role, Taken
from province.accounts.passwords import Check, hashed
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.collecting.inlet import Inlet
from province.keys import people_rights
from province.keys.keystore import Keystore
from province.keys.people_rights import Note, Notes
from province.shell import collect_command, web_command
from province.store import database
from province.store.database import transaction
from province.web.serving import Place

OTHER = "another one, quite long"


def comes_in(layout: Layout, one: Account, password: str) -> bool:
    """Whether a password is theirs after all that a restore does."""
    with closing(database.connect(layout.register)) as connection:
        roll_of(layout).rights.reapply(connection)
        found = roll_of(layout).find(connection, one.id)
    return found is not None and Check().is_of(password, found.hashed)


def notes(layout: Layout) -> Notes:
    return people_rights.read(Keystore(layout.keystore))


@pytest.mark.parametrize("killed", [False, True])
def test_a_change_that_did_not_come_about_takes_no_rights_away(layout: Layout, killed: bool) -> None:
    roll, one = roll_of(layout), enlist(layout, Role.REPORTER, "0912345670")
    with closing(database.connect(layout.register)) as connection:

        def change() -> None:
            roll.set_password(connection, one.id, hashed(OTHER))
            raise Taken("unit-taken", "after it was noted")

        if killed:  # nobody is there to settle it
            with pytest.raises(Taken), transaction(connection, layout.register):
                change()
        else:
            with pytest.raises(Taken):
                noting.note(connection, layout, roll, ("an-admin", "web"), "account-password", one, change)
        assert notes(layout).accounts[one.id].is_open is killed
    assert comes_in(layout, one, PASSWORD)


def test_a_change_that_came_about_counts_although_nobody_settled_it(layout: Layout) -> None:
    roll, one, other = roll_of(layout), enlist(layout, Role.REPORTER, "0912345670"), enlist(layout, Role.ADMIN, "0912345671")
    with closing(database.connect(layout.register)) as connection:
        before = roll.find(connection, one.id)
        assert before is not None
        with transaction(connection, layout.register):  # killed right after the commit
            roll.set_password(connection, one.id, hashed(OTHER))
        assert notes(layout).accounts[one.id].is_open
        roll.set_password(connection, other.id, hashed(OTHER))  # the next change settles both
        assert [len(note.marks) for note in notes(layout).accounts.values()] == [1, 1]
        with closing(database.connect(layout.register)) as older:
            older.execute("UPDATE account SET hashed = ? WHERE id = ?", (before.hashed, one.id))  # as a register from before has it
    assert not comes_in(layout, one, PASSWORD)
    assert comes_in(layout, other, OTHER)


def collects(layout: Layout) -> None:
    def away() -> Inlet:
        raise OSError("no certificate")

    with pytest.raises(NotAProvince, match="no certificate"):
        collect_command.collect(layout, away, lambda _item, _at_ms: None)


def serves(layout: Layout) -> None:
    async def once() -> None:
        async with web_command.opened(layout, Place("127.0.0.1", 0, ("localhost",))):
            pass

    asyncio.run(once())


@pytest.mark.parametrize("starts", [collects, serves])
def test_what_a_killed_process_left_open_is_settled_when_a_service_starts(layout: Layout, starts: Callable[[Layout], None]) -> None:
    roll, one, _other = roll_of(layout), enlist(layout, Role.ADMIN, "0912345670"), enlist(layout, Role.ADMIN, "0912345671")
    with closing(database.connect(layout.register)) as connection, transaction(connection, layout.register):
        roll.remove(connection, one.id)
    assert notes(layout).accounts[one.id].is_open
    starts(layout)
    assert notes(layout).accounts[one.id].marks == ("",)


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Keystore:
    return Keystore(founded(tmp_path_factory.mktemp("rights") / "province").keystore)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 50)), max_size=12))
def test_the_newest_are_kept_and_what_is_forgotten_is_known(keystore: Keystore, changes: list[tuple[str, int]]) -> None:
    (keystore.folder / "people-rights.json").unlink(missing_ok=True)
    kept: dict[str, int] = {}
    forgotten = -1
    for id_, lines in changes:
        people_rights.write(keystore, {id_: Note(lines, ("mark",))}, most=3)
        kept.pop(id_, None)
        kept[id_] = lines
        while len(kept) > 3:
            forgotten = max(forgotten, kept.pop(next(iter(kept))))
    found = people_rights.read(keystore)
    assert ({id_: note.lines for id_, note in found.accounts.items()}, found.forgotten) == (kept, forgotten)


def test_a_register_from_before_what_is_forgotten_lets_nobody_in(layout: Layout) -> None:
    roll, one = roll_of(layout), enlist(layout, Role.REPORTER, "0912345670")
    with closing(database.connect(layout.register)) as connection:
        noting.note(connection, layout, roll, ("an-admin", "web"), "account-role", one, lambda: None)
        keystore = Keystore(layout.keystore)
        people_rights.write(keystore, {"gone": Note(0, ("",)), one.id: Note(0, (roll.rights.mark_of(connection, one.id),))}, most=1)
        assert notes(layout).forgotten == 0  # there was no line then; there is one now
        assert comes_in(layout, one, PASSWORD)
        people_rights.write(keystore, {"gone": Note(1, ("",)), one.id: notes(layout).accounts[one.id]}, most=1)
    assert not comes_in(layout, one, PASSWORD)


def test_notes_of_an_earlier_release_are_read(layout: Layout) -> None:
    (layout.keystore / "people-rights.json").write_text('{"k7m2pq9x":"","k7m2pq9y":"00ff"}')
    assert notes(layout).accounts == {"k7m2pq9x": Note(0, ("",)), "k7m2pq9y": Note(0, ("00ff",))}
