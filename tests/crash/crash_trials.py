"""Tries scenarios: records each once, cuts it at every boundary in every way, and looks at what every cut has left."""

from __future__ import annotations

import base64
import json
import logging
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import aftermath
import command_scenarios
import crash_province
import own_keys_aftermath
import province_aftermath
import reset_aftermath
import reset_scenarios
import store_aftermath
import store_scenarios
import update_scenarios
from aftermath import Broken, Check, Outcome, promised
from crash_device import keyring_message
from crash_scenarios import AGAIN
from joining_aftermath import check_membership
from power_cut import Cut, Trace, cuts, steps
from real_broker import Authority, bundle
from system_calls import Call, traced

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
_PARTS = os.cpu_count() or 1
_CHECKS: dict[str, Check] = {
    "documents": aftermath.check_documents,
    "gate and trip": aftermath.check_documents,
    "plain TinyDB": aftermath.check_documents,
    "keyring": aftermath.check_keyring,
    **province_aftermath.CHECKS,
    **own_keys_aftermath.CHECKS,
    **store_aftermath.CHECKS,
    **command_scenarios.CHECKS,
    "update": update_scenarios.check,
    "join": check_membership,
    "renewal": check_membership,
    **reset_aftermath.CHECKS,
}
_PREPARED: dict[str, Callable[[Path], object]] = {
    **dict.fromkeys(province_aftermath.CHECKS, crash_province.found),
    **dict.fromkeys(own_keys_aftermath.CHECKS, crash_province.found_bare),
    "register brought up": store_scenarios.found_old,
    "register put back": crash_province.found,
    **dict.fromkeys(reset_aftermath.CHECKS, reset_scenarios.found),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one cut led to."""

    boundary: int
    way: str
    outcome: Outcome
    why: str
    fingerprint: bytes


def _write_bundles(folder: Path) -> list[Path]:
    """A device's first bundle, and one with new TLS keys, a newer keyring and another gate."""
    authority, files = Authority(), []
    for number, changes in enumerate([{}, {"gate": "Cổng Bắc", "keyring": base64.b64encode(keyring_message(8)).decode()}]):
        files.append(folder / f"{number}.bundle.json")
        files[-1].write_text(json.dumps(bundle(authority, 8883) | changes), encoding="utf-8")
    return files


def _run(scenario: str, folder: Path, *bundles: Path) -> list[Call]:
    paths = [_HERE, _ROOT, _ROOT / "tests/edge_agent"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(_HERE / "crash_scenarios.py"), scenario, str(folder / "root"), *map(str, bundles)]
    return traced(command, folder / "calls", environment)


def record(scenario: str, folder: Path) -> Trace:
    """Runs a scenario once under strace, in an empty folder, or in one with a province or a member just made.

    Raises:
        system_calls.CannotTrace: it failed.
    """
    root = folder / "root"
    root.mkdir()
    bundles = _write_bundles(folder) if scenario == "enrolment" else []
    before = {}
    if (prepare := _PREPARED.get(scenario)) is not None:
        prepare(root)
        before = crash_province.image_of(root)
    return Trace(scenario, _run(scenario, folder, *bundles), str(root), before, bundles=tuple(bundles))


def record_again(cut: Cut, folder: Path) -> Trace:
    """Starts a device on what a cut has left, records what it does to make itself whole, and goes on a little.

    Raises:
        system_calls.CannotTrace: it failed.
    """
    root = folder / "root"
    root.mkdir()
    aftermath.lay_out(cut.image, root)
    return Trace(AGAIN, _run(AGAIN, folder), str(root), cut.image, cut.promises)


def cuts_to_start_from(traces: Sequence[Trace], seed: int, count: int) -> list[Cut]:
    """So many cuts from the outbox's scenarios, at places that chance chooses."""
    chance = random.Random(seed)
    chosen = []
    for number in range(count):
        trace = traces[number % len(traces)]
        last = boundaries(trace)
        at = chance.randrange(last // 4, last)
        several = list(cuts(trace, chance.randrange(10**6), (at, last)))
        chosen.append(chance.choice(several))
    return chosen


def _memory() -> str | None:
    """A place for thousands of small files that is no disk, where there is one."""
    return next((folder for folder in ("/dev/shm",) if os.access(folder, os.W_OK)), None)  # noqa: S108 - for a folder of our own


def look(trace: Trace, cut: Cut) -> Finding:
    """Opens everything on what a cut has left."""
    check = _CHECKS.get(trace.scenario) or partial(aftermath.check_outbox, agent_first=bool(cut.fingerprint[0] % 2))
    if trace.bundles:
        check = partial(aftermath.check_enrolment, bundles=list(trace.bundles))
    folder = Path(tempfile.mkdtemp(prefix="gate-cut-", dir=_memory()))
    try:
        aftermath.lay_out(cut.image, folder)
        outcome, why = check(folder, promised(cut.promises)), ""
    except Broken as broken:
        outcome, why = broken.outcome, str(broken).replace(str(folder), "")
    except Exception as error:  # noqa: BLE001 - whatever is raised, a store has not opened
        outcome, why = Outcome.SHUT, f"{type(error).__name__}: {error}".replace(str(folder), "")
    finally:
        shutil.rmtree(folder)
    return Finding(cut.boundary, cut.way, outcome, why, cut.fingerprint)


def boundaries(trace: Trace) -> int:
    """At how many places a scenario can be cut."""
    return sum(1 for _ in steps(trace.calls, trace.disk()))


def try_cuts(trace: Trace, seed: int, part: tuple[int, int] = (0, 1)) -> Iterator[Finding]:
    """Looks at every cut, or at those of every n-th boundary (see `power_cut.cuts`)."""
    return (look(trace, cut) for cut in cuts(trace, seed, part))


def _try_part(trace: Trace, seed: int, part: tuple[int, int]) -> list[Finding]:
    logging.disable()
    aftermath.quick()
    return list(try_cuts(trace, seed, part))


def pool() -> ProcessPoolExecutor:
    """As many processes as there are processors."""
    return ProcessPoolExecutor(mp_context=get_context("spawn"))


def try_all(trace: Trace, seed: int, processes: ProcessPoolExecutor) -> list[Finding]:
    """Every cut of a scenario, in the order of the boundaries; what is the same as at an earlier one counts once."""
    parts = processes.map(partial(_try_part, trace, seed), [(number, _PARTS) for number in range(_PARTS)])
    in_order = sorted((finding for found in parts for finding in found), key=lambda finding: finding.boundary, reverse=True)
    return list({finding.fingerprint: finding for finding in in_order}.values())[::-1]
