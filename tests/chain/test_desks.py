"""An operator's desk away from the province: it commands its own organisation's scanners, as far as its keys go, until it is revoked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from chain_world import WAIT_S, Chain, Process, chain
from province_world import cli, json_lines, scanner

from edge_agent.device.control import ask_counters
from edge_agent.link.broker_link import Disconnected, Message
from edge_agent.wire.authority import Power
from edge_agent.wire.command import Action
from edge_agent.wire.topics import DeviceName, Leaf
from province.base.clock import now_ms
from province.base.errors import ProvinceError
from province.base.layout import Layout
from province.commands import desk, issuing, seat
from province.commands.operating import at_the_broker
from province.demo.synthetic import synthetic_people
from province.keys import officers
from province.records import audit
from province.store import database
from province.trust.broker_config import rules

PEOPLE = synthetic_people(1, seed=12)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Chain]:
    with chain(tmp_path) as made:
        made.gate.config.write_text(made.gate.config.read_text().replace("[agent]\n", "[agent]\ntelemetry_s = 5\n"))
        scanner(made.layout, tmp_path, "gate-9", "market-co")
        made.broker.start()
        made.collect()
        made.gate.agent.start()
        made.gate.open()
        made.gate.pass_by(PEOPLE)
        made.wait_until_receipted()
        yield made


def furnished(world: Chain, name: str = "an", *powers: str) -> Path:
    """A desk, carried away from the province."""
    out = world.folder / f"desk of {name}"
    words = ("--org", "bus-co", "--power", *(powers or ("identify", "configure")), "--out", out)
    done = cli("operator", "add", world.layout.root, name, *words)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in out.rglob("*.key") if path.stat().st_mode & 0o077] == []
    return out


def order(folder: Path, *words: str) -> tuple[CompletedProcess[str], list[dict[str, Any]]]:
    done = cli("command", words[0], folder, "bus-co/gate-1", "--yes", "--json", "--wait", WAIT_S, *words[1:])
    return done, json_lines(done.stdout)


def entered(world: Chain) -> list[tuple[str, str]]:
    with closing(database.connect(world.layout.register)) as register:
        return [(line.officer, line.reason) for line in audit.lines(register)]


def test_a_desk_closes_and_sets_its_own_gate_and_the_province_sees_it(world: Chain) -> None:
    watch = Process(world.folder / "watch.log", "province", "watch", str(world.layout.root))
    world.stack.callback(watch.end)
    watch.start()
    watch.wait_until_logged("connected to the broker")
    folder = furnished(world)
    done, told = order(folder, "close", "--reason", "flood")
    assert (done.returncode, [each["state"] for each in told]) == (0, ["accepted", "running", "successful"]), done.stderr
    assert (ask_counters(world.gate.runtime) or {})["gate"] == "closed"
    assert order(folder, "again")[1][-1]["state"] == "successful"
    wanted = world.folder / "wanted.toml"
    wanted.write_text("[gate]\nheld_s = 2.0\n")
    configured = cli("config", "set", folder, wanted, "bus-co/gate-1", "--json", "--wait", WAIT_S)
    assert (configured.returncode, json_lines(configured.stdout)[-1]["state"]) == (0, "applied"), configured.stderr
    watch.until(lambda: len(entered(world)) >= 2, "both lines")
    watch.end()
    watch.start()  # the configuration is retained, and comes again
    watch.wait_until_logged("connected to the broker")
    assert entered(world) == [("an", "bus-co/gate-1: close (from a desk)"), ("an", "bus-co/gate-1: config set (from a desk)")]
    assert "bus-co/gate-1: close (flood)" in (folder / "commands" / "orders.log").read_text()


def test_a_desk_orders_nothing_beyond_its_organisation_and_powers(world: Chain) -> None:
    folder = furnished(world, "binh.2", "identify")
    assert order(folder, "identify")[0].returncode == 0
    assert "the key for configure is missing" in order(folder, "open")[0].stderr
    assert "sealed to the province" in order(folder, "diagnostics")[0].stderr
    for other in ("market-co/gate-9", "bus-co/gate-7"):
        refused = cli("command", "identify", folder, other)
        assert (refused.returncode, "not of bus-co" in refused.stderr or "scanners.json" in refused.stderr) == (2, True), refused.stderr
    assert json_lines(cli("operator", "list", world.layout.root, "--json").stdout)[0]["powers"] == ["identify"]
    shutil.copy(folder / "officers" / "identify.key", folder / "officers" / "configure.key")  # as if nobody checked at the desk
    with pytest.raises(ProvinceError):
        officers.load_officer(Layout(folder), Power.CONFIGURE)


def test_a_revoked_desk_is_put_out_and_its_keys_are_refused_by_broker_and_scanner(world: Chain) -> None:
    folder = furnished(world)
    assert order(folder, "identify")[0].returncode == 0
    with seat.taken(folder, None) as here, at_the_broker(here.layout, here.address, [], user=here.user) as at:
        revoked = cli("operator", "revoke", world.layout.root, "an")
        assert revoked.returncode == 0, revoked.stderr
        while not isinstance(at.events.get(timeout=WAIT_S), Disconnected):
            pass  # it is put out of the session that it has open
        assert "user province/operator/an" not in world.layout.broker_rules.read_text()
    done, told = order(folder, "identify")
    assert (done.returncode, told) == (1, [])
    assert "does not accept our certificate" in done.stderr
    world.gate.agent.wait_until_logged("keyring 2 in use")
    with seat.taken(folder, None) as here:  # somebody at the broker helps it along
        times = now_ms(), now_ms() + 60_000
        message = issuing.sign(here.layout, here.scanners, DeviceName("bus-co", "gate-1"), Action.IDENTIFY, (), times).message
    with seat.taken(world.layout.root, None) as here, at_the_broker(here.layout, here.address, [], user=here.user) as at:
        at.send(Message(DeviceName("bus-co", "gate-1").topic(Leaf.COMMANDS), message))
    world.gate.agent.wait_until_logged("refused, number 1 as revoked")
    assert cli("operator", "revoke", world.layout.root, "an").returncode == 0  # again: harmless
    renewed = cli("operator", "renew", world.layout.root, "an", "--out", world.folder / "another")
    assert renewed.returncode == 0, renewed.stderr
    assert order(world.folder / "another", "identify")[0].returncode == 0
    assert desk.is_one(folder)
    assert rules() != world.layout.broker_rules.read_text()
