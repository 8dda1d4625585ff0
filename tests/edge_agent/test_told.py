"""What people are told when joining, moving or resetting does not come about: the reason, and what to do."""

from __future__ import annotations

from pathlib import Path

import agent_shell
import pytest
from agent_shell import gate_agent
from real_broker import Config, free_port
from sealed_examples import DEVICE, TO_MS

from edge_agent.device.control import Tried
from edge_agent.enrolment import join
from edge_agent.wire import ticket
from edge_agent.wire.ticket import Ticket

settings = agent_shell.settings


def unreachable() -> tuple[str, str]:
    """A ticket to a door that is not there, and that door."""
    port = free_port()
    return ticket.issue(Ticket(bytes(32), "127.0.0.1", port, TO_MS, bytes(16)), DEVICE), f"127.0.0.1:{port}"


def test_whoever_waits_no_longer_says_for_what(tmp_path: Path) -> None:
    text, door = unreachable()
    said: list[str] = []
    with pytest.raises(join.GivenUp) as given_up:
        join.until_answered(text, tmp_path / "state", lambda _seconds: True, said.append)
    assert f"the province's door {door}: Connection refused: check the network" in str(given_up.value)
    assert "trying again" not in str(given_up.value)
    assert join.what_came(given_up.value) is Tried.NOT_REACHED
    assert len(said) == 1
    assert said[0].endswith("; trying again")


@pytest.mark.parametrize("words", [("enrol", "--ticket", unreachable()[0]), ("reset",)])
def test_a_refusal_of_our_own_is_told_whole(settings: Config, words: tuple[str, ...]) -> None:
    (settings.state / "firmware.lock").mkdir(parents=True)
    done = gate_agent(*words, "--config", settings.file)
    assert done.returncode == 1
    assert f"{settings.state / 'firmware.lock'}: cannot be written (Is a directory): check the disk" in done.stderr
    assert "None" not in done.stderr
