"""hw_docs/threat-model.md names tests, files and functions that exist, and has a row for every attack that was promised one."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "hw_docs" / "threat-model.md").read_text("utf-8")
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
PLACES = sorted(set(re.findall(r"`((?:edge_agent|firmware|province)/[\w/]+\.py):(\w+)`", PAGE)))
PROMISED = (
    "foreign or photographed site code", "used again", "expired ticket", "another organisation's", "own receipts", "receipts forged",
    "receipts replayed", "keyring forged", "old keyring", "another device's topic", "another device or organisation",
    "a bit of an entry changed", "under another header", "signature stripped", "truncated", "oversize", "dated far ahead", "dated ahead",
    "cloned card", "revoked device still connected", "older register put back",
)  # fmt: skip
ATTACKERS = ("passer-by", "thief", "hostile broker", "insider at the site", "insider at the province", "stolen backup", "network")


_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@cache
def functions(path: str) -> set[str]:
    if not path.endswith(".py"):
        return set(re.findall(r"^(\w+)\(\) {", (ROOT / path).read_text("utf-8"), re.MULTILINE))
    return {node.name for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))) if isinstance(node, _NAMED)}


@pytest.mark.parametrize("path, name", [*TESTS, *PLACES], ids=lambda part: part.rpartition("/")[2])
def test_what_the_page_names_exists(path: str, name: str) -> None:
    assert name in functions(path)


def test_every_row_names_where_and_a_test() -> None:
    table = PAGE.partition("## Attack table")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= len(PROMISED)
    for row in rows:
        *_, where, test, _end = row.split(" | ") if row.endswith(" | ") else [*row.removesuffix(" |").split(" | "), ""]
        assert re.fullmatch(r"`([\w/]+\.py|debian/\w+):\w+`", where), row
        assert re.fullmatch(r"`tests/[\w/]+\.py::test_\w+`", test), row


@pytest.mark.parametrize("words", [*PROMISED, *ATTACKERS])
def test_no_attack_and_no_attacker_is_left_out(words: str) -> None:
    assert words in PAGE
