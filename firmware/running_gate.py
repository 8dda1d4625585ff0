"""Keeps the self-test out of a running gate's way: what it holds is left alone, and it tells itself how it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.base.process_lock import AlreadyRunning, ProcessLock
from edge_agent.device.control import ask_counters
from edge_agent.device.settings import Settings
from firmware.reading import SourceState
from firmware.state_checks import is_folder
from firmware.verdict import Finding, Verdict, fault, skipped


def leave_alone(settings: Settings, running: Finding) -> Iterator[Finding]:
    """What the running gate itself says of its devices."""
    if running.verdict is Verdict.FAULT:
        for part, _key, _group in _devices(settings):
            yield skipped(part, "may be in use by a running gate")
        return
    counters = ask_counters(settings.device.runtime) or {}
    for part, key, group in _devices(settings):
        state = (counters.get(group, {}) if group else counters).get(key)
        if state == SourceState.FAULT:
            yield fault(part, "in use by the running gate, which reports a fault", "its log says why: journalctl -u gate-firmware")
        else:
            yield skipped(part, "in use by the running gate" + (f": {state}" if state else ""))


def _devices(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Each device: what to call it, and where the counters of a running gate tell how it is: a key, and the group it is in, if any."""
    for lane in settings.lanes:
        yield f'{"camera" if lane.camera else "reader"} of lane "{lane.name}"', lane.name, "sources"
    for part, url in indicators(settings):
        yield part, url, "lights"
    for place, lane in enumerate(settings.lanes):
        if lane.barrier:
            yield f"lane[{place}].barrier", lane.barrier, "lights"
    if settings.gate.display:
        yield "gate.display", "display", "lights"
    for place, each in enumerate(settings.inputs):
        yield f"input[{place}].switch", each.name, "inputs"
    if settings.vehicle.position:
        yield "vehicle.position", "position", ""


def indicators(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each light of the gate once, with what to call it."""
    lanes_of: dict[str, list[str]] = {}
    for lane in settings.lanes:
        lanes_of.setdefault(lane.indicator or settings.gate.indicator, []).append(f'"{lane.name}"')
    for url, names in lanes_of.items():
        yield f"indicator of lane {' and '.join(names)}", url


@contextmanager
def alone(settings: Settings) -> Iterator[Finding | None]:
    """Keeps a gate from starting while its devices are tested; yields a finding when one runs already or nobody can tell."""
    state = settings.device.state
    if not is_folder(state):
        yield None  # nobody can run without it
        return
    try:
        lock = ProcessLock(state / "firmware.lock", "gate-firmware")
        give_to_owner(state / "firmware.lock")
    except AlreadyRunning as error:
        yield skipped("running gate", f"{error} to have its devices tested too")
        return
    except OSError as error:
        yield fault("running gate", f"nobody can tell whether one runs ({error})", "run this as the gate's user or as root")
        return
    with lock:
        yield None


def give_to_owner(path: Path) -> None:
    """A file made by root in the state folder must not keep the gate's own user out."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
