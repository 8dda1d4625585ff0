"""The first page of a diagnosis: what is wrong as far as the device can tell, how it is, and what else is in the bundle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from edge_agent.device.check_file import FILE_NAME as CHECK_FILE
from edge_agent.diagnosis.diagnosis import LEFT_OUT, Collected
from edge_agent.diagnosis.diagnosis_machine import SERVICES

_LITTLE_FREE = 0.05
_HOT_C = 80.0


class _Facts:
    """What was collected, asked for by file name and fields; None wherever something is not there or of another shape."""

    def __init__(self, collected: Mapping[str, Collected]) -> None:
        self._collected = collected

    def __call__(self, file: str, *fields: str) -> Any:
        one = self._collected.get(file)
        found: Any = None if one is None else one.content
        for field in fields:
            found = found.get(field) if isinstance(found, Mapping) else None
        return found


def summarise(collected: Mapping[str, Collected], made_ms: int) -> str:
    """The summary of what was collected, by file name; made at `made_ms`, wall time."""
    facts = _Facts(collected)
    wrong = [trouble for find in (_units, _processes, _outbox, _device, _machine, _self_test) for trouble in find(facts)]
    unread = [f"{one.part.file}: {one.trouble}" for one in collected.values() if one.trouble]
    lines = [
        f"gate-scanner: diagnosis of {_name(facts)}",
        f"made {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(made_ms / 1000))} UTC, clock {_clock(facts)}",
        "",
        "What is wrong, as far as this device can tell",
        *(f"- {trouble}" for trouble in wrong or ["nothing"]),
        "",
        "How it is",
        *(f"- {line}" for line in _state(facts)),
        "",
        "What is in this file",
        *(f"  {one.part.file:<28} {one.part.what}{' (its end only)' if one.cut else ''}" for one in collected.values() if not one.trouble),
        *(["", "What could not be collected", *(f"- {line}" for line in unread)] if unread else []),
        "",
        "What is left out",
        *(f"- {line}" for line in LEFT_OUT),
    ]
    return "\n".join(lines) + "\n"


def _name(facts: Callable[..., Any]) -> str:
    if not facts("enrolment.json", "enrolled"):
        return "a scanner that is not enrolled" if facts("enrolment.json") else "a scanner whose enrolment cannot be read"
    return f"{facts('enrolment.json', 'org')}/{facts('enrolment.json', 'device')}"


def _clock(facts: Callable[..., Any]) -> str:
    """How far the time can be trusted: what the running gate says, who knows more than the kernel does."""
    return facts("processes.json", "firmware", "clock") or facts("clock.json", "state") or "unknown"


def _state(facts: Callable[..., Any]) -> Iterator[str]:
    yield f"gate-scanner {facts('versions.json', 'gate-scanner')}, {facts('versions.json', 'system')}, {facts('versions.json', 'kernel')}"
    yield f"{facts('hardware.json', 'model') or 'no Raspberry Pi'}, {facts('hardware.json', 'temperature_c') or 'unknown'} °C"
    outbox = facts("outbox.json") or {}
    if "waiting" in outbox:
        yield f"{outbox['waiting']} entries wait ({outbox['bytes']} bytes), the oldest for {outbox['oldest_age_s']} s"
        yield f"log {facts('outbox.json', 'head', 'log')} at number {facts('outbox.json', 'head', 'seq')}"
    for name, disk in (facts("resources.json", "disks") or {}).items():
        if "free_bytes" in disk:
            yield f"{name}: {disk['free_bytes'] // 1_000_000} of {disk['bytes'] // 1_000_000} MB free"
    yield f"memory: {(facts('resources.json', 'memory_kb', 'MemAvailable') or 0) // 1000} MB free"


def _units(facts: Callable[..., Any]) -> Iterator[str]:
    units = facts("units.json", "units") or []
    for unit in (unit for unit in units if isinstance(unit, Mapping) and unit.get("Id") in SERVICES):
        if unit.get("ActiveState") != "active":
            yield f"{unit.get('Id')} is {unit.get('ActiveState')} ({unit.get('SubState')}, {unit.get('Result')})"
        if unit.get("NRestarts", "0") not in {"0", ""}:
            yield f"{unit.get('Id')} was restarted {unit['NRestarts']} times"


def _processes(facts: Callable[..., Any]) -> Iterator[str]:
    if facts("processes.json") is None:
        return
    agent, firmware = facts("processes.json", "agent"), facts("processes.json", "firmware")
    if agent is None:
        yield "gate-agent is not running"
    elif not agent.get("connected"):
        yield f"gate-agent is not connected: {agent.get('trouble')}"
    if firmware is None:
        yield "gate-firmware is not running, or does not answer"
        return
    for lane, state in (firmware.get("sources") or {}).items():
        if state == "fault":
            yield f"lane {lane} is away"


def _outbox(facts: Callable[..., Any]) -> Iterator[str]:
    if trouble := facts("outbox.json", "trouble"):
        yield f"outbox: {trouble}"
    aside = [file for found in (facts("files.json") or {}).values() for file in found if "/" not in file.get("name", "/")]
    names = [file["name"] for file in aside if file["name"].startswith(("damaged-", "salvaged-")) or file["name"].endswith(".damaged")]
    if names:
        yield f"set aside after damage: {', '.join(names)}"


def _device(facts: Callable[..., Any]) -> Iterator[str]:
    if trouble := facts("configuration.json", "trouble"):
        yield f"configuration: {trouble}"
    if facts("enrolment.json", "enrolled") is False:
        yield "not enrolled"
    for key in ("signing key", "tls key"):
        if facts("enrolment.json", "enrolled") and (
            facts("enrolment.json", key, "where") == "nowhere" or facts("enrolment.json", key, "trouble")
        ):
            yield f"{key}: {facts('enrolment.json', key, 'trouble') or 'not there'}"
    if trouble := facts("enrolment.json", "keyring", "trouble"):
        yield f"keyring: {trouble}"
    if facts("broker.json", "connects") is False:
        yield f"broker: {facts('broker.json', 'trouble')}"


def _machine(facts: Callable[..., Any]) -> Iterator[str]:
    for name, disk in (facts("resources.json", "disks") or {}).items():
        if disk.get("bytes") and disk["free_bytes"] < disk["bytes"] * _LITTLE_FREE and not disk["read_only"]:
            yield f"{name}: {disk['free_bytes'] // 1_000_000} MB are free"
    state: Mapping[str, Any] = next(iter((facts("resources.json", "disks") or {}).values()), {})
    if state.get("read_only"):
        yield "the disk of the state folder is read-only"
    throttled = facts("hardware.json", "throttled")
    if throttled and (throttled["now"] or throttled["since boot"]):
        yield f"power and heat: now {', '.join(throttled['now']) or 'well'}; since boot {', '.join(throttled['since boot']) or 'well'}"
    if (facts("hardware.json", "temperature_c") or 0.0) >= _HOT_C:
        yield f"{facts('hardware.json', 'temperature_c')} °C"
    if _clock(facts) == "unknown":
        yield "nobody has set the clock"


def _self_test(facts: Callable[..., Any]) -> Iterator[str]:
    for finding in facts(CHECK_FILE, "findings") or []:
        if finding.get("verdict") == "fault":
            yield f"self-test, when it was last run: {finding.get('part')}: {finding.get('detail')}"
