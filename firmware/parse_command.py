"""`gate-firmware parse`: says what codes' texts mean, one a line. It shows people's data because that is what it is asked for."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from edge_agent.base.console import print_json, print_line

from .codes import MAX_BYTES, PassCode, UnknownCode, sort_code
from .health_pass import TrustList, TrustListError, load_trust_list, read_pass
from .other_codes import OtherCode, OtherKind
from .person_codes import NotAPersonCode, Person

_USAGE = 2
_OTHER = {
    OtherKind.SITE: "it names a site",
    OtherKind.TICKET: "it lets a scanner join",
    OtherKind.WIFI: "it names a wireless network",
}

_EPILOG = """\
examples:
  echo '001099012345||Nguyễn Văn A|15031999|Nam||10052021' | gate-firmware parse
  gate-firmware parse --json < codes.txt
  gate-firmware parse --json --trust issuers.json --at 2022-06-30T08:00:00+07:00 < passes.txt

JSON, by "kind":
  person            {"kind": "person", "scheme": "cccd", "id_number": "…", "name": "…", …, "warnings": []}
  health-pass       {"kind": "health-pass", "answer": "valid", "name": "…", "birth_date": "…"}
                    answers: valid, expired, not-yet-valid, issuer-unknown, bad-signature, malformed, clock-unknown
  site-code, enrolment-ticket, wifi     {"kind": "wifi", "message": "…"}
  unknown           {"kind": "unknown", "error": "bad-date", "message": "…"}
Each line in gives one answer out, in order. A code that is refused is an answer too: the exit code stays 0.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `parse` to the command line."""
    parser = subparsers.add_parser(
        "parse",
        help="say what the texts of codes mean",
        description="Reads the text of one code a line from standard input and prints the person it names, or what else it is.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="who may sign health passes (default: nobody, every issuer is unknown)")
    parser.add_argument(
        "--at",
        type=_moment_ms,
        metavar="TIME",
        help="the time to check passes' dates at, ISO form or `now` (default: dates are not checked)",
    )


def run(args: argparse.Namespace) -> int:
    """Answers each line of standard input."""
    try:
        trust_list = load_trust_list(args.trust) if args.trust else TrustList({})
    except TrustListError as error:
        sys.stderr.write(f"gate-firmware parse: {error}\n")
        return _USAGE
    for line in _lines(sys.stdin.buffer):
        answer = _answer(line, trust_list, args.at)
        if args.json:
            print_json(answer)
        else:
            _print_answer(answer)
        sys.stdout.flush()  # so that it can be asked line by line, through a pipe too
    return 0


def _moment_ms(text: str) -> int:
    try:
        return time.time_ns() // 1_000_000 if text == "now" else round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError("give a time such as 2022-06-30T08:00:00+07:00, or now") from None


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yields lines without their ends, each cut off just past the longest a code can be, so that no input fills the memory."""
    while line := stream.readline(MAX_BYTES + 2):
        rest = line
        while not rest.endswith(b"\n") and rest:
            rest = stream.readline(MAX_BYTES)
        yield line.removesuffix(b"\n").removesuffix(b"\r")


def _answer(line: bytes, trust_list: TrustList, wall_ms: int | None) -> dict[str, object]:
    match sort_code(line):
        case Person() as person:
            return {"kind": "person", **asdict(person)}
        case PassCode(text):
            shown = read_pass(text, trust_list, wall_ms)
            return {"kind": "health-pass", "answer": shown.answer, "name": shown.name, "birth_date": shown.birth_date}
        case OtherCode(kind):
            return {"kind": kind, "message": f"not a person's code: {_OTHER[kind]}"}
        case UnknownCode(reason):
            return {"kind": "unknown", "error": reason, "message": str(NotAPersonCode(reason))}


def _print_answer(answer: dict[str, object]) -> None:
    if "error" in answer:
        print_line(f"not a person's code: {answer['message']}")
        print_line("")
        return
    for label, value in answer.items():
        shown = ", ".join(value) if isinstance(value, tuple) else value
        if shown:
            print_line(f"{label.replace('_', ' '):<12} {shown}")
    print_line("")
