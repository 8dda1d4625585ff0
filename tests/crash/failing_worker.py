"""A process in which a disk fails: forks a child a trial, which works on one store through the fault and then without it.

Told on standard input which store and folder; `go` starts each half. What the child promises is on standard output, as in the crash
scenarios, and each error that it met. An error that the store does not name in its documentation ends the child with a traceback.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from crash_device import STATE, keyring_message, say, settings_for
from sealed_examples import DEVICE_PUBLIC, NAME, ROOT_PUBLIC, sealed_at

from edge_agent.device import stored_keyring
from edge_agent.device.documents import Documents, DocumentsDamaged
from edge_agent.device.stored_keyring import NoKeyring, WatchedKeyring
from edge_agent.store import outbox, recorder
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import OutboxDamaged, OutboxError, OutboxFull
from edge_agent.store.recorder import Recorder
from edge_agent.wire.envelope import envelope_hash, peek
from edge_agent.wire.receipt import Range, Status
from firmware import gate_state
from firmware.gate_state import GateState
from firmware.gatehouse import open_recorder

HALF = 14  # steps of each half
Steps = Iterator[bool]  # whether a step was done


def _met(error: Exception) -> None:
    say("error", kind=type(error).__name__, text=str(error))


class Gate:
    """As firmware does: a broken outbox is opened anew, a damaged one set aside."""

    def __init__(self, folder: Path) -> None:
        self._settings = settings_for(folder)
        self._recorder: Recorder | None = None
        self._damaged = False

    def record(self) -> bool:
        if self._recorder is None:
            try:
                self._recorder, _salvaged = open_recorder(
                    self._settings, damaged=self._damaged, device_key=DEVICE_PUBLIC, unread_is_lost=False
                )
            except (OutboxError, OSError) as error:
                return self._not_recorded(error)
            self._damaged = False
        try:
            recorded = self._recorder.append(sealed_at)
            say("green", log=recorded.log.hex(), seq=recorded.seq, hash=recorded.hash.hex())
            self._recorder.checkpoint_if_large()
            self._recorder.is_gone()
        except OutboxError as error:
            if not isinstance(error, OutboxFull):
                self._recorder.close()
                self._recorder = None
            return self._not_recorded(error)
        return True

    def _not_recorded(self, error: Exception) -> bool:
        _met(error)
        self._damaged = self._damaged or isinstance(error, OutboxDamaged)
        return False


class Agent:
    """As the agent does: an outbox in trouble is opened anew."""

    def __init__(self, folder: Path) -> None:
        self._path = settings_for(folder).device.state / outbox.FILE_NAME
        self._forwarder: Forwarder | None = None

    def send(self) -> bool:
        try:
            if self._forwarder is None or self._forwarder.replaced():
                if self._forwarder is not None:
                    self._forwarder.close()
                self._forwarder = None
                self._forwarder = Forwarder(self._path)
            for item in self._forwarder.page(0, 2):
                entry = peek(item.envelope)
                log, seq = entry.header.log, entry.header.seq
                say("sent", log=log.hex(), seq=seq, hash=envelope_hash(item.envelope).hex())
                say("receipt", log=log.hex(), first=seq, last=seq)
                self._forwarder.forget(log, Range(seq, seq, entry.hash, Status.REGISTERED))
            self._forwarder.settle()
        except (FileNotFoundError, OutboxError) as error:
            _met(error)
            if self._forwarder is not None:
                self._forwarder.close()
            self._forwarder = None
            return False
        return True


def use_outbox(folder: Path) -> Steps:
    """Records three, sends two, and so on; the write-ahead log is folded back often."""
    recorder.CHECKPOINT_BYTES = 30_000
    gate, agent = Gate(folder), Agent(folder)
    while True:
        yield gate.record()
        yield gate.record()
        yield gate.record()
        yield agent.send()


def _tried(store: str, name: str, value: object, write: Callable[[], object]) -> bool:
    say("begun", store=store, name=name, value=value)
    try:
        write()
    except (OSError, DocumentsDamaged) as error:
        _met(error)
        return False
    say("done", store=store, name=name, value=value)
    return True


def use_documents(folder: Path) -> Steps:
    """Two documents in turn; each is read before it is written."""
    version = 0
    while True:
        version += 1
        name = ("profile", "counters")[version % 2]
        with closing(Documents(folder / STATE)) as documents:
            with suppress(OSError):
                documents.get(name)
            yield _tried("documents.json", name, {"version": version}, partial(documents.put, name, {"version": version}))


def use_gate_state(folder: Path) -> Steps:
    """The gate is closed and opened by command."""
    state, closed = GateState(folder / STATE), False
    while True:
        closed = not closed
        yield _tried(gate_state.FILE_NAME, gate_state.DOCUMENT, {"closed": closed}, partial(state.close_gate, closed))


def use_keyring(folder: Path) -> Steps:
    """The province renews its keyring; firmware watches it."""
    counter, watched = 0, None
    while True:
        counter += 1
        message = keyring_message(counter)
        yield _tried("keyring", "", counter, partial(stored_keyring.accept, folder / STATE, ROOT_PUBLIC, message))
        with suppress(NoKeyring, OSError):
            watched = watched or WatchedKeyring(folder / STATE, ROOT_PUBLIC, NAME)
        if watched is not None:
            watched.current()


STORES: dict[str, Callable[[Path], Steps]] = {
    "outbox": use_outbox,
    "documents": use_documents,
    "gate state": use_gate_state,
    "keyring": use_keyring,
}


def _line() -> str:
    read = b""
    while not read.endswith(b"\n"):
        read += (byte := os.read(0, 1))
        if not byte:
            raise SystemExit(0)
    return read.decode().strip()


def _trial(store: str, folder: Path) -> None:
    (folder / STATE).mkdir(exist_ok=True)
    steps = STORES[store](folder)
    for _ in range(HALF // 2):
        next(steps)  # something is there before the disk fails
    for half in ("failing", "well"):
        say("half", half=half)
        _line()
        say("steps", half=half, done=[next(steps) for _ in range(HALF)])


def serve() -> None:
    """Forks a child for each line of standard input."""
    outbox._LOOK_AGAIN_S = 0.0
    while True:
        store, folder = json.loads(_line())
        if pid := os.fork():
            say("ended", code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            continue
        try:
            say("child", pid=os.getpid())
            _trial(store, Path(folder))
        except BaseException:  # noqa: BLE001 - the trial's verdict; a fork must not go on as the server
            say("unexpected", text=traceback.format_exc())
            os._exit(1)
        os._exit(0)


if __name__ == "__main__":
    serve()
