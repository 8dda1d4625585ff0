"""`gate-province logs`: shows what has come of each device's log, and what is missing."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from edge_agent.base.console import print_json, print_table
from province.base.layout import Layout
from province.records import views
from province.store import database

_EPILOG = """\
examples:
  gate-province logs /srv/gate
  gate-province logs /srv/gate --json | jq 'select(.gaps != [])'

gaps           numbers that have not arrived; they may still wait on the device
fork           two envelopes under one number: a cloned or restored card, or a stolen key; both are kept
ahead          entries that claim a time after they came, or a later day: a wrong clock, or somebody who wants them kept longer
broken-link    an entry names another predecessor than the one that came
unannounced-log  a new log that does not say what came before it: an outbox was deleted
cut-predecessor  a new log names an end of the earlier log that has not arrived; also when the device had another name then
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `logs` to the command line."""
    parser = subparsers.add_parser(
        "logs",
        help="show each device's log: range, gaps, forks, alerts",
        description="Shows, for each log of each device, how much came, what is missing, and what looks wrong.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the province's folder")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of the table")


def run(args: argparse.Namespace) -> int:
    """Shows the logs."""
    layout = Layout(args.folder.absolute())
    layout.read_settings()
    with closing(database.connect(layout.register)) as connection:
        found = views.logs(connection)
    if args.json:
        for log in found:
            print_json(_as_json(log))
    else:
        print_table(("device", "log", "entries", "from", "to", "gaps", "forks", "ahead", "alerts"), [_as_row(log) for log in found])
    return 0


def _as_json(log: views.LogState) -> dict[str, object]:
    alerts = [
        {"kind": str(alert.kind), "seq": alert.seq, "raised_ms": alert.raised_ms, "resolved_ms": alert.resolved_ms} for alert in log.alerts
    ]
    return {
        "org": log.name.org, "device": log.name.device, "log": log.log.hex(), "count": log.count, "first": log.first, "last": log.last,
        "gaps": [list(gap) for gap in log.gaps], "forks": log.forks, "dated_ahead": log.dated_ahead, "alerts": alerts,
    }  # fmt: skip


def _as_row(log: views.LogState) -> tuple[str, ...]:
    gaps = " ".join(str(first) if first == last else f"{first}-{last}" for first, last in log.gaps) or "-"
    open_alerts = " ".join(f"{alert.kind}@{alert.seq}" for alert in log.alerts if alert.resolved_ms is None) or "-"
    return (
        str(log.name),
        log.log.hex()[:8],
        str(log.count),
        str(log.first),
        str(log.last),
        gaps,
        str(log.forks),
        str(log.dated_ahead),
        open_alerts,
    )
