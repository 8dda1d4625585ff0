"""Checks every Markdown page: links, anchors and pictures lead somewhere, commands and settings exist, nothing is one machine's.

`python hw_docs/check_docs.py` names what is wrong by page and line, and ends with 1. Offline; used by `make lint`.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import docs_commands
from markdown_it import MarkdownIt
from markdown_it.token import Token

from edge_agent.device import settings

ROOT = Path(__file__).resolve().parent.parent
_ELSEWHERE = re.compile(r"^(https?|mailto):")
_MACHINE = re.compile(r"file://|(?<![\w.~$])/(?:root|home/(?!pi/)[\w-]+|tmp/[\w.-]+|work|opt/pypi[\w-]*|Users)/")
_HTML_ID = re.compile(r"""<a\s+(?:id|name)=["']([^"']+)["']""")
_SHELL = {"sh", "bash", "shell", "console"}
_OURS = re.compile(r"^(?:\.ci|debian|drivers|edge_agent|firmware|hw_docs|province|systemd|tests)/[\w./-]*(?:\.\w+|/)$")


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """A page taken apart.

    Attributes:
        file: where it is.
        text: all of it.
        tokens: each leaf of the Markdown with the number of its block's first line.
        anchors: what `#…` may name in it.
    """

    file: Path
    text: str
    tokens: tuple[tuple[int, Token], ...]
    anchors: frozenset[str]


def pages(root: Path = ROOT) -> list[Path]:
    """Every Markdown page of the project."""
    found = [*root.glob("*.md"), *(page for folder in _folders(root) for page in folder.rglob("*.md"))]
    return sorted(page for page in found if "node_modules" not in page.parts)


def _folders(root: Path) -> Iterator[Path]:
    skipped = {"build", "dist", "demo"}
    return (each for each in root.iterdir() if each.is_dir() and not each.name.startswith(".") and each.name not in skipped)


@cache
def read(file: Path) -> Page:
    """Reads a page."""
    text = file.read_text("utf-8")
    tokens: list[tuple[int, Token]] = []
    headings: list[str] = []
    line, in_heading = 1, False
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        line = token.map[0] + 1 if token.map else line
        in_heading = token.type == "heading_open" or (in_heading and token.type != "heading_close")
        tokens += [(line, leaf) for leaf in (token.children or [token])]
        if in_heading and token.type == "inline":
            headings.append("".join(leaf.content for leaf in token.children or []))
    return Page(file, text, tuple(tokens), frozenset(slugs(headings)) | frozenset(_HTML_ID.findall(text)))


def slugs(headings: list[str]) -> Iterator[str]:
    """The anchors that code hosts give to headings.

    Example:
        >>> list(slugs(["Tử đèn, còi!", "A `b` c", "A b c"]))
        ['tử-đèn-còi', 'a-b-c', 'a-b-c-1']
    """
    seen: dict[str, int] = {}
    for heading in headings:
        slug = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        yield f"{slug}-{count}" if count else slug


def problems(file: Path, root: Path = ROOT) -> Iterator[str]:
    """What is wrong on a page, each with its line."""
    page = read(file)
    for line, what in (*_links(page, root), *_code(page, root), *_machine(page)):
        yield f"{file.relative_to(root)}:{line}: {what}"


def _links(page: Page, root: Path) -> Iterator[tuple[int, str]]:
    for line, token in page.tokens:
        target = str(token.attrs.get("href" if token.type == "link_open" else "src", "")) if token.type in {"link_open", "image"} else ""
        if not target or _ELSEWHERE.match(target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.file.parent / path).resolve() if path else page.file
        if path.startswith("/") or not file.is_relative_to(root.resolve()):
            yield line, f"link to {target}: not below the project's folder; write it relative to this page"
        elif not file.exists():
            yield line, f"link to {target} leads nowhere"
        elif anchor and file.suffix == ".md" and anchor not in read(file).anchors:
            yield line, f"link to {target}: the page has no heading of that name"
        elif token.type == "image" and not token.content.strip():
            yield line, f"picture {target} has no words for those who do not see it"


def _code(page: Page, root: Path) -> Iterator[tuple[int, str]]:
    for line, token in page.tokens:
        if token.type == "fence" and token.info.strip() == "toml":
            yield from ((line, what) for what in _toml(token.content))
        elif token.type == "code_inline" or (token.type == "fence" and token.info.strip() in _SHELL):
            for words in docs_commands.commands_in(token.content):
                what = docs_commands.problem(words, whole=token.type == "fence")
                if what is not None:
                    yield line, f"`{' '.join(words)}`: {what}"
        if token.type == "code_inline" and _OURS.match(token.content) and not (root / token.content).exists():
            yield line, f"there is no {token.content} here"


def _toml(text: str) -> Iterator[str]:
    """What an example of gate.toml says that no setting is."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        yield f"not TOML: {error}"
        return
    for name, content in document.items():
        section = settings.SECTIONS.get(name)
        if section is None:
            yield f"gate.toml has no section [{name}]"
            continue
        known = {item.name for item in dataclasses.fields(section)}
        for table in content if isinstance(content, list) else [content]:
            yield from (f"section [{name}] has no setting {key!r}" for key in table if key not in known)


def _machine(page: Page) -> Iterator[tuple[int, str]]:
    for number, text in enumerate(page.text.splitlines(), 1):
        if found := _MACHINE.search(text):
            yield number, f"{found[0]}…: a path of one machine"


def main() -> int:
    """Prints every problem; 1 when there is one."""
    found = [problem for page in pages() for problem in problems(page)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
