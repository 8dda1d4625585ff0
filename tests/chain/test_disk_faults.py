"""A disk that fails under the running gate and the running agent: red while it lasts, and nothing is lost, doubled or restarted by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from chain_world import ANSWERS, WAIT_S, Chain, chain
from failing_disk import failing
from system_calls import can_trace

from firmware.person_codes import Person, write_person
from province.demo.synthetic import synthetic_people

pytestmark = pytest.mark.skipif(not can_trace(), reason="this machine does not let a process be traced")
WRITES, SYNCS = ("write", "pwrite64", "ftruncate"), ("fsync", "fdatasync")
FAULTS = [
    ("EIO", SYNCS, "fault"),
    ("EIO", WRITES, "fault"),
    ("ENOSPC", WRITES, "full"),
    ("EROFS", (*WRITES, "openat", "rename", "mkdir"), "fault"),
]


def files(world: Chain) -> list[Path]:
    state = world.gate.state
    names = ("outbox.sqlite", "outbox.sqlite-wal", "outbox.sqlite-shm", "documents.json", "documents.json.new")
    return [state, *(state / name for name in names)]


def shown(world: Chain, person: Person) -> list[str]:
    """Holds a code to the reader; what the gate shows up to its answer."""
    world.gate.port.send(write_person(person).encode() + b"\r\n")
    words: list[str] = []
    while not words or words[-1] not in ANSWERS:
        words.append(world.gate.firmware.lines.get(timeout=WAIT_S).rsplit(" ", 1)[-1])
    return words


def test_nobody_sees_green_while_the_disk_fails_and_the_gate_goes_on_when_it_is_well(tmp_path: Path) -> None:
    people = iter(synthetic_people(60, seed=41))
    green, refused = [], []
    with chain(tmp_path) as world:
        world.gate.open()
        world.broker.start()
        world.collect()
        world.gate.agent.start()
        firmware, agent = world.gate.firmware.pid, world.gate.agent.pid
        for error, calls, light in FAULTS:
            green += [next(people) for _ in range(3)]
            world.gate.pass_by(green[-3:])
            with failing(firmware, files(world), calls, error):
                refused.append(next(people))
                words = shown(world, refused[-1])
                assert words[-1] == "refused", (error, calls, words)
                assert light in words, (error, calls, words)
            world.gate.await_line("ready")
        with failing(agent, files(world), (*WRITES, *SYNCS), "EIO"):
            green += [next(people) for _ in range(3)]
            world.gate.pass_by(green[-3:])
        with failing(agent, files(world), ("pread64",), "EIO", "1"):  # to SQLite that is damage: the gate sets the file aside
            person = next(people)
            while world.gate.present(person) != "accepted":
                refused.append(person)
                person = next(people)
            green.append(person)
        world.wait_until_receipted()
        assert (world.gate.firmware.pid, world.gate.agent.pid) == (firmware, agent)
        assert world.gate.firmware.runs()
        assert world.gate.agent.runs()
        assert world.passages_of(green) == [1] * len(green)
        assert all(count <= 1 for count in world.passages_of(refused))
        assert not world.alerts(), "no number was used twice"
        said = world.gate.firmware.log() + world.gate.agent.log()
        assert "Traceback" not in said
        assert "unexpected" not in said
        for person in green + refused:
            assert person.name not in said
            assert person.id_number not in said
