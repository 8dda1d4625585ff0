"""`gate-agent enrol`: makes this device a member of a province from a bundle file."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from edge_agent import enrol
from edge_agent import settings as settings_of
from edge_agent.process_lock import AlreadyRunning

log = logging.getLogger(__name__)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("enrol", help="join a province with a bundle made by `gate-province device add`", description=__doc__)
    parser.add_argument("bundle", type=Path, help="the bundle file; it holds private keys: destroy it afterwards")
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--state", type=Path, metavar="DIR", help="state folder, instead of the one in the configuration")


def run(args: argparse.Namespace) -> int:
    """Enrols; 0 when done, 1 when the state folder refuses it, 2 for a bad bundle or configuration."""
    try:
        state: Path = args.state or settings_of.load(args.config).device.state
        bundle = enrol.read_bundle(args.bundle)
    except (settings_of.ConfigError, enrol.BadBundle) as error:
        log.error("%s", error)  # noqa: TRY400 - a message for people, not a fault of ours
        return 2
    try:
        enrol.install(bundle, state)
    except (enrol.AlreadyEnrolled, AlreadyRunning) as error:
        log.error("%s", error)  # noqa: TRY400 - the same
        return 1
    except OSError as error:
        log.error("%s: cannot be written (%s)", state, error.strerror)  # noqa: TRY400 - the same
        return 1
    print(f"{bundle.name} enrolled at {bundle.fields['site']}, {bundle.fields['gate']}. Now destroy {args.bundle}.")
    return 0
