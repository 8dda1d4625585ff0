"""A salvage that is cut short, by power or by a full disk, is taken up again and loses nothing."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import outbox_world
import pytest
from outbox_world import ROOMY, damage_by
from sealed_examples import filled

from edge_agent.store import adopting
from edge_agent.store import salvage as salvage_module
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME, OutboxDamaged, OutboxFull
from edge_agent.store.recorder import Recorder
from edge_agent.store.salvage import salvage, unfinished

path, small_disk = outbox_world.path, outbox_world.small_disk


class PowerCut(BaseException):
    pass


def damaged_outbox(path: Path) -> list[bytes]:
    made = filled(path, 30)
    damage_by("DELETE FROM head")(path, random.Random(0))
    path.with_name(f"{FILE_NAME}-wal").write_bytes(b"")
    return made


STEPS = [
    (Path, "mkdir"), (Path, "rename"), (Path, "unlink"), (salvage_module, "sync_folder"), (salvage_module, "_search"),
    (Recorder, "__init__"), (Recorder, "logs"), (adopting, "adopt"),
]  # fmt: skip


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("owner, step", STEPS, ids=lambda value: getattr(value, "__name__", value))
def test_a_salvage_cut_short_anywhere_is_taken_up_again(path: Path, owner: object, step: str, call: int, when: str) -> None:
    made = damaged_outbox(path)
    real = getattr(owner, step)
    calls = 0

    def cut(*args: object, **keywords: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            raise PowerCut
        result = real(*args, **keywords)
        if calls == call:
            if isinstance(args[0], Recorder):
                args[0]._connection.close()
            raise PowerCut
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, step, cut)
        with suppress(PowerCut):
            salvage(path, ROOMY, 0, 1)[0].close()
    if unfinished(path) is None:
        with suppress(OutboxDamaged):  # nothing had begun, or all was done
            Recorder(path, ROOMY).close()
            _check_all_kept(path, made)
            return
    recorder, salvaged = salvage(path, ROOMY, 0, 2)
    recorder.close()
    assert salvaged.kept == 30
    assert unfinished(path) is None
    _check_all_kept(path, made)


def _check_all_kept(path: Path, made: list[bytes]) -> None:
    forwarder = Forwarder(path)
    assert [item.envelope for item in forwarder.page(0, 1000)] == made
    forwarder.close()


def test_a_half_made_outbox_that_is_damaged_itself_does_not_stop_the_next_salvage(path: Path) -> None:
    made = damaged_outbox(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adopting, "adopt", lambda *_args: (_ for _ in ()).throw(PowerCut()))
        with pytest.raises(PowerCut):
            salvage(path, ROOMY, 0, 1)
    path.write_bytes(b"torn")
    recorder, _salvaged = salvage(path, ROOMY, 0, 2)
    recorder.close()
    _check_all_kept(path, made)


def test_salvage_on_a_full_disk_loses_nothing_and_is_taken_up_again(small_disk: Path) -> None:
    path = small_disk / FILE_NAME
    made = filled(path, 100)
    damage_by("DELETE FROM head", "PRAGMA wal_checkpoint(TRUNCATE)")(path, random.Random(0))
    filling = small_disk / "filling"
    with suppress(OSError), filling.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises((OutboxFull, OSError)):
        salvage(path, ROOMY, 0, 1)
    filling.unlink()
    recorder, salvaged = salvage(path, ROOMY, 0, 2)
    recorder.close()
    assert salvaged.kept == 100
    _check_all_kept(path, made)
