"""A province's far end with a node, a collector and its database lost while entries come: `make cluster ENTRIES=20000`.

RabbitMQ of three nodes behind HAProxy, PostgreSQL, two collectors that read by AMQP: every process real, on loopback, with the
configurations of province/deploy. Scanners seal real entries and keep each until a receipt names it. `SEED=7` has the faults meet
others. Exit code 1 when an entry was lost, doubled or not receipted; the folder with all logs is then kept.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), *(str(ROOT / "tests" / name) for name in ("cluster", "province", "fleet"))]

import postgres_world  # noqa: E402 - the path above comes first
import rabbit_world  # noqa: E402 - the same
from cluster_run import Outcome, run  # noqa: E402 - the same

_SHOWN_AT_MOST = 20


def table(outcome: Outcome) -> str:
    """The run in figures."""
    rows: list[tuple[str, object]] = [
        ("nodes of RabbitMQ", outcome.nodes),
        ("scanners", outcome.scanners),
        ("entries made", outcome.entries),
        ("entries registered", outcome.registered),
        *((f"  by collector {number}", count) for number, count in enumerate(outcome.by_collector, 1)),
        ("sent, those again too", outcome.sent),
        ("receipted", outcome.receipted),
        ("  receipts for one had already", outcome.receipts_again),
        ("left in the queue", outcome.left_in_queue),
        ("seconds to the last receipt", outcome.seconds),
        ("entries a second", round(outcome.receipted / max(outcome.seconds, 0.1))),
    ]
    lines = [f"{'at':>7}  {'receipted':>9}  what was done"]
    lines += [f"{event.at_s:>6.1f}s  {event.receipted:>9}  {event.what}" for event in outcome.events]
    lines += ["", *(f"{name:<34}{value:>9}" for name, value in rows)]
    for name, found in {
        "lost": outcome.lost, "duplicated": outcome.duplicated, "without receipt": outcome.without_receipt, "other findings": outcome.other,
    }.items():  # fmt: skip
        lines.append(f"{name:<34}{len(found):>9}")
        lines += [f"    {one}" for one in found[:_SHOWN_AT_MOST]]
    return "\n".join(lines)


def main() -> int:
    """Runs it; 1 when something did not hold, 2 when something it needs is not installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000, help="in all (default: %(default)s)")
    parser.add_argument("--scanners", type=int, default=40, help="who send them (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="whom the faults meet (default: %(default)s)")
    parser.add_argument("--within", type=float, default=900.0, help="seconds it may take at most (default: %(default)g)")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON; progress goes to standard error in any case")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs in any case")
    arguments = parser.parse_args()
    missing = [
        text
        for text, there in (
            (rabbit_world.MISSING, rabbit_world.is_installed()),
            (postgres_world.MISSING, postgres_world.BIN),
            ("HAProxy is not installed: apt-get install haproxy", shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")),
        )
        if not there
    ]
    if missing:
        print("\n".join(missing), file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="gate-cluster-"))
    for asked_to_end in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: processes of the run end with it
        signal.signal(asked_to_end, signal.default_int_handler)

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    outcome = run(folder, arguments.entries, arguments.scanners, arguments.seed, within_s=arguments.within, tell=tell)
    print(json.dumps(asdict(outcome) | {"good": outcome.good}, indent=1) if arguments.json else table(outcome))
    print(
        f"seed {arguments.seed}: {'nothing lost, nothing doubled, every receipt delivered' if outcome.good else 'BROKEN, see above'}",
        file=sys.stderr,
    )
    if outcome.good and not arguments.keep:
        shutil.rmtree(folder)
    else:
        print(f"all logs are in {folder}", file=sys.stderr)
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
