"""A gate's health, from its processes through the broker to the province's desk: all of them real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL

from chain_world import Chain, Process, chain

from province.demo.synthetic import synthetic_people
from province.watch.fleet_rules import Seen, Trouble
from province.watch.fleet_store import FleetStore


def seen_when(world: Chain, watch: Process, ready: Callable[[Seen, set[Trouble]], object]) -> Seen:
    """The gate as the desk sees it, once it is so."""
    with FleetStore(world.layout.fleet_store) as store:
        found: list[Seen] = []

        def is_so() -> object:
            found[:] = store.devices("bus-co")
            return found and ready(found[0], {alert.trouble for alert in store.alerts("bus-co")})

        watch.until(is_so, "that state")
        assert store.refused(None) == []
    return found[0]


def test_a_desk_sees_how_a_gate_is(tmp_path: Path) -> None:
    people = synthetic_people(2, seed=8)
    with chain(tmp_path) as world:
        world.gate.config.write_text(world.gate.config.read_text().replace("[agent]\n", "[agent]\ntelemetry_s = 5\nkeepalive_s = 5\n"))
        watch = Process(tmp_path / "watch.log", "province", "watch", str(world.layout.root))
        world.stack.callback(watch.end)
        world.broker.start()
        world.collect()
        watch.start()
        watch.wait_until_logged("connected to the broker")
        world.gate.open()
        world.gate.agent.start()
        world.gate.pass_by(people)
        world.wait_until_receipted()
        well = seen_when(world, watch, lambda seen, found: seen.telemetry and seen.telemetry.answers.get("accepted") == 2 and not found)
        assert well.telemetry is not None
        assert (well.telemetry.gate, well.telemetry.sources["in"].state) == ("open", "working")
        assert well.head is not None
        assert well.head.seq >= 2, "signed by the key of its entries, and believed"
        told = str(well.telemetry)
        assert not any(secret in told for person in people for secret in (person.id_number, person.name))
        world.gate.agent.end(SIGKILL)
        lost = seen_when(world, watch, lambda _seen, found: found == {Trouble.OFFLINE})
        assert lost.status is not None
        assert lost.status.reason == "lost"
