"""What a room of pages gives: its pages with who may see each, its menu, its words. `province.shell.web_command` names the rooms."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from province.accounts.account import Account, Role
from province.store.opened import Connection
from province.web.languages import Language
from province.web.needs import Need

EVERYBODY = frozenset(Role)
_PATH = re.compile(r"/(?:[a-z0-9{}:_.-]+(?:/[a-z0-9{}:_.-]+)*)?")
_NAME = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is in, asking for a page.

    Attributes:
        account: as it is now.
        language: of the page.
        form_token: what a form of theirs must carry, as the field `token`.
    """

    account: Account
    language: Language
    form_token: str = field(repr=False)


Answer: TypeAlias = Callable[[Request, Visit], Awaitable[Response]]
OpenAnswer: TypeAlias = Callable[[Request, Language], Awaitable[Response]]
# Asked in a thread, with a connection to the register, whenever somebody opens their home page: it must be quick.
Needs: TypeAlias = Callable[[Connection, Visit], Sequence[Need]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page, or what a form of one is sent to.

    Attributes:
        path: below the language: `/sites/{site}`, with Starlette's marks. One that begins with `/stream/` does not count as being there.
        answer: makes it; raises `guard.Refused` where it cannot.
        roles: who may see it, at least one.
    """

    path: str
    answer: Answer
    roles: frozenset[Role]
    methods: tuple[str, ...] = ("GET",)

    def __post_init__(self) -> None:
        if _PATH.fullmatch(self.path) is None:
            raise ValueError(f"{self.path}: not a page's path")
        if not self.roles or not set(self.methods) <= {"GET", "POST"}:
            raise ValueError(f"{self.path}: needs roles, and methods of GET and POST")


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page for whoever comes, with no account, such as a visitor's."""

    path: str
    answer: OpenAnswer
    methods: tuple[str, ...] = ("GET",)


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A place in the menu.

    Attributes:
        word: the key of what it is called, among its section's words.
    """

    path: str
    word: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Section:
    """One room's pages.

    Attributes:
        name: lower-case letters; its templates are `name/…`, its files `/static/name/…`.
        package: whose folders `pages` and `static` hold them.
        words: by language and key; the same keys in both.
        needs: says what of it needs whoever looks at their home page; None where nothing ever does.

    Raises:
        ValueError: a word is missing in one language, or a menu's word in both.
    """

    name: str
    package: str
    words: Mapping[Language, Mapping[str, str]]
    pages: tuple[Page, ...]
    menu: tuple[MenuItem, ...] = ()
    open_pages: tuple[OpenPage, ...] = ()
    needs: Needs | None = None

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"{self.name!r}: not a section's name")
        if lacking := self.words["vi"].keys() ^ self.words["en"].keys():
            raise ValueError(f"{self.name}: said in one language alone: {', '.join(sorted(lacking))}")
        if lacking := {item.word for item in self.menu} - self.words["vi"].keys():
            raise ValueError(f"{self.name}: the menu says what the words do not: {', '.join(sorted(lacking))}")
