"""A scanner is updated through the real chain while people pass; one whose new version does not start goes back by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from update_world import CRASHES, UpdateWorld, update_world

from edge_agent.update.slots import slot_of
from province.demo.synthetic import synthetic_people

PEOPLE = synthetic_people(6, seed=8)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpdateWorld]:
    with update_world(tmp_path_factory.mktemp("update")) as made:
        yield made


def test_a_good_release_is_tried_and_kept_and_a_bad_one_is_taken_back(world: UpdateWorld) -> None:
    machine = world.machine
    before = machine.software()
    assert machine.present(PEOPLE[0]) == "accepted"

    good = world.release("9.1.0")
    told = world.order(good)
    assert (told["state"], told["reason"]) == ("successful", ""), machine.log()
    assert (machine.software(), machine.of.current(), machine.of.trial()) == ("9.1.0", slot_of(good), None)
    assert before != "9.1.0"
    assert machine.present(PEOPLE[1]) == "accepted"

    bad = world.release("9.2.0", CRASHES)
    told = world.order(bad)
    assert (told["state"], told["reason"]) == ("failed", "crash-loop"), machine.log()
    machine.until(lambda: machine.software() == "9.1.0", "the version before")
    assert (machine.software(), machine.of.current(), machine.of.trial()) == ("9.1.0", slot_of(good), None)
    assert machine.present(PEOPLE[2]) == "accepted"

    world.chain.wait_until_receipted()
    assert world.chain.passages_of(PEOPLE[:3]) == [1, 1, 1]
    (log,) = world.chain.logs()
    assert not log.gaps
