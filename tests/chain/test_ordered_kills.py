"""The agent dies by SIGKILL in the middle of a long order, in the real chain: its end is told after all, and the scanner works on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chain_world import WAIT_S, Chain
from province_world import cli, json_lines
from test_ordered import order, states, world

from edge_agent.commands.config_keeper import ConfigKeeper
from edge_agent.device import known_time, overlay
from edge_agent.device.device_keys import load
from edge_agent.device.identity import FOLDER, TLS_CERTIFICATE

__all__ = ["world"]  # the fixture


def killed_once(chain: Chain, ordering: Callable[[], list[dict[str, Any]]], happened: Callable[[], object]) -> list[dict[str, Any]]:
    """What is told of an order whose agent is killed as soon as something has happened, and started again."""
    told: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: told.extend(ordering()))
    waiting.start()
    chain.gate.agent.until(happened, "the moment to be killed")
    chain.gate.agent.end(signal.SIGKILL)
    chain.gate.agent.start()
    waiting.join(3 * WAIT_S)
    return told


def on_trial(chain: Chain) -> bool:
    gate = chain.gate
    return ConfigKeeper(gate.config, gate.state, gate.runtime, lambda: True, lambda _said: None).on_trial()


def test_keys_half_exchanged_are_told_as_cut_short_and_the_old_pair_goes_on(world: Chain) -> None:
    folder: Path = world.gate.state / FOLDER
    told = killed_once(world, lambda: order(world, "rotate-keys")[1], (folder / "tls.coming.key").exists)  # nobody certifies: no `admit`
    assert (states(told), told[-1]["reason"]) == (["accepted", "running", "failed"], "cut-short")
    certificate = known_time.read_certificate(folder / TLS_CERTIFICATE)
    assert certificate is not None
    assert certificate.public_key() == load(world.gate.state).tls.public_key()
    assert not (folder / "tls.coming.key").exists()
    assert order(world, "identify")[0].returncode == 0


@pytest.mark.parametrize("by", ["config", "command"])
def test_a_configuration_on_trial_is_tried_on_and_its_end_is_told(world: Chain, by: str) -> None:
    wanted = world.folder / "wanted.toml"
    wanted.write_text('[[lane]]\nname = "in"\ndirection = "out"\n')

    def configured() -> list[dict[str, Any]]:
        return json_lines(cli("config", "set", world.layout.root, wanted, "bus-co/gate-1", "--json", "--wait", WAIT_S).stdout)

    def turned() -> list[dict[str, Any]]:
        return order(world, "set-direction", "--lane", "in", "--direction", "out")[1]

    told = killed_once(world, configured if by == "config" else turned, lambda: on_trial(world))
    assert told[-1]["state"] == ("applied" if by == "config" else "successful")
    assert overlay.in_force(world.gate.state) == {"lane": [{"name": "in", "direction": "out"}]}
