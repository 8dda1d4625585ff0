"""`gate-agent gate`: closes the gate on this scanner, opens it again, rules a vehicle's trips, or tells how it is."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from edge_agent.base.console import print_line
from edge_agent.device import settings as settings_of
from edge_agent.device import settings_file
from edge_agent.device.control import NOT_ENROLLED, ask, ask_counters

log = logging.getLogger(__name__)
_WORDS = {
    "open": "open",
    "closed": "closed by command: nobody comes in until `gate-agent gate open`",
    NOT_ENROLLED: "not enrolled: waiting for a ticket",
    "out-of-hours": "not open: outside gate.opening_hours",
}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "gate",
        help="close the gate, open it, or tell which it is",
        description=f"{__doc__} A closed gate stays closed after a power cut; those who go out are recorded all the same.",
    )
    orders = ("open", "close", "status", "trip-begin", "trip-end", "trip-terminus")
    parser.add_argument("what", choices=orders, help="what to do; trips are those of a vehicle")
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Sends the request to firmware; 0 when it is done, 1 when firmware does not answer or refuses, 2 for a configuration error."""
    settings = settings_file.load(args.config)
    runtime = settings.device.runtime
    if args.what != "status":
        answer = ask(runtime, args.what, ("done", "refused"))
        if answer is not None and answer["type"] == "refused":
            log.error("firmware refuses: %s", answer.get("why"))
            return 1
    counters = ask_counters(runtime)
    if counters is None:
        log.error("firmware does not answer in %s: start it with `gate-firmware run`, and run this as its user or root", runtime)
        return 1
    state = str(counters.get("gate"))
    print_line(_WORDS.get(state, state))
    if "trip" in counters:
        print_line(f"trip: {counters['trip'] or 'none'}")
    return 0
