"""How a rollout goes, decided from its file alone: who comes first, when it goes on, when it halts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.wire.topics import DeviceName
from province.base.layout import Layout
from province.release import rollout
from province.release.rollout import Came, Phase, Rollout, Rules

RELEASE = "ab" * 32
ORG = [DeviceName("bus-co", f"xe-{number}") for number in range(400)]


def begun(count: int = 400, rules: Rules | None = None, release: str = RELEASE) -> Rollout:
    return rollout.begun((release, "1.2.0"), ORG[:count], "bus-co", "https://x:1/", rules or Rules(soak_s=600), 0)


@dataclass
class Fleet:
    """Scanners that answer as a test says."""

    going: Rollout
    fails: set[str] = field(default_factory=set)
    away: set[str] = field(default_factory=set)
    now_ms: int = 1
    ordered: list[str] = field(default_factory=list)

    def step(self) -> None:
        """Orders whom it is due, hears all of them, decides; ten minutes pass."""
        for name in rollout.due(self.going):
            self.ordered.append(name)
            one = self.going.ones[name]
            one.came, one.counter, one.at_ms = Came.ORDERED, len(self.ordered), self.now_ms
        for name in rollout.outstanding(self.going):
            state = "failed" if name in self.fails else "successful"
            if name not in self.away:
                rollout.note(self.going, name, self.going.ones[name].counter, state, "unwell" if state == "failed" else "", "", self.now_ms)
        rollout.give_up(self.going, self.now_ms - 86_400_000, self.now_ms)
        rollout.judge(self.going, self.now_ms)
        self.now_ms += 600_000

    def run(self) -> Rollout:
        for _ in range(1000):
            if self.going.phase is not Phase.RUNNING:
                return self.going
            self.step()
        raise AssertionError("it never ends")


def test_it_reaches_everybody_a_few_first() -> None:
    fleet = Fleet(begun())
    fleet.step()
    assert len(fleet.ordered) == 4  # 1 % of 400
    sizes = set()
    while fleet.going.phase is Phase.RUNNING:
        sizes.add(len(fleet.ordered))
        fleet.step()
    assert sizes == {4, 40, 200, 400}
    assert fleet.going.phase is Phase.DONE
    assert sorted(fleet.ordered) == sorted(map(str, ORG))


def test_the_next_stage_waits_until_the_one_before_was_well_for_long_enough() -> None:
    fleet = Fleet(begun(rules=Rules(soak_s=3600)))
    for _ in range(6):
        fleet.step()
        assert len(fleet.ordered) == 4
    fleet.step()
    fleet.step()
    assert len(fleet.ordered) == 40


def test_who_comes_first_is_the_same_each_time_and_another_with_another_release() -> None:
    assert begun().names == begun().names != begun(release="cd" * 32).names


def test_the_first_failure_of_a_small_stage_halts_it_and_nobody_else_is_ordered() -> None:
    going = begun()
    fleet = Fleet(going, fails={going.names[2]})
    assert fleet.run().phase is Phase.HALTED
    assert len(fleet.ordered) == 4
    assert going.names[2] in going.why
    assert rollout.due(going) == []


def test_of_many_a_few_may_fail() -> None:
    going = begun()
    fleet = Fleet(going, fails=set(going.names[100:110]))  # 10 of 200 are 5 %
    assert fleet.run().phase is Phase.DONE
    assert going.counts() == {Came.UPDATED: 390, Came.FAILED: 10}


def test_those_that_are_away_halt_it_only_when_too_few_are_left() -> None:
    going = begun(100)
    fleet = Fleet(going, away=set(going.names[40:48]))
    assert fleet.run().phase is Phase.DONE
    going = begun(100)
    fleet = Fleet(going, away=set(going.names[1:9]))
    assert fleet.run().phase is Phase.HALTED
    assert "reached" in going.why


def test_one_that_is_unwell_afterwards_halts_it_too() -> None:
    going = begun()
    fleet = Fleet(going)
    fleet.step()
    rollout.note_unwell(going, {going.names[0]: "source: in: does not work", going.names[300]: "not ours yet"}, 1)
    rollout.judge(going, 1)
    assert (going.phase, going.ones[going.names[0]].came, going.ones[going.names[300]].came) == (Phase.HALTED, Came.UNWELL, Came.WAITING)


def test_after_a_halt_those_that_failed_have_another_turn_and_who_is_done_has_none() -> None:
    going = begun()
    fleet = Fleet(going, fails={going.names[0]})
    fleet.run()
    fleet.fails.clear()
    rollout.resume(going)
    assert rollout.due(going) == [going.names[0]]
    assert fleet.run().phase is Phase.DONE
    assert len(fleet.ordered) == 401
    with pytest.raises(ValueError, match="done"):
        rollout.resume(going)


@pytest.mark.parametrize(
    "reason, came", [("expired", Came.AWAY), ("busy", Came.AWAY), ("crash-loop", Came.FAILED), ("wrong-power", Came.FAILED)]
)
def test_what_never_began_says_nothing_about_the_release(reason: str, came: Came) -> None:
    going = begun(10)
    one = going.ones[going.names[0]]
    one.came, one.counter = Came.ORDERED, 5
    rollout.note(going, going.names[0], 4, "failed", reason, "", 0)  # of a command before
    assert one.came is Came.ORDERED
    rollout.note(going, going.names[0], 5, "failed", reason, "", 0)
    assert one.came is came


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 60),
    data=st.data(),
    percent=st.floats(0, 30),
    stages=st.lists(st.integers(1, 99), max_size=4, unique=True).map(sorted),
)
def test_never_more_than_a_stage_meets_a_release_that_fails_everywhere(
    count: int, data: st.DataObject, percent: float, stages: list[int]
) -> None:
    going = begun(count, Rules((*stages, 100), percent, 0.0, 0))
    bad = data.draw(st.sets(st.sampled_from(going.names)))
    fleet = Fleet(going, fails=bad)
    fleet.run()
    failed = sum(going.ones[name].came is Came.FAILED for name in going.names)
    if going.phase is Phase.DONE:
        assert failed * 100 <= percent * count
    else:
        assert failed * 100 > percent * len(going.batch())
        assert fleet.ordered == going.batch()


def test_its_file_says_all_of_it_and_an_abort_stands_over_whoever_writes_it(tmp_path: Path) -> None:
    layout, going = Layout(tmp_path), begun(3)
    rollout.save(layout, going)
    file = rollout.file_of(layout, going.release, going.org)
    assert rollout.load(file) == going
    rollout.abort(layout, going)
    rollout.save(layout, going)  # by the process that works on it
    assert rollout.load(file).phase is Phase.ABORTED
    assert [each.phase for each in rollout.every(layout)] == [Phase.ABORTED]


@pytest.mark.parametrize("stages", [(), (50,), (50, 10, 100), (0, 100), (10, 10, 100)])
def test_stages_that_are_none_are_refused(stages: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="stages"):
        begun(3, Rules(stages or (1,)))
