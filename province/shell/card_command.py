"""`gate-province card`: personal codes on paper, for people with no phone. Reads people from a file or standard input, never from argv."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge_agent.base.console import complain, print_line
from province.base.errors import AlreadyThere, ProvinceError
from province.base.files import write_atomically
from province.paper.card_page import LAYOUTS, draw
from province.paper.card_text import MAX_BYTES, CardsWrong, cards_of_lines, cards_of_table

_EPILOG = """\
examples:
  gate-province card --out card.pdf                    asks for the text, so that it stays out of the shell's history
  gate-firmware read --json card.jpg | jq -r '.texts[]' | gate-province card --out card.pdf
  gate-province card people.csv --out cards.pdf        a table: id_number,name,birth_date,sex,phone,card_number
  gate-province card --size a4 text.txt --out - | lp   straight to the printer, nothing on disk

One code a line: a national personal code is printed to the letter, an ID card's code as the national code that says the same.
Sizes: card    100 × 70 mm, code 50 mm, eight a page
       credit  85.6 × 54 mm, code 42 to 48 mm (the more it says, the larger; its quiet zone fills the height), ten a page
       a4      one a page, code 120 mm, to hang up or for weak eyes
The Decision wants 50 mm: card and a4 have it, credit cannot.
Print at 100 %, without "fit to page". The file holds people's data: it is made for its owner alone (0600); delete it after printing.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `card` to the command line."""
    parser = subparsers.add_parser(
        "card",
        help="print personal codes for people with no phone",
        description="Makes a PDF of national personal codes to print: A4 pages with cut marks, or one large code a page.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="texts of codes or a .csv table; - for standard input (default)"
    )
    parser.add_argument("--csv", action="store_true", help="the input is a table, whatever its name")
    parser.add_argument("--size", choices=LAYOUTS, default="card", help="see below (default: card)")
    parser.add_argument("--out", required=True, metavar="PDF", help="the file to make, or - for standard output")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
    parser.add_argument("--font", type=Path, metavar="TTF", help="a font with Vietnamese letters (default: DejaVu Sans, Noto Sans)")


def run(args: argparse.Namespace) -> int:
    """Makes the PDF."""
    out = None if args.out == "-" else Path(args.out)
    if out is not None and out.exists() and not args.force:
        raise AlreadyThere(f"{out} is there already: name another file, or give --force.")
    if out is None and sys.stdout.isatty():
        raise ProvinceError("--out -: the PDF would fill the terminal: pipe it to a printer (| lp) or name a file.")
    data = _read(args.file)
    try:
        cards = cards_of_table(data) if args.csv or args.file.lower().endswith(".csv") else cards_of_lines(data)
    except CardsWrong as error:
        for line in str(error).splitlines():
            complain("gate-province", line)  # one by one: it lets no line break through
        return 1
    layout = LAYOUTS[args.size]
    pdf = draw(cards, layout, args.font)
    if out is None:
        sys.stdout.buffer.write(pdf)
        return 0
    try:
        write_atomically(out, pdf)
    except OSError as error:
        raise ProvinceError(f"{out}: cannot be written ({error.strerror}).") from None
    pages = -(-len(cards) // (layout.grid[0] * layout.grid[1]))
    print_line(f"{out}: {len(cards)} codes on {pages} pages. Print at 100 %. It holds people's data: delete it after printing.")
    return 0


def _read(name: str) -> bytes:
    if name == "-":
        if sys.stdin.isatty():
            sys.stderr.write("texts of codes, one a line; Ctrl-D ends:\n")
            sys.stderr.flush()
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProvinceError(f"{name}: cannot be read ({error.strerror}).") from None
