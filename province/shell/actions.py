"""What commands with several actions on a province share: their command line, and the province's register, opened."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from edge_agent.base.console import print_json, print_table
from province.base.layout import Layout
from province.store import database
from province.store.opened import Connection

Action = Callable[[str, str, str], argparse.ArgumentParser]
_Thing = TypeVar("_Thing")


def add_actions(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], name: str, words: str, description: str, epilog: str
) -> Action:
    """Adds a command to the command line; returns what adds an action to it, with the province's folder as its first argument.

    Args:
        subparsers: of the program.
        name: of the command, as it is typed; an action is given its own.
        words: a line about it; so is an action.
        description: its help's first sentence; so is an action.
        epilog: the end of each help: examples.
    """
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(name, help=words, description=description, epilog=epilog, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, words: str, description: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=words, description=description, epilog=epilog, formatter_class=raw)
        made.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
        return made

    return action


def add_close(close: argparse.ArgumentParser, metavar: str = "ID", words: str = "which one") -> None:
    """Gives an action that closes a thing of the registry its arguments, `id` and `undo`."""
    close.add_argument("id", metavar=metavar, help=words)
    close.add_argument("--undo", action="store_true", help="it is still there after all")


@contextmanager
def register_of(args: argparse.Namespace) -> Iterator[tuple[Layout, Connection]]:
    """The province in `args.folder` and its register.

    Raises:
        NotAProvince: there is none.
        ProvinceError: the register cannot be opened.
    """
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    with closing(database.connect(layout.register)) as connection:
        yield layout, connection


def print_list(
    things: Iterable[_Thing],
    headings: Sequence[str],
    row: Callable[[_Thing], Sequence[str]],
    fields: Callable[[_Thing], Mapping[str, object]],
    *,
    as_json: bool,
) -> None:
    """Prints things as a table, or each as one JSON object a line."""
    if not as_json:
        print_table(headings, [row(one) for one in things])
        return
    for one in things:
        print_json(fields(one))
