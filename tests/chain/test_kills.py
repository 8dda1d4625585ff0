"""Whatever is killed, and whoever is away: every green answer is in the register, once."""

from __future__ import annotations

import random
import signal
import threading
from pathlib import Path

import pytest
from chain_world import Chain, chain

from firmware.person_codes import Person
from province.demo.synthetic import synthetic_people

PARTS = ("firmware", "agent", "collector", "broker")


def kill(world: Chain, part: str) -> None:
    match part:
        case "firmware":
            world.gate.firmware.end(signal.SIGKILL)
        case "agent":
            world.gate.agent.end(signal.SIGKILL)
        case "collector":
            world.stop_collecting(signal.SIGKILL)
        case "broker":
            world.broker.stop(signal.SIGKILL)


def start(world: Chain, part: str) -> None:
    match part:
        case "firmware":
            world.gate.open()
        case "agent":
            world.gate.agent.start()
        case "collector":
            world.collect()
        case "broker":
            world.broker.start()


def present_until_green(world: Chain, person: Person, victim: str | None, delay_s: float) -> int:
    """Lets a person try until the light is green while a part is killed; returns how often they had to try."""
    killer = threading.Timer(delay_s, kill, (world, victim)) if victim is not None else None
    if killer is not None:
        killer.start()
    tries = 0
    answer = None
    while answer is None:
        tries += 1
        answer = world.gate.present(person)
        if answer is None and killer is not None:
            killer.join()
            start(world, "firmware")
    if killer is not None:
        killer.join()
        if victim == "firmware" and not world.gate.firmware.runs():
            start(world, "firmware")
    assert answer in {"accepted", "already"}
    return tries


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    people = synthetic_people(40, seed=seed)
    tries: list[int] = []
    with chain(tmp_path) as world:
        for part in ("broker", "collector", "firmware", "agent"):
            start(world, part)
        down: str | None = None
        for place, person in enumerate(people):
            if down is not None:
                start(world, down)
                down = None
            victim = PARTS[place // 2 % 4] if place % 2 else None
            tries.append(present_until_green(world, person, victim, chance.uniform(0.0, 0.03)))
            down = victim if victim != "firmware" else None
        if down is not None:
            start(world, down)
        world.wait_until_receipted()
        greens = world.gate.greens
        assert len(greens) >= len(people) // 2  # what was told between the kills
        assert world.times_registered(greens) == [1] * len(greens)
        counts = world.passages_of(people)
        assert all(1 <= count <= tried for count, tried in zip(counts, tries, strict=True)), (counts, tries)
        assert world.count_passages() == sum(counts)
        assert [(state.gaps, state.forks) for state in world.logs()] == [((), 0)]
        assert world.alerts() == []


@pytest.mark.parametrize("away", ["broker", "collector"])
def test_away_for_the_whole_time_and_back(tmp_path: Path, away: str) -> None:
    people = synthetic_people(25, seed=7)
    with chain(tmp_path) as world:
        for part in ("broker", "collector", "firmware", "agent"):
            if part != away:
                start(world, part)
        world.gate.pass_by(people)
        assert world.gate.waiting() >= len(people)
        start(world, away)
        world.wait_until_receipted()
        assert world.passages_of(people) == [1] * len(people)
        assert world.count_passages() == len(people)


def test_a_clean_stop_closes_the_log_and_exits_with_0(tmp_path: Path) -> None:
    with chain(tmp_path) as world:
        start(world, "firmware")
        start(world, "broker")
        start(world, "collector")
        start(world, "agent")
        world.gate.pass_by(synthetic_people(2, seed=3))
        assert world.gate.firmware.end() == 0
        world.wait_until_receipted()
        assert world.gate.agent.end() == 0
        assert [state.count for state in world.logs()] == [4]  # boot, two passages, close
