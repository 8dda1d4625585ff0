"""`gate-agent reset`: makes this device nobody's again, keeping from harm what has no receipt."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from edge_agent.base.console import print_line
from edge_agent.base.disk import told
from edge_agent.base.process_lock import AlreadyRunning
from edge_agent.device import settings as settings_of
from edge_agent.device import settings_file
from edge_agent.enrolment import reset
from edge_agent.enrolment.takeover import AlreadyEnrolled
from edge_agent.store.outbox import OutboxError

log = logging.getLogger(__name__)

_EPILOG = """\
examples:
  gate-agent reset                        for another site or owner; refuses while entries wait for the province
  gate-agent reset --discard 17           throws 17 entries away that the province never got
  gate-agent reset --new-keys             after a theft or a revocation: new keys, a new fingerprint on the label

Stop gate-firmware and gate-agent first. Afterwards: show it a ticket.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser(
        "reset",
        help="make this device nobody's again",
        description="Forgets whose this device is and begins a new log. In the same province its first entry will name the end of the old "
        "one, under whatever name.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--discard", type=int, default=0, metavar="N", help="throw away exactly N entries that have no receipt")
    parser.add_argument("--new-keys", action="store_true", help="make new private keys too; a signing key in a token is replaced there")
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--state", type=Path, metavar="DIR", help="state folder, instead of the one in the configuration")


def run(args: argparse.Namespace) -> int:
    """Resets; 0 when done, 1 when it must not or cannot be done now, 2 for a configuration error."""
    state: Path = args.state or settings_file.load(args.config).device.state
    try:
        done = reset.reset(state, discard=args.discard, new_keys=args.new_keys)
    except (reset.WouldLose, reset.KeysElsewhere, AlreadyEnrolled, AlreadyRunning, OutboxError) as error:
        log.error("%s", error)  # noqa: TRY400 - the same
        return 1
    except OSError as error:
        log.error("%s", told(error, state))  # noqa: TRY400 - the same
        return 1
    gone = f" {done.discarded} entries were thrown away." if done.discarded else ""
    print_line(f"This device was {done.former}; now it is nobody's.{gone} Show it a ticket.")
    return 0
