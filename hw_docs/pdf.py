"""Writes the PDFs: the field guide in both languages, and each sheet to print, in dist/docs. Used by `make docs`.

They are not kept in the repository: what they are made of is, and is checked by `make lint`. Fonts: DejaVu, as `.ci/prepare` installs it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from guide_words import Language
from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDER = Path(__file__).resolve().parent
OUT = FOLDER.parent / "dist" / "docs"
# The chapters of the guide, in the order of the book.
CHAPTERS = ("keeper", "lights", "trouble", "station", "install", "service")
_TITLES = {
    Language.VI: ("Sổ tay hiện trường", "Máy đọc mã QR cá nhân ở chợ, trên xe buýt, tại cơ quan", "Nội dung"),
    Language.EN: ("Field guide", "The reader of personal QR codes at a market, on a bus, in an office", "Contents"),
}


def books() -> Iterator[tuple[str, str, Path]]:
    """Every PDF: its name, its HTML, and where that HTML's pictures are relative to."""
    for language in Language:
        yield f"field-guide.{language}.pdf", guide(language), FOLDER / "guide" / language
    for sheet in sorted((FOLDER / "print").glob("*.html")):
        yield f"{sheet.stem}.pdf", sheet.read_text("utf-8"), sheet.parent


def guide(language: Language) -> str:
    """The whole guide as one page of HTML."""
    title, subtitle, contents = _TITLES[language]
    style = (FOLDER / "guide" / "book.css").read_text("utf-8")
    chapters = [(name, FOLDER / "guide" / language / f"{name}.md") for name in CHAPTERS]
    bodies, entries = [], []
    for name, file in chapters:
        html, headings = _chapter(name, file.read_text("utf-8"))
        bodies.append(html)
        entries += [f'<li class="{level}"><a href="#{anchor}">{words}</a></li>' for level, anchor, words in headings]
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{title}: {subtitle}</title><style>{style}</style></head><body>"
        f'<section class="cover"><h1>{title}</h1><p>{subtitle}</p><p>gate-scanner</p>'
        f'<img src="../../pictures/side_market_gate.svg" alt=""></section>'
        f"<nav><h2>{contents}</h2><ol>{''.join(entries)}</ol></nav>{''.join(bodies)}</body></html>"
    )


def _chapter(name: str, markdown: str) -> tuple[str, list[tuple[str, str, str]]]:
    """A chapter as HTML with its headings: level, anchor, words."""
    from check_docs import slugs  # noqa: PLC0415 - the checker's own rule of anchors

    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(re.sub(r"<!--.*?-->", "", markdown, flags=re.DOTALL))
    opened = [place for place, token in enumerate(tokens) if token.type == "heading_open"]
    words = ["".join(leaf.content for leaf in tokens[place + 1].children or []) for place in opened]
    headings: list[tuple[str, str, str]] = []
    for place, said, slug in zip(opened, words, slugs(words), strict=True):
        level = tokens[place].tag
        anchor = name if level == "h1" else f"{name}-{slug}"
        tokens[place].attrSet("id", anchor)
        if level in {"h1", "h2"}:
            headings.append(("part" if level == "h1" else "section", anchor, said))
    for token in tokens:
        for leaf in token.children or []:
            _bend(leaf, name)
    return str(parser.renderer.render(tokens, parser.options, {})), headings


def _bend(leaf: Token, name: str) -> None:
    """Lets a link within the guide lead to its place in the book; one to elsewhere in the project becomes words."""
    if leaf.type != "link_open":
        return
    path, _, anchor = unquote(str(leaf.attrs.get("href", ""))).partition("#")
    chapter = path.removesuffix(".md") if path else name
    if chapter in CHAPTERS:
        leaf.attrSet("href", f"#{chapter}-{anchor}" if anchor else f"#{chapter}")
    elif not path.startswith("http"):
        leaf.attrs.pop("href")


def write(name: str, html: str, base: Path, out: Path) -> Path:
    """Writes one PDF and says where it is."""
    from PIL import ImageFile  # noqa: PLC0415 - with it
    from weasyprint import HTML  # noqa: PLC0415 - a second to load, and only this needs it

    ImageFile.LOAD_TRUNCATED_IMAGES = False  # it changes Pillow for the whole process: half a picture is none again

    out.mkdir(parents=True, exist_ok=True)
    file = out / name
    HTML(string=html, base_url=f"{base}/").write_pdf(str(file))
    return file


def main() -> int:
    """Writes all of them."""
    for name, html, base in books():
        print(write(name, html, base, OUT).relative_to(FOLDER.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
