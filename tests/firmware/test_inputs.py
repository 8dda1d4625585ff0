from __future__ import annotations

from pathlib import Path

import pytest
from gate_world import WAIT_S, wait_until

from drivers.position import Fix, NoFix
from edge_agent.device.settings import InputSettings
from edge_agent.wire.entry import Position
from firmware import supervised
from firmware.inbox import Inbox
from firmware.inputs import Input
from firmware.reading import SourceState, Switched
from firmware.whereabouts import Whereabouts


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(supervised, "LONGEST_WAIT_S", 0.05)


def test_a_contact_tells_how_it_is_and_each_change(tmp_path: Path) -> None:
    reports = Inbox()
    door = Input(InputSettings("cửa", "door", f"fifo:{tmp_path}/door"), reports)
    door.kept.start()
    seen = [reports.get(timeout=WAIT_S)]
    with (tmp_path / "door").open("w", encoding="utf-8") as hand:
        for line in ("1", "1", "nonsense", "0"):
            hand.write(f"{line}\n")
            hand.flush()
        seen += [reports.get(timeout=WAIT_S) for _ in range(2)]
    door.kept.stop()
    assert door.kept.join(WAIT_S)
    assert [report.active for report in seen if isinstance(report, Switched)] == [False, True, False]
    assert {report.name for report in seen if isinstance(report, Switched)} == {"cửa"}


def test_a_contact_that_is_not_there_yet_comes_when_it_comes(tmp_path: Path) -> None:
    reports = Inbox()
    (tmp_path / "door").write_text("a file, no FIFO", encoding="utf-8")
    door = Input(InputSettings("door", "door", f"fifo:{tmp_path}/door"), reports)
    door.kept.start()
    wait_until(lambda: door.state is SourceState.FAULT, "the contact is away")
    (tmp_path / "door").unlink()
    assert isinstance(reports.get(timeout=WAIT_S), Switched)
    assert door.state is SourceState.WORKING
    door.kept.stop()
    assert door.kept.join(WAIT_S)


def test_a_full_queue_keeps_no_contact_from_ending(tmp_path: Path) -> None:
    reports = Inbox(1)
    reports.put(Switched("door", True, 0.0))
    door = Input(InputSettings("door", "door", f"fifo:{tmp_path}/door"), reports)
    door.kept.start()
    wait_until(lambda: door.state is SourceState.WORKING, "the contact works")
    door.kept.stop()
    assert door.kept.join(WAIT_S)


def test_a_failing_supply_is_told_before_what_waits(tmp_path: Path) -> None:
    reports = Inbox()
    reports.put(Switched("door", True, 0.0))
    supply = Input(InputSettings("supply", "power-fail", f"fifo:{tmp_path}/supply"), reports)
    supply.kept.start()
    wait_until(lambda: reports.qsize() == 2, "the contact has told how it is")
    first = reports.get(timeout=0)
    supply.kept.stop()
    assert supply.kept.join(WAIT_S)
    assert isinstance(first, Switched)
    assert first.name == "supply"


def test_a_position_counts_while_it_is_fresh() -> None:
    now_s = [100.0]
    bus = Whereabouts("nmea:/dev/nothing", max_age_s=15, clock=lambda: now_s[0])
    assert bus.position() is None
    bus._newest = Fix(at_s=90.0, latitude=22.4809, longitude=-103.9755)
    assert bus.position() == Position(224_809_000, -1_039_755_000)
    now_s[0] = 105.1
    assert bus.position() is None
    bus._newest = NoFix(at_s=105.0)
    assert bus.position() is None


def test_a_receiver_that_is_away_is_no_position_and_ends_when_asked() -> None:
    bus = Whereabouts("nmea:/dev/nothing-here", max_age_s=15)
    bus.kept.start()
    wait_until(lambda: bus.state is SourceState.FAULT, "the receiver is away")
    assert bus.position() is None
    bus.kept.stop()
    assert bus.kept.join(WAIT_S)
