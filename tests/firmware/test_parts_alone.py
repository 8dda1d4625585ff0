"""One part is unplugged, stalls, fails or floods: everybody at the other lanes is answered and recorded exactly, and it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from away_parts import CODES, EACH, NUMBERS, PARTS, Away, Showing
from gate_world import Reader, RunningGate, SpyIndicator, ToldCamera, add_test_drivers, wait_until
from parts_world import mock_pins
from qr_pictures import picture_of

from drivers.indicator import Signal
from edge_agent.device.settings import LaneSettings
from edge_agent.wire.entry import Direction, Method
from firmware import consumer, kept_output, supervised


class Two:
    """The two lanes that must not notice: a camera in, a reader out."""

    def __init__(self, folder: Path) -> None:
        self.reader = Reader(folder / "tty-out")
        self.shown = Showing()
        ToldCamera.plans["in"] = [self.shown]
        self._next = 0

    def lanes(self) -> tuple[LaneSettings, LaneSettings]:
        return (
            LaneSettings("in", "in", camera="told:in", indicator="spy:in"),
            LaneSettings("out", "out", reader=self.reader.url, indicator="spy:out"),
        )

    def ready(self) -> None:
        for name in ("in", "out"):
            SpyIndicator.by_name[name].wait_for(Signal.READY)

    def pass_by(self, count: int) -> None:
        """One after the other at each lane, both at once."""
        for _ in range(count):
            self.shown.picture = picture_of(CODES[self._next])
            self.reader.scan(CODES[EACH + self._next])
            self._next += 1
            for name in ("in", "out"):
                SpyIndicator.by_name[name].wait_for(Signal.ACCEPTED, self._next)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    add_test_drivers(monkeypatch)
    monkeypatch.setattr(consumer, "_TICK_S", 0.1)
    for module, name in ((supervised, "FIRST_WAIT_S"), (supervised, "LONGEST_WAIT_S"), (kept_output, "_FIRST_WAIT_S")):
        monkeypatch.setattr(module, name, 0.05)
    monkeypatch.setattr(kept_output, "_LONGEST_WAIT_S", 0.05)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_goes_harms_nobody_at_the_other_lanes_and_comes_back(
    part: type[Away], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mock_pins() as pins:
        two, away = Two(tmp_path), part(tmp_path, pins, monkeypatch)
        third = LaneSettings("third", "in", camera=away.camera, reader="" if away.camera else away.reader.url, indicator="spy:third")
        with RunningGate(away.enrolled, away.settings(away.enrolled.settings(*two.lanes(), third))):
            two.ready()
            wait_until(away.works, "the part works")
            away.go()
            wait_until(away.is_away, "the gate has noticed")
            two.pass_by(EACH // 2)
            away.come()
            wait_until(away.works, "the part is back")
            two.pass_by(EACH // 2)
            away.pass_there()
    passages = away.enrolled.passages()
    seen = [passage.person.id_number for passage in passages if passage.method is Method.CAMERA]
    read = [passage.person.id_number for passage in passages if passage.direction is Direction.OUT]
    assert (seen[:EACH], read) == (NUMBERS[:EACH], NUMBERS[EACH:-1])
    for name in ("in", "out"):
        answers = set(SpyIndicator.by_name[name].shown) - {Signal.STARTING, Signal.READY, Signal.CLOSED, Signal.ATTENTION}
        assert answers == {Signal.ACCEPTED}
    two.reader.unplug()
    away.close()
