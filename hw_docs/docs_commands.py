"""Finds the commands that the docs tell people to type, and says which of them our programs or the Makefile do not know."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NoReturn

from edge_agent.__main__ import PROGRAM as AGENT
from edge_agent.base.command_line import whole_parser
from firmware.__main__ import PROGRAM as FIRMWARE
from province.__main__ import PROGRAM as PROVINCE

ROOT = Path(__file__).resolve().parent.parent
_PROGRAMS = {program.name: program for program in (FIRMWARE, AGENT, PROVINCE)}
_TARGET = re.compile(r"^([a-z][a-z0-9-]*):", re.MULTILINE)
_CONTINUED = re.compile(r"\\\n\s*")
_PLACEHOLDER = re.compile(r"…|\.\.\.|^[A-Z][A-Z0-9_-]*$|^<.*>$")
_OPERATORS = {"|", "&&", "||", ";", "&"}
_REDIRECTIONS = {"<", ">", ">>"}


class _Wrong(Exception):
    """What a parser says of a command line."""


def commands_in(code: str) -> Iterator[list[str]]:
    r"""The commands in shell text, each as words; comments, environment, `sudo` and redirections are left out.

    Example:
        >>> list(commands_in("sudo -u gate A=1 gate-agent status > x  # how is it?\ncat a | .venv/bin/gate-firmware parse"))
        [['gate-agent', 'status'], ['cat', 'a'], ['gate-firmware', 'parse']]
    """
    for line in _CONTINUED.sub(" ", code).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # a quotation that goes on: prose or a program, no command of ours
            continue
        yield from _split(words)


def _split(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    skip_next = False
    for word in [*words, ";"]:
        if word in _OPERATORS:
            if bare := _bare(command):
                yield bare
            command, skip_next = [], False
        elif skip_next:
            skip_next = False
        elif word in _REDIRECTIONS:
            skip_next = True
            command = command[:-1] if command and command[-1].isdigit() else command
        else:
            command.append(word)


def _bare(words: list[str]) -> list[str]:
    rest = list(words)
    while rest and (re.match(r"^[A-Z_]+=", rest[0]) or rest[0] in {"sudo", "$", "time", "timeout"}):
        prefix = rest.pop(0)
        while prefix in {"sudo", "timeout"} and rest and (rest[0].startswith("-") or rest[0].isdigit()):
            if rest.pop(0) in {"-u", "-k"} and rest:
                rest.pop(0)
    return [rest[0].rpartition("/")[2], *rest[1:]] if rest else []


def problem(words: list[str], *, whole: bool) -> str | None:
    """What is wrong with one command, None when it is right or not ours.

    Args:
        words: as `commands_in` gives them.
        whole: the command is to be typed as it stands; otherwise it may lack what it needs, as when prose names it.

    Example:
        >>> problem(["gate-agent", "dance"], whole=False)
        "gate-agent has no command 'dance'"
        >>> problem(["gate-firmware", "check", "--louder"], whole=False)
        'gate-firmware check has no option --louder'
    """
    if words[0] == "make":
        return _of_make(words[1:])
    if words[0] not in _PROGRAMS or len(words) == 1:
        return None
    parser = _parser(words[0])
    wrong = _unknown(parser, words[1:])
    if wrong is None and whole and not any(_PLACEHOLDER.search(word) for word in words):
        wrong = _refused(parser, words[1:])
    return wrong


def _of_make(words: list[str]) -> str | None:
    for word in words:
        variable, equals, value = word.partition("=")
        if equals:
            missing = [path for path in value.split() if path.startswith("tests/") and not (ROOT / path.partition("::")[0]).exists()]
            if variable == "ARGS" and missing:
                return f"make {variable}: there is no {missing[0]}"
        elif not word.startswith("-") and not _PLACEHOLDER.search(word) and word not in targets():
            return f"the Makefile has no target {word!r}"
    return None


@cache
def targets() -> frozenset[str]:
    """What `make` can be asked for."""
    return frozenset(_TARGET.findall((ROOT / "Makefile").read_text("utf-8")))


@cache
def _parser(program: str) -> argparse.ArgumentParser:
    return whole_parser(_PROGRAMS[program])


def _children(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser] | None:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask it
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            return action.choices
    return None


def _unknown(parser: argparse.ArgumentParser, words: list[str]) -> str | None:
    """The first command or option that a parser does not have."""
    children = _children(parser)
    for place, word in enumerate(words):
        if word.startswith("-") and word != "-":
            option = word.partition("=")[0]
            if not _PLACEHOLDER.search(option) and option not in parser._option_string_actions:  # noqa: SLF001 - as above
                return f"{parser.prog} has no option {option}"
        elif children is not None:
            if word in children:
                return _unknown(children[word], words[place + 1 :])
            return None if _PLACEHOLDER.search(word) else f"{parser.prog} has no command {word!r}"
    return None


def _refused(parser: argparse.ArgumentParser, words: list[str]) -> str | None:
    """What the real parser answers to a whole command line."""
    if {"-h", "--help"} & set(words):
        return None
    for each in _all(parser):
        each.error = _raise  # type: ignore[method-assign]  # instead of ending this process
    try:
        parser.parse_args(words)
    except _Wrong as wrong:
        return f"{parser.prog} {words[0]}: {wrong}"
    return None


def _all(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for child in (_children(parser) or {}).values():
        yield from _all(child)


def _raise(message: str) -> NoReturn:
    raise _Wrong(message)
