"""Every code that a scanner's code can say has words: collected from where it is said."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from page_world import open_desk, told
from province_world import founded

from drivers.indicator import Signal
from edge_agent.commands import command_desk, executors
from edge_agent.wire.results import Refusal, Result, State
from edge_agent.wire.topics import DeviceName
from province.base.clock import now_ms
from province.fleet.device_words import ANSWERS, REASONS
from province.fleet.orders import OFFERED, Ordered
from province.fleet.views import View, Views
from province.fleet.words import WORDS
from province.web.live import Drawn

ROOT = Path(__file__).parents[2]
_TREES = {file: ast.parse(file.read_text("utf-8")) for room in ("commands", "update") for file in (ROOT / "edge_agent" / room).glob("*.py")}
_ELSEWHERE = {"error.state", "error.reason", "back.reason", "failed.reason"}  # handed on from another of these
_KNOWN = {"_CUT_SHORT": [executors._CUT_SHORT], "*_NO_EXECUTOR.get(action, ('not-here', 'this device cannot do that'))": ["not-here"]}


def _classes() -> set[str]:
    """The exceptions that carry a code first."""
    found = {"NotYet"}  # a NotGood
    for node in chain.from_iterable(map(ast.walk, _TREES.values())):
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef) and each.name == "__init__" and "reason" in ast.unparse(each.args):
                    found.add(node.name)
                if isinstance(each, ast.FunctionDef) and each.name == "__init__" and "errors: list" in ast.unparse(each.args):
                    found.add(node.name)
    return found


def _codes(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str(code)):
            return [code]
        case ast.IfExp(body=one, orelse=other):
            return _codes(one) + _codes(other)
    text = ast.unparse(node)
    if text in _ELSEWHERE:
        return []
    assert text in _KNOWN, f"a reason that nobody can collect: {text}"
    return _KNOWN[text]


def said() -> Iterator[str]:
    """Each reason that the commands' and the updater's code gives."""
    classes = _classes()
    assert classes >= {"Failed", "NotInstalled", "Unsuitable", "NotFetched", "NotBelieved", "NotGood"}
    for node in chain.from_iterable(map(ast.walk, _TREES.values())):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in classes:
                yield from _codes(first)
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id="reason"), *_])], value=ast.Tuple(elts=[first, *_])):
                yield from _codes(first)
    yield from (code for code, _detail in command_desk._NO_EXECUTOR.values())
    slots = (ROOT / "debian" / "slots").read_text("utf-8")
    yield from re.findall(r'back "(?:\$attempt )?([a-z-]+): ', slots) + re.findall(r"\$\{\*:-([a-z-]+)\}", slots)


def test_every_reason_has_words_and_no_words_are_of_none() -> None:
    codes = {*said(), *map(str, Refusal)}
    assert {"internal-error", "no-room", "disk", "cut-short", "late", "crash-loop", "unwell", "no-updater", "rolled-back"} <= codes
    assert codes == REASONS.keys()


def test_every_answer_has_words_and_no_words_are_of_none() -> None:
    assert {*map(str, Signal), "unexpected"} == ANSWERS.keys()


@pytest.mark.parametrize("words", [REASONS, ANSWERS])
def test_the_two_languages_differ(words: dict[str, tuple[str, str]]) -> None:
    assert all(vietnamese and english and vietnamese != english for vietnamese, english in words.values())


def _order(language: str, reason: str) -> Drawn:
    result = Result("aa" * 8, 1, "identify", State.FAILED, reason, "a detail")
    ordered = Ordered("r", DeviceName("bus-co", "xe-1"), OFFERED[0], "", "lan", now_ms(), ((now_ms(), result),))
    return Views().order(View(WORDS[language], "/"), ordered)


def test_the_pages_say_them(tmp_path: Path) -> None:
    assert "chương trình cổng không trả lời – a detail" in _order("vi", "no-firmware").html
    assert "the gate program does not answer – a detail" in _order("en", "no-firmware").html
    assert "&lt;of-tomorrow&gt;" in _order("vi", "<of-tomorrow>").html
    with open_desk(founded(tmp_path / "province"), 2) as desk:
        name = desk.devices[0]
        desk.store.told(name, told(0, now_ms(), answers={"not-a-person-code": 7, "of-tomorrow": 2}), None, now_ms())
        with desk.browser("truc-ban").stream(f"/vi/stream/device/{name}") as following:
            html = following()[1]
            while "of-tomorrow 2" not in html:
                html = following()[1]
    assert "không phải mã cá nhân 7" in html
