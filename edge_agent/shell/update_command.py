"""`gate-agent update`: which version of the software is in use, and, for the system, how a fetched one is put on trial."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_agent.base.console import print_json, print_line
from edge_agent.device import settings as settings_of
from edge_agent.health.own_health import software
from edge_agent.update import installing
from edge_agent.update.slots import Slots

_EPILOG = """\
examples:
  gate-agent update status            which version is in use, and whether one is on trial
  gate-agent update status --json

Updates are ordered at the province: gate-province rollout. How they go, and what is said of them: hw_docs/operators/update.md.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = subparsers.add_parser("update", help="which version is in use", description=__doc__, epilog=_EPILOG, formatter_class=raw)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    status = actions.add_parser("status", help="which version is in use, and whether one is on trial")
    status.add_argument("--json", action="store_true", help="one JSON object")
    install = actions.add_parser("install", help="put what was fetched on trial (for gate-update.service, as root)")
    install.add_argument("attempt", metavar="ATTEMPT", help="the agent's word for this attempt")
    install.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Shows or installs."""
    if args.action == "install":
        return installing.run(args.attempt, args.config)
    slots = Slots.here()
    trial, back, given_up = slots.trial(), slots.back(), slots.given_up()
    said = {
        "software": software(), "slot": slots.current(), "trial": None if trial is None else trial.slot,
        "back": None if back is None else f"{back.reason}: {back.detail}", "floor": slots.floor(),
        "given_up": None if given_up is None else f"{given_up[0]}: no start of {given_up[1]} lived",
    }  # fmt: skip
    if args.json:
        print_json(said)
        return 0
    print_line(f"software {said['software']}, {'the package' if said['slot'] is None else 'slot ' + str(said['slot'])}")
    if trial is not None:
        print_line(f"on trial: {trial.slot}")
    if given_up is not None:
        print_line(f"given up while in use: {said['given_up']}")
    if back is not None:
        print_line(f"the last update came to nothing: {said['back']}")
    return 0
