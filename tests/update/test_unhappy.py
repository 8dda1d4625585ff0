"""What goes wrong with an update, through the real chain: people pass, a version that works runs, and every entry arrives."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tcp_proxy import TcpProxy
from tcp_pump import Act, Way
from update_world import BLIND, NAME, UpdateWorld, update_world

from edge_agent.update.slots import slot_of
from edge_agent.wire.release import PIECE_BYTES, identity_of
from firmware.person_codes import Person
from province.demo.synthetic import synthetic_people

PEOPLE = iter(synthetic_people(60, seed=80))
PASSED: list[Person] = []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdateWorld]:
    with update_world(tmp_path_factory.mktemp("update")) as made:
        yield made
        made.machine.until(lambda: not made.chain.gate.waiting(), "an empty outbox")
        assert made.chain.passages_of(PASSED) == [1] * len(PASSED)  # before, during and after all of it
        (log,) = made.chain.logs()
        assert not log.gaps
        assert not log.forks


@pytest.fixture(autouse=True)
def _people_pass(world: UpdateWorld) -> Iterator[None]:
    pass_by(world)
    yield
    pass_by(world)


def pass_by(world: UpdateWorld) -> None:
    person = next(PEOPLE)
    assert world.machine.present(person) == "accepted"
    PASSED.append(person)


def stays(world: UpdateWorld, told: dict[str, Any], reason: str, before: str) -> None:
    """The version before runs, and the operator is told why."""
    assert (told["state"], told["reason"]) == ("failed", reason), f"{told} {world.machine.log()}"
    world.machine.until(lambda: world.machine.software() == before, "the version before")
    assert world.machine.of.trial() is None


def test_a_lane_that_does_not_read_any_more_takes_it_back(world: UpdateWorld) -> None:
    before = world.machine.software()
    stays(world, world.order(world.release("8.1.0", BLIND, within_s=15)), "unwell", before)


def test_a_list_that_somebody_else_signed_is_refused(world: UpdateWorld) -> None:
    before, layout = world.machine.software(), world.chain.layout
    release = world.release("8.2.0")
    file = layout.releases / f"{release}.release"
    forged = bytearray(file.read_bytes())
    forged[-1] ^= 1
    other = identity_of(bytes(forged))
    (layout.releases / f"{other}.release").write_bytes(bytes(forged))
    stays(world, world.order(other), "bad-signature", before)


def test_a_release_that_is_not_there_is_told(world: UpdateWorld) -> None:
    stays(world, world.order("ab" * 32), "not-there", world.machine.software())


def test_an_address_that_is_none_is_told(world: UpdateWorld) -> None:
    stays(world, world.order("ab" * 32, "http://127.0.0.1/"), "bad-address", world.machine.software())


def test_a_line_that_breaks_again_and_again_brings_it_in_the_end(world: UpdateWorld) -> None:
    release = world.release("8.3.0")
    with TcpProxy(world.port) as line:
        line.trap(Way.DOWN, 3 * PIECE_BYTES, Act.CLOSE)  # of each connection
        told = world.order(release, f"https://127.0.0.1:{line.port}/")
        assert line.seen.connects >= 4  # its list, and three for seven pieces
    assert told["state"] == "successful", world.machine.log()
    assert world.machine.software() == "8.3.0"


def test_a_part_that_the_server_spoils_is_never_kept(world: UpdateWorld) -> None:
    """The server lies at first, and is mended while the scanner asks again."""
    release = world.release("8.4.0")
    parts = world.chain.layout.releases / "parts"
    newest = max(parts.iterdir(), key=lambda file: file.stat().st_mtime)
    whole = newest.read_bytes()
    newest.write_bytes(whole[:200_000])  # truncated
    timers = [threading.Timer(4.0, lambda: newest.write_bytes(bytes(len(whole)))), threading.Timer(9.0, lambda: newest.write_bytes(whole))]
    for timer in timers:
        timer.start()
    told = world.order(release)
    assert told["state"] == "successful", world.machine.log()
    assert world.machine.software() == "8.4.0"


def test_a_full_disk_is_told_and_nothing_changes(world: UpdateWorld) -> None:
    machine, before = world.machine, world.machine.software()
    name = machine.of.current()
    assert name is not None
    release = world.release("8.5.0")
    mount = ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(machine.slots_folder)]
    kept = machine.folder / "kept"
    subprocess.run(["cp", "-a", str(machine.slots_folder), str(kept)], check=True)
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs root")
    try:
        subprocess.run(["cp", "-a", f"{kept}/current", str(machine.slots_folder)], check=True)
        (machine.slots_folder / name).symlink_to(kept / name)
        stays(world, world.order(release), "no-room", before)
        assert machine.of.current() == name
    finally:
        subprocess.run(["umount", "--lazy", str(machine.slots_folder)], check=True)


CUTS: dict[str, Callable[[UpdateWorld, str], object]] = {
    "accepted": lambda world, _slot: accepted(world) > world.accepted,
    "fetching": lambda world, _slot: any((world.chain.gate.state / "update").glob("parts/*.part")),
    "asked": lambda world, _slot: (world.chain.gate.state / "update" / "release.cose").exists(),
    "installing": lambda world, slot: (world.machine.slots_folder / slot / "wheels").exists(),
    "filling": lambda world, slot: (world.machine.slots_folder / slot / "bin").exists(),
    "on trial": lambda world, _slot: world.machine.of.trial() is not None,
    "started": lambda world, _slot: (world.machine.slots_folder / "starts").exists(),
    "judged": lambda world, slot: world.machine.software() == f"9.0.{list(CUTS).index('judged')}" and slot,
    "good": lambda world, slot: world.machine.of.current() == slot,
}


def accepted(world: UpdateWorld) -> int:
    """How many updates the agent has said it has accepted."""
    return (world.machine.folder / "gate-agent.log").read_text(errors="replace").count("update accepted")


@pytest.mark.parametrize("when", CUTS)
def test_the_power_goes_and_it_comes_to_its_end_all_the_same(world: UpdateWorld, when: str) -> None:
    version = f"9.0.{list(CUTS).index(when)}"
    machine, release = world.machine, world.release(version, well_s=3)
    slot = slot_of(release)
    world.accepted = accepted(world)
    told: dict[str, Any] = {}
    with TcpProxy(world.port) as line:
        if when == "fetching":
            line.slow(bytes_per_s=200_000)  # or it is over before anybody looks
        address = f"https://127.0.0.1:{line.port}/"
        ordering = threading.Thread(target=lambda: told.update(world.order(release, address)))
        ordering.start()
        machine.until(lambda: CUTS[when](world, slot), when)
        machine.power_off()
        for file in world.chain.gate.runtime.glob("*"):  # memory
            file.unlink()
        machine.power_on()
        pass_by(world)  # on whichever version: it works
        line.heal()
        ordering.join(200)
    assert told.get("state") == "successful", f"{NAME} {told} {machine.log()}"
    assert (machine.software(), machine.of.current(), machine.of.trial()) == (version, slot, None)
