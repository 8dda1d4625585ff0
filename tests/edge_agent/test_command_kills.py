"""Every command, every state, and the power goes: it is done at most once, and whoever ordered it is told how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from command_world import NOW_MS, Cut, CutStore, Systemd, World, signed
from sealed_examples import FROM_MS

from edge_agent.commands import command_desk, executors
from edge_agent.commands.command_desk import CommandDesk
from edge_agent.commands.command_store import CommandStore, Kept
from edge_agent.commands.executors import Job, Marks, NeedsNobody, Unfinished
from edge_agent.wire.command import Action
from edge_agent.wire.results import State

WRITES = 4  # accepted, running, done, told


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(executors, "_LOOK_S", 0.001)
    monkeypatch.setattr(executors, "_REBOOT_S", 0.005)
    monkeypatch.setattr(executors, "_FIRMWARE_BACK_S", 0.005)
    world = World(tmp_path)
    yield world
    world.firmware.close()


def live(desk: CommandDesk, message: bytes) -> None:
    """A command comes, is carried out and told."""
    desk.arrived(message, retained=False)
    go_on(desk)


def go_on(desk: CommandDesk) -> None:
    with suppress(Unfinished):
        while desk.do_next():
            pass
    desk.look()  # says it
    desk.look()  # the broker has it


@pytest.mark.parametrize("action", Action)
def test_undisturbed_it_is_done_once_and_each_state_is_told(world: World, action: Action) -> None:
    message = signed(action)
    live(world.desk(), message)
    if action is Action.RESTART_AGENT:
        go_on(world.desk())
    assert world.times_done(action) == 1
    assert [result.state for result in world.sent] == [State.ACCEPTED, State.RUNNING, State.SUCCESSFUL]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
@pytest.mark.parametrize("action", Action)
def test_the_power_goes_at_a_write(world: World, action: Action, write: int, after: bool) -> None:
    message = signed(action)
    with suppress(Cut):
        live(world.desk(CutStore(world.state, write, after=after)), message)
    go_on(world.desk())
    once_told = world.final()
    if write == 1 and not after:  # it never came to the disk
        assert (once_told, world.times_done(action)) == ([], 0)
    else:
        assert once_told or action is Action.RESTART_AGENT  # which ends once more, and is told by the one after
    live(world.desk(), message)  # the operator asks again, with the same bytes
    go_on(world.desk())
    assert world.times_done(action) <= 1
    assert len({(result.state, result.reason) for result in world.final()}) == 1
    if world.final()[-1].state is State.SUCCESSFUL:
        assert world.times_done(action) == 1 or action is Action.RESTART_AGENT  # the power cut was one too
    else:
        assert world.final()[-1].reason == "cut-short"


@pytest.mark.parametrize("action", Action)
def test_the_power_goes_while_it_runs(world: World, action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = world.desk()
    desk.arrived(signed(action), retained=False)
    those = desk._executors

    def cut(_job: executors.Job) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(type(those[action]), "carry_out", lambda _self, job: cut(job))
        with pytest.raises(Cut):
            desk.do_next()
    go_on(world.desk())
    (end,) = world.final()
    assert world.times_done(action) == 0
    if action is Action.RESTART_AGENT:
        assert end.state is State.SUCCESSFUL  # another agent runs: that is all that was asked for
    else:
        assert (end.state, end.reason) == (State.FAILED, "cut-short")


def test_a_restart_is_seen_by_what_starts_after_it(world: World) -> None:
    desk = world.desk(CutStore(world.state, 3))  # done, and the power goes before that is noted
    with suppress(Cut):
        live(desk, signed(Action.RESTART_DEVICE))
    assert world.boots == 1
    go_on(world.desk())
    assert [end.state for end in world.final()] == [State.SUCCESSFUL]


def test_what_the_broker_has_not_acknowledged_is_said_again_with_the_next_connection(world: World) -> None:
    world.lost_connection = True
    live(world.desk(), signed(Action.IDENTIFY))
    desk = world.desk()
    desk.look()
    desk.connected()
    world.lost_connection = False
    desk.look()
    desk.look()
    desk.look()
    assert len(world.final()) == 3
    world.desk().look()
    assert len(world.final()) == 3  # it is known as told


def test_without_a_connection_the_end_waits(world: World) -> None:
    desk = world.desk()
    desk.disconnected()
    live(desk, signed(Action.IDENTIFY))
    assert world.sent == []
    desk.connected()
    desk.look()
    assert [end.state for end in world.final()] == [State.SUCCESSFUL]


def test_while_its_key_is_away_the_end_waits_to_be_signed(world: World) -> None:
    world.key_is_away = True
    desk = world.desk()
    live(desk, signed(Action.IDENTIFY))
    assert world.sent == []
    world.key_is_away = False
    desk.look()
    assert [end.state for end in world.final()] == [State.SUCCESSFUL]


def test_a_request_that_nobody_takes_fails_and_is_taken_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_TAKEN_S", 0.01)
    world.takes_requests = False
    live(world.desk(), signed(Action.RESTART_DEVICE))
    (end,) = world.final()
    assert (end.state, end.reason) == (State.FAILED, "nobody-restarts")
    assert not (world.runtime / executors.RESTART_REQUEST).exists()


def test_what_firmware_refuses_fails_with_its_words(world: World) -> None:
    world.firmware.refuses = {"test-pattern": "close the gate first"}
    live(world.desk(), signed(Action.TEST_PATTERN))
    (end,) = world.final()
    assert (end.state, end.reason, end.detail) == (State.FAILED, "refused-by-firmware", "close the gate first")


@pytest.mark.parametrize("action", [Action.OPEN, Action.RESTART_FIRMWARE])
def test_without_firmware_nothing_is_done(world: World, action: Action, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_desk, "READY_S", 0.01)
    world.firmware.close()
    live(world.desk(), signed(action))
    assert [(end.state, end.reason) for end in world.final()] == [(State.FAILED, "no-firmware")]


class Booting(Systemd):
    """While the agent waits, firmware comes up."""

    def wait(self, timeout: float | None = None) -> bool:
        self._world.firmware.open()
        return super().wait(timeout)


@pytest.mark.parametrize("action", [Action.OPEN, Action.RESTART_FIRMWARE])
def test_after_a_start_a_command_waits_for_firmware(world: World, action: Action) -> None:
    world.firmware.close()
    desk = world.desk()
    desk._ending = Booting(world)
    live(desk, signed(action))
    assert [end.state for end in world.final()] == [State.SUCCESSFUL]
    assert world.times_done(action) == 1


class Late(Systemd):
    """While the agent waits, the command expires."""

    def wait(self, timeout: float | None = None) -> bool:
        self._world.times = (NOW_MS + 601_000, FROM_MS)
        return super().wait(timeout)


def test_it_waits_no_longer_than_the_command_lives(world: World) -> None:
    world.firmware.close()
    desk = world.desk()
    desk._ending = Late(world)
    live(desk, signed(Action.OPEN))
    assert [end.reason for end in world.final()] == ["expired"]


class Faulty(NeedsNobody):
    """An executor with a mistake in it."""

    def before(self, _arguments: tuple[str, ...], /) -> Marks:
        return {}

    def carry_out(self, _job: Job, /) -> None:
        raise KeyError("001099012345")

    def found_running(self, _job: Job, /) -> None:
        raise KeyError("001099012345")


def test_a_fault_of_ours_ends_one_command_and_not_all_that_come(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = world.desk()
    monkeypatch.setitem(desk._executors, Action.DIAGNOSTICS, Faulty())
    live(desk, signed(Action.DIAGNOSTICS))
    live(desk, signed(Action.IDENTIFY, counter=2))
    failed, done = world.final()
    assert (failed.state, failed.reason, done.state) == (State.FAILED, "internal-error", State.SUCCESSFUL)
    assert "001099012345" not in failed.detail
    assert world.times_done(Action.IDENTIFY) == 1


@pytest.mark.parametrize("expires_ms", [NOW_MS + 600_000, NOW_MS - 1])
@pytest.mark.parametrize("state, reason", [(State.ACCEPTED, "not-here"), (State.RUNNING, "cut-short")])
def test_what_another_release_took_and_this_one_does_not_know_fails_and_the_next_goes_on(
    world: World, state: State, reason: str, expires_ms: int
) -> None:
    CommandStore(world.state).accept(Kept("aa" * 8, 5, "00", "reticulate", (), expires_ms, state=state))
    desk = world.desk()
    desk.arrived(signed(Action.IDENTIFY), retained=False)
    go_on(desk)
    failed, done = world.final()
    assert (failed.action, failed.state, failed.reason) == ("reticulate", State.FAILED, reason)
    assert done.state is State.SUCCESSFUL


def test_without_an_updater_an_update_fails_honestly(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = world.desk()
    monkeypatch.delitem(desk._executors, Action.UPDATE)
    live(desk, signed(Action.UPDATE))
    assert [(end.state, end.detail) for end in world.final()] == [(State.FAILED, "no updater installed")]
