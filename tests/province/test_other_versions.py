"""A register of another release, or of another program, is named with its version and what to do; no command crashes or changes it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from province_world import cli

from province.base.layout import Layout
from province.store.schema import FIRST_VERSION

OPENING = (
    ("entries",),
    ("logs",),
    ("site", "list"),
    ("ticket", "--invitation", "--json"),
    ("approve",),
    ("device", "list"),
    ("held", "list"),
    ("audit", "verify"),
    ("retention", "run", "--dry-run"),
    ("collect",),
    ("admit",),
)


def stamped(layout: Layout, pragma: str, number: int) -> bytes:
    with closing(sqlite3.connect(layout.register)) as connection:
        connection.execute(f"PRAGMA {pragma} = {number}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return layout.register.read_bytes()


@pytest.mark.parametrize("words", OPENING, ids=" ".join)
def test_a_register_of_an_older_release_is_named_and_left_alone(layout: Layout, words: tuple[str, ...]) -> None:
    before = stamped(layout, "user_version", FIRST_VERSION - 1)
    verbs = 2 if len(words) > 1 and not words[1].startswith("-") else 1
    ran = cli(*words[:verbs], layout.root, *words[verbs:])
    assert ran.returncode in {1, 2}
    assert f"a register of version {FIRST_VERSION - 1}, made by an older release" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert layout.register.read_bytes() == before


@pytest.mark.parametrize(
    "pragma, number, said", [("user_version", 99, "Update this machine"), ("application_id", 1, "no register of gate-province")]
)
def test_a_newer_one_and_one_of_another_program_are_told_apart(layout: Layout, pragma: str, number: int, said: str) -> None:
    stamped(layout, pragma, number)
    ran = cli("logs", layout.root)
    assert (ran.returncode, said in ran.stderr) == (2, True), ran.stderr
