"""`gate-province registry`: units, organisations, sites and gates from tables, and into tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from edge_agent.base.console import complain, print_line
from province.base.clock import now_ms
from province.base.errors import AlreadyThere, NotAProvince, ProvinceError
from province.base.files import write_atomically
from province.base.layout import Layout
from province.registry import exporting, importing, sheets
from province.registry.columns import EXAMPLES, Sheet
from province.registry.importing import Plan
from province.registry.sheets import Line
from province.store import database

_EPILOG = """\
examples:
  gate-province registry template registry.xlsx                   an empty table to fill in, with a row of each sheet as an example
  gate-province registry import /srv/gate registry.xlsx --dry-run
  gate-province registry import /srv/gate sites.csv --sheet sites
  gate-province registry export /srv/gate registry.xlsx
  gate-province registry export /srv/gate sites.csv --sheet sites --language en

A workbook has sheets units, organisations, sites, gates (or Đơn vị hành chính, Cơ quan, Địa điểm, Cổng), a CSV file (UTF-8; semicolons,
commas or tabs) one of them. Headings may be in either language, columns in any order; a column that is not there leaves what is registered.
A row whose id is registered changes that; as it is already, it changes nothing, so a file may be imported again. A site's code stays.
Every wrong cell is named with its row and column, and then nothing is taken; --partly takes the rows that are right.
"""
_EACH = 10_000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `registry` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser(
        "registry",
        help="units, organisations and sites from tables, and into tables",
        description="Takes units, organisations, sites and gates from CSV or XLSX, and writes them there.",
        epilog=_EPILOG,
        formatter_class=raw,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, words: str, description: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=words, description=description, epilog=_EPILOG, formatter_class=raw)

    bring = action("import", "take a table", "Takes a table, all or nothing.")
    bring.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    bring.add_argument("file", type=Path, metavar="FILE", help=".xlsx or .csv")
    bring.add_argument("--sheet", choices=[str(sheet) for sheet in Sheet], help="what a .csv has (default: by its headings)")
    bring.add_argument("--partly", action="store_true", help="take the rows that are right although others are wrong")
    bring.add_argument("--anyway", action="store_true", help="also take places that seem to be registered already")
    bring.add_argument("--dry-run", action="store_true", help="only say what would change, and what is wrong")
    give = action("export", "write a table", "Writes what is registered and open.")
    give.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    empty = action("template", "write an empty table", "Writes a table to fill in, with examples.")
    for writing in (give, empty):
        writing.add_argument("file", type=Path, metavar="FILE", help=".xlsx, or .csv with --sheet")
        writing.add_argument("--sheet", choices=[str(sheet) for sheet in Sheet], help="which one, for a .csv")
        writing.add_argument("--language", choices=["vi", "en"], default="vi", help="of titles and headings (default: vi)")
        writing.add_argument("--force", action="store_true", help="replace the file if it is there")


def run(args: argparse.Namespace) -> int:
    """Imports, exports or writes a template."""
    if args.action == "template":
        _write(args, dict(EXAMPLES))
        return 0
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    if args.action == "import":
        return _import(layout, args)
    with closing(database.connect(layout.register)) as connection:
        _write(args, {sheet: exporting.rows_of(connection, sheet) for sheet in Sheet if sheet is not Sheet.GATES})
    return 0


def _write(args: argparse.Namespace, tables: Mapping[Sheet, Iterable[exporting.Row]]) -> None:
    kind = args.file.suffix.lower()
    if kind not in {".csv", ".xlsx"} or (kind == ".csv") != (args.sheet is not None):
        raise NotAProvince(f"{args.file}: must end in .xlsx, or in .csv with --sheet saying which.")
    if args.sheet is not None and Sheet(args.sheet) not in tables:
        raise NotAProvince(f"--sheet {args.sheet}: stands in sheet sites, column gates.")
    if args.file.exists() and not args.force:
        raise AlreadyThere(f"{args.file} is there already: name another file, or give --force.")
    if kind == ".csv":
        data = exporting.as_csv(Sheet(args.sheet), tables[Sheet(args.sheet)], args.language)
    else:
        data = exporting.as_workbook(tables.items(), args.language)
    try:
        write_atomically(args.file.absolute(), data)
    except OSError as error:
        raise ProvinceError(f"{args.file}: cannot be written ({error.strerror}).") from None
    print_line(f"Wrote {args.file}.")


def _import(layout: Layout, args: argparse.Namespace) -> int:
    lines = list(_told(sheets.lines(args.file, None if args.sheet is None else Sheet(args.sheet))))
    at_ms = now_ms()
    with closing(database.connect(layout.register)) as connection:
        there = importing.known(connection)
        plan = importing.plan(lines, there, at_ms, anyway=args.anyway)
        taken = not args.dry_run and (args.partly or not plan.wrongs)
        if taken:
            with database.transaction(connection, layout.register):  # held for seconds, if nobody changed anything meanwhile
                if (now := importing.known(connection)) != there:
                    plan = importing.plan(lines, now, at_ms, anyway=args.anyway)
                if taken := bool(args.partly or not plan.wrongs):
                    importing.carry_out(connection, plan)
    for wrong in plan.wrongs:
        complain("gate-province", f"{args.file}: {wrong}")
    _tell(plan, len(lines), counts=bool(args.partly or not plan.wrongs))
    if plan.wrongs and not args.partly:
        complain("gate-province", f"{args.file}: nothing was taken. Correct these cells, or take the other rows with --partly.")
    elif not taken:
        print_line("Nothing was taken: --dry-run.")
    return 1 if plan.wrongs else 0


def _told(lines: Iterable[Line]) -> Iterator[Line]:
    """Says on a terminal how far the reading has come."""
    for count, line in enumerate(lines, start=1):
        if count % _EACH == 0 and sys.stderr.isatty():
            complain("gate-province", f"{count} rows read, in sheet {line.sheet} …")
        yield line


def _tell(plan: Plan, rows: int, *, counts: bool) -> None:
    changes = (Sheet.UNITS, plan.units), (Sheet.ORGANISATIONS, plan.organisations), (Sheet.SITES, plan.sites)
    for sheet, changed in changes if counts else ():
        new = plan.new[sheet]
        print_line(f"{sheet}: {new} new, {len(changed) - new} changed, {plan.same[sheet]} as they were.")
    wrong = len({(each.sheet, each.row) for each in plan.wrongs})
    print_line(f"{rows} rows, {wrong} of them wrong.")
