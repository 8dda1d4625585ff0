"""Makes the sheets to print (A4) from their Markdown: print/*.md → print/*.html, which any browser prints or saves as PDF."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

FOLDER = Path(__file__).resolve().parent / "print"
_STYLE = """\
@page { size: A4; margin: 12mm 14mm; }
body { font: SIZEpt/1.36 "Noto Sans", "DejaVu Sans", Arial, sans-serif; color: #000; max-width: 182mm; margin: 0 auto; }
h1 { font-size: 20pt; line-height: 1.15; margin: 0 0 2mm; }
h2 { font-size: 13pt; margin: 3.5mm 0 1mm; break-after: avoid; }
p, ul { margin: 1mm 0 1.6mm; }
ul { padding-left: 6mm; }
table { border-collapse: collapse; width: 100%; margin: 1mm 0 2mm; font-size: 0.9em; }
th, td { border: 0.3mm solid #000; padding: 1.3mm 1.6mm; text-align: left; vertical-align: top; }
th { background: #e8e8e8; }
th:empty ~ th { width: 34%; }
tr { break-inside: avoid; }
"""
_SIZE_PT = {"privacy-notice": "10.8", "field-test": "10.2"}  # one page also in DejaVu, the widest of the fonts named


def pages() -> Iterator[tuple[Path, str]]:
    """Every sheet to print, with what it should be."""
    for source in sorted(FOLDER.glob("*.md")):
        yield source.with_suffix(".html"), page(source.read_text("utf-8"), *source.stem.split("."))


def page(markdown: str, sheet: str, language: str) -> str:
    """A sheet as HTML that needs nothing from elsewhere.

    Example:
        >>> "<h1>Notice</h1>" in page("# Notice", "privacy-notice", "en")
        True
    """
    title = markdown.partition("\n")[0].removeprefix("# ").strip()
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>\n{_STYLE.replace('SIZE', _SIZE_PT[sheet])}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
