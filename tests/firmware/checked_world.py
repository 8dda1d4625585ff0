"""A gate for the self-test: enrolled, with a broker's certificate, and `gate-firmware check` as a machine asks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gate_world import Enrolled, add_test_drivers
from real_broker import Authority, free_port

from edge_agent.base.disk import write_private
from edge_agent.device import identity
from edge_agent.device.documents import Documents
from edge_agent.device.identity import BROKER_CA, TLS_CERTIFICATE, TLS_KEY
from firmware import state_checks
from firmware.__main__ import main
from firmware.disk_checks import check_disk

Answer = tuple[int, dict[str, dict[str, Any]]]
AUTHORITY = Authority()


def certify(enrolled: Enrolled, authority: Authority, port: int, host: str = "127.0.0.1", common_name: str = "cho-lon/gate-1") -> None:
    """Gives a device what enrolment would: a TLS key, its certificate and where the broker is."""
    folder = enrolled.state / identity.FOLDER
    key, certificate = authority.issue(common_name)
    for name, text in ((TLS_KEY, key), (TLS_CERTIFICATE, certificate), (BROKER_CA, authority.certificate)):
        write_private(folder / name, text.encode())
    with closing(Documents(enrolled.state)) as documents:
        document = documents.get(identity.ENROLMENT)
        assert document is not None
        documents.put(identity.ENROLMENT, {**document, "host": host, "port": port})


@pytest.fixture
def enrolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Enrolled:
    add_test_drivers(monkeypatch)
    mounts = tmp_path / "mountinfo"  # the tests may run in memory, where a gate must not
    mounts.write_text("22 1 254:0 / / rw - ext4 /dev/root rw\n")
    monkeypatch.setattr(state_checks, "check_disk", partial(check_disk, mountinfo=mounts))
    enrolled = Enrolled(tmp_path / "state", tmp_path / "run")
    certify(enrolled, AUTHORITY, free_port())
    return enrolled


def check(config: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Answer:
    """The exit code, and what was found by part; each finding must be whole."""
    exit_code = main(["check", "--config", str(config), "--json", *options])
    findings = json.loads(capsys.readouterr().out)
    assert all(set(finding) == {"part", "verdict", "detail", "todo"} for finding in findings)
    assert all(bool(finding["todo"]) == (finding["verdict"] in {"fault", "note"}) for finding in findings)
    assert len({finding["part"] for finding in findings}) == len(findings) or findings[0]["part"] == "configuration"
    return exit_code, {finding["part"]: finding for finding in findings}


def verdicts(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {part: finding["verdict"] for part, finding in found.items()}


def someone(act: Callable[[], object]) -> tuple[list[str], Callable[[str], None]]:
    """A person at the gate, who does something when asked; and what they were asked."""
    asked: list[str] = []

    def prompt(words: str) -> None:
        asked.append(words)
        act()

    return asked, prompt
