"""What a device finds when the power went while it was reset: it is who it was with all that waits, or nobody with nothing left of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from aftermath import Broken, Check, Outcome, Promised
from crash_device import STATE, settings_for
from joining_aftermath import key_of, member_at
from joining_scenarios import GATES, join_at
from reset_scenarios import ENTRIES, last_of
from sealed_examples import DEVICE_PUBLIC, sealed_at

from edge_agent.device import device_keys, resetting
from edge_agent.enrolment import reset, takeover
from edge_agent.store import outbox, set_aside
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import Backlog
from edge_agent.wire import envelope
from firmware.gatehouse import open_recorder

_KEY = DEVICE_PUBLIC.public_bytes_raw().hex()


def _waits(folder: Path) -> Backlog | None:
    """What waits; what says "Start gate-firmware first" is believed: it then sets right what a cut has left of SQLite's side files."""
    try:
        return takeover.backlog(folder / STATE)
    except takeover.AlreadyEnrolled:
        recorder, _salvaged = open_recorder(settings_for(folder), device_key=DEVICE_PUBLIC)
        recorder.close()
        return takeover.backlog(folder / STATE)


def _check_whole(folder: Path) -> None:
    state = folder / STATE
    waits = _waits(folder)
    if waits is None or waits.entries != ENTRIES:
        raise Broken(Outcome.LOST, f"a member still, of whose entries {0 if waits is None else waits.entries} wait")
    if key_of(state) != _KEY:
        raise Broken(Outcome.LOST, "a member still, with another key")


def _check_bare(state: Path, *, new_keys: bool) -> None:
    """Nothing of the former owner's is left but the name and the end of the log."""
    left = [file for file in (outbox.files_of(state / outbox.FILE_NAME).damage_note, *state.glob(f"{set_aside.DONE}*")) if file.exists()]
    if left:
        raise Broken(Outcome.LOST, f"{left[0].name} is left of the former owner's")
    device_keys.load_or_make(state)
    if (key_of(state) == _KEY) is new_keys:
        raise Broken(Outcome.LOST, f"nobody's, with its {'old key' if new_keys else 'key gone'}")


def _join_and_record(folder: Path) -> None:
    """Somebody's again, it begins a log that follows the old one."""
    state = folder / STATE
    become = join_at(GATES[1], state)
    if member_at(state) != become:
        raise Broken(Outcome.SHUT, "joined again, it is not whole")
    recorder, salvaged = open_recorder(settings_for(folder), device_key=DEVICE_PUBLIC)
    with closing(recorder):
        recorder.append(sealed_at)
    with closing(Forwarder(state / outbox.FILE_NAME)) as forwarder:
        waiting = [envelope.peek(one.envelope).header for one in forwarder.page(0, 10)]
    if salvaged is not None or [(header.seq, header.predecessor) for header in waiting] != [(1, last_of(folder))]:
        raise Broken(Outcome.REUSED, "joined again, its first entry does not begin a log after the old one")


def check_reset(folder: Path, promises: Promised) -> Outcome:
    """Whoever starts first finishes it; what was not begun can be begun again; and the device can be somebody's again."""
    state, allowed = folder / STATE, promises.documents["reset", "nobody"]
    finished, wanted = resetting.finish(state), allowed[-1] or {"new_keys": False}
    if member_at(state) is not None:
        if allowed[0] is not None:
            raise Broken(Outcome.LOST, "it was nobody's, and is a member again")
        _check_whole(folder)
        reset.reset(state, discard=ENTRIES, **wanted)
        outcome = Outcome.BEFORE
    elif allowed == [None]:
        raise Broken(Outcome.LOST, "nobody's, and nobody has begun to reset it")
    else:
        outcome = Outcome.REPAIRED if finished else Outcome.BEFORE if allowed[0] is not None else Outcome.AFTER
    _check_bare(state, **wanted)
    _join_and_record(folder)
    return outcome


CHECKS: dict[str, Check] = {"reset": check_reset, "reset: new keys": check_reset}
