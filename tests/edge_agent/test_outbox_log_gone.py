"""The write-ahead log deleted under a gate that runs: nothing green is lost, and neither end goes on into a log without a name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import outbox_world
import pytest
from outbox_world import ROOMY
from sealed_examples import DEVICE_PUBLIC, filled, sealed_at

from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import DAMAGE_NOTE, OutboxError, OutboxFull, Spot
from edge_agent.store.recorder import Recorder
from edge_agent.store.salvage import salvage

path = outbox_world.path
WAYS = [("-wal",), ("-shm",), ("-wal", "-shm")]
_ATTACHED = """\
import sys
from pathlib import Path
from edge_agent.store.forwarder import Forwarder
forwarder = Forwarder(Path(sys.argv[1]))
print(len(forwarder.page(0, 1000)), flush=True)
sys.stdin.readline()
print(forwarder.replaced(), len(forwarder.page(0, 1000)), flush=True)
forwarder.close()
"""


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def appended(recorder: Recorder, count: int) -> list[bytes]:
    made: list[bytes] = []

    def keep(spot: Spot) -> bytes:
        made.append(sealed_at(spot))
        return made[-1]

    for _ in range(count):
        recorder.append(keep)
    return made


def held(path: Path) -> list[bytes]:
    forwarder = Forwarder(path)
    envelopes = [item.envelope for item in forwarder.page(0, 10**6)]
    forwarder.close()
    return envelopes


@pytest.mark.parametrize("gone", WAYS, ids=" ".join)
@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_what_lay_in_a_deleted_log_is_carried_over_with_the_agent_attached(path: Path, gone: tuple[str, ...], how: str) -> None:
    old = Recorder(path, ROOMY)
    made = appended(old, 10)
    with subprocess.Popen(
        [sys.executable, "-c", _ATTACHED, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as attached:
        assert attached.stdout is not None
        assert attached.stdin is not None
        assert int(attached.stdout.readline()) == 10
        made += appended(old, 3)
        assert not old.is_gone()
        for suffix in gone:
            if how == "replaced":
                shutil.copy(beside(path, suffix), path.with_name("other"))
            beside(path, suffix).unlink()
            if how == "replaced":
                path.with_name("other").rename(beside(path, suffix))
        assert old.is_gone()
        new, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC, still_open=old)
        attached.stdin.write("\n")
        attached.stdin.flush()
        assert attached.stdout.readline().split() == ["True", "13"]
        assert attached.wait(30) == 0
    old.close()
    assert not new.is_gone()
    assert salvaged.facts() == {"kept": 13, "unreadable": 0, "missing": 0}
    more = appended(new, 2)
    new.close()
    assert held(path) == made + more


@pytest.mark.parametrize("gone", WAYS, ids=" ".join)
def test_a_salvage_that_is_cut_short_has_all_in_the_file_by_then(
    path: Path, gone: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Recorder(path, ROOMY)
    made = appended(old, 5)
    for suffix in gone:
        beside(path, suffix).unlink()
    with monkeypatch.context() as patched:
        patched.setattr("edge_agent.store.salvage._open_new", refuse)
        with pytest.raises(OutboxFull):
            salvage(path, ROOMY, 0, 1, still_open=old)
    # killed now: what was open is gone
    new, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC)
    assert salvaged.facts() == {"kept": 5, "unreadable": 0, "missing": 0}
    new.close()
    old.close()
    assert held(path) == made


def refuse(*_: object) -> Recorder:
    raise OutboxFull("no room")


@pytest.mark.parametrize("gone", WAYS, ids=" ".join)
def test_the_agent_lets_a_deleted_log_go_with_all_of_it_in_the_file_and_waits_for_firmware(path: Path, gone: tuple[str, ...]) -> None:
    made = filled(path, 2)
    recorder = Recorder(path, ROOMY)
    forwarder = Forwarder(path)
    made += appended(recorder, 3)
    recorder.close()  # firmware stops: the agent alone has it open
    for suffix in gone:
        beside(path, suffix).unlink()
    assert forwarder.replaced()
    forwarder.close()
    assert beside(path, DAMAGE_NOTE).exists()
    with pytest.raises(OutboxError, match="gate-firmware sets the outbox aside"):
        Forwarder(path)
    new, salvaged = salvage(path, ROOMY, 0, 1, device_key=DEVICE_PUBLIC)
    assert salvaged.facts() == {"kept": 5, "unreadable": 0, "missing": 0}
    assert held(path) == made
    new.close()


def test_the_agent_does_not_open_a_file_whose_log_was_taken_from_under_firmware(path: Path) -> None:
    recorder = Recorder(path, ROOMY)
    appended(recorder, 3)
    beside(path, "-wal").unlink()
    with pytest.raises(OutboxError, match="-wal: it was taken away"):
        Forwarder(path)
    assert not beside(path, "-wal").exists(), "no other log was begun"
    recorder.close()
