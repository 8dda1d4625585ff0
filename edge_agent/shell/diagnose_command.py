"""`gate-agent diagnose`: one file about this scanner, without secrets and without people, to send to whoever helps."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import suppress
from pathlib import Path

from edge_agent.base.console import complain, print_line
from edge_agent.base.disk import sync_folder, written_beside
from edge_agent.device import settings as settings_of
from edge_agent.diagnosis.diagnosis_bundle import bundle

_PROGRAM = "gate-agent diagnose"
_EPILOG = """\
examples:
  sudo gate-agent diagnose                       writes gate-diagnosis-….tar.gz here; send that file
  sudo gate-agent diagnose --out /media/stick    onto a stick: when the disk is full, or to carry it away
  ssh scanner sudo gate-agent diagnose --out - > scanner.tar.gz
  gate-agent diagnose --summary                  only shows what is wrong

It changes nothing, needs no running service and no enrolment, and takes up to a minute and a half. Run it as root or as the gate's user;
root sees more (journal, kernel). In the file: summary.txt (read this first), manifest.json (what is in it and what could not be collected),
configuration, units, journals, counters, outbox, files' names, clock, network, disk, memory, hardware. Not in it: keys, sealed entries,
anything of a person. At most 5 MB. Look at it before you send it: tar xzOf FILE gate-diagnosis/summary.txt
Exit codes: 0 written (what could not be collected is told), 1 the file cannot be written, 2 wrong command line.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "diagnose",
        help="one file about this scanner, without secrets, for whoever helps",
        description="Collects in one file (tar, gzip) how this scanner is, without secrets and without people, for whoever helps.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--out", metavar="FILE", help="a file, a folder, or - for standard output; default: a file in this folder")
    parser.add_argument("--summary", action="store_true", help="show the summary and write no file")


def run(args: argparse.Namespace) -> int:
    """Makes the file; 0 when it is written, 1 when it cannot be."""
    made = bundle(args.config)
    if args.summary:
        for line in made.summary.splitlines():
            print_line(line)
        return 0
    if args.out == "-":
        sys.stdout.buffer.write(made.data)
        sys.stdout.buffer.flush()
        return 0
    file = _file(args.out)
    try:
        _write(file, made.data)
    except OSError as error:
        complain(
            _PROGRAM, f"{file}: cannot be written ({error.strerror}). Name another place, such as a stick: --out /media/stick, or --out -"
        )
        return 1
    print_line(f"{file}: {len(made.data)} bytes. Read gate-diagnosis/summary.txt in it, then send it.")
    for one in made.collected:
        if one.trouble:
            complain(_PROGRAM, f"not collected: {one.part.file}: {one.trouble}")
    return 0


def _file(out: str | None) -> Path:
    name = f"gate-diagnosis-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.tar.gz"
    if out is None:
        return Path(name)
    return Path(out) / name if Path(out).is_dir() else Path(out)


def _write(file: Path, data: bytes) -> None:
    """Writes the file whole or not at all, to stay: a stick is soon pulled.

    Raises:
        OSError: it cannot be written; then nothing of it is left.
    """
    try:
        written_beside(file, data).rename(file)
    except OSError:
        with suppress(OSError):
            file.with_name(f"{file.name}.new").unlink(missing_ok=True)
        raise
    with suppress(OSError):  # not every stick's file system knows how; the bytes are there
        sync_folder(file.parent)
