"""`gate-agent status`: how this scanner is: enrolment, outbox, connection, firmware's counters."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_agent.base.console import print_json, print_line
from edge_agent.device import check_file, settings_file
from edge_agent.device import identity as identities
from edge_agent.device import settings as settings_of
from edge_agent.device.control import NOT_ENROLLED, ask_counters
from edge_agent.device.settings import Settings
from edge_agent.health.status_file import agent_of
from edge_agent.store.outbox_view import outbox_of

log = logging.getLogger(__name__)


def self_test_of(state: Path) -> dict[str, Any] | None:
    """What the self-test of the first start found: how many parts, and those at fault; None where there is no result.

    Its scope is `parts` while nothing was tested that needs an identity, else `whole`.
    """
    try:
        with (state / check_file.FILE_NAME).open("rb") as file:
            result = json.loads(file.read(check_file.MOST_BYTES))
        findings = [{key: str(one[key]) for key in ("part", "verdict", "detail", "todo")} for one in result["findings"]]
        scope = str(result.get("scope", "whole"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    faults = [{key: one[key] for key in ("part", "detail", "todo")} for one in findings if one["verdict"] == "fault"]
    return {"scope": scope, "parts": len(findings), "faults": faults}


def collect(settings: Settings) -> dict[str, Any]:
    """Everything the command shows."""
    enrolled, enrolment_trouble = None, ""
    try:
        enrolled = str(identities.load(settings.device.state).name)
    except identities.KeyNotGiven as error:  # the services have it
        enrolled, enrolment_trouble = str(identities.enrolled_as(settings.device.state)), str(error)
    except (identities.NotEnrolled, identities.BadIdentity) as error:
        enrolment_trouble = str(error)
    return {
        "device": enrolled,
        "enrolment_trouble": enrolment_trouble,
        "self_test": self_test_of(settings.device.state),
        "outbox": outbox_of(settings.device.state),
        "agent": agent_of(settings.device.runtime),
        "firmware": ask_counters(settings.device.runtime),
    }


def _lines(status: dict[str, Any]) -> list[str]:
    outbox, agent, firmware = status["outbox"], status["agent"], status["firmware"]
    told = [text for text in (status["device"], status["enrolment_trouble"]) if text]
    lines = [f"{title:<10}{text}" for title, text in zip(("device", ""), told, strict=False)]
    lines.extend(_self_test_lines(status["self_test"]))
    if "trouble" in outbox:
        lines.append(f"outbox    {outbox['trouble']}")
    else:
        lines.append(f"outbox    {outbox['waiting']} waiting ({outbox['bytes']} bytes), oldest {outbox['oldest_age_s']} s")
        lines.append(f"log       {outbox['head']['log']} at number {outbox['head']['seq']}")
    if agent is None:
        lines.append("agent     not running: start it with `gate-agent run`")
    else:
        lines.append(f"agent     {'connected' if agent['connected'] else agent['trouble']}")
        lines.extend(f"          {name} {count}" for name, count in sorted(agent["counters"].items()))
    if firmware is None:
        lines.append("firmware  not running: start it with `gate-firmware run`")
    else:
        waits = firmware.get("gate") == NOT_ENROLLED
        how = "not enrolled: waiting for a ticket" if waits else f"clock {firmware.get('clock')}, gate {firmware.get('gate')}"
        lines.append(f"firmware  running, {how}")
        if "presence" in firmware:
            lines.append("presence  " + ", ".join(f"{name} {count}" for name, count in firmware.get("presence", {}).items()))
        lines.extend(f"          {name} {count}" for name, count in sorted(firmware.get("answers", {}).items()))
        lines.extend(f"          lane {name}: {state}" for name, state in sorted(firmware.get("sources", {}).items()))
    return lines


def _self_test_lines(self_test: dict[str, Any] | None) -> Iterator[str]:
    if self_test is None:
        return
    faults = self_test["faults"]
    rest = "; what needs an identity is tested when it has joined" if self_test["scope"] == "parts" else ""
    yield f"self-test {self_test['parts']} parts at the first start, {len(faults)} at fault{rest}"
    yield from (f"          {one['part']}: {one['detail']} → {one['todo']}" for one in faults)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = subparsers.add_parser("status", help="show how this scanner is", description=__doc__)
    parser.add_argument("--config", type=Path, default=settings_of.DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object, for machines")


def run(args: argparse.Namespace) -> int:
    """Shows the status; 0 when both processes run and the device is enrolled, 1 otherwise, 2 for a configuration error."""
    settings = settings_file.load(args.config)
    status = collect(settings)
    if args.json:
        print_json(status)
    else:
        for line in _lines(status):
            print_line(line)
    well = status["device"] and status["agent"] and status["agent"]["connected"] and status["firmware"]
    return 0 if well else 1
