"""A gate to test: an enrolled state folder, drivers that tell what they were asked to do, and a gate running in a thread."""

from __future__ import annotations

import base64
import os
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from drivers import schemes
from drivers.camera import Frame
from drivers.indicator import Signal
from drivers.urls import Scheme
from edge_agent.base.disk import write_private
from edge_agent.device import identity, stored_keyring
from edge_agent.device.documents import Documents
from edge_agent.device.settings import AgentSettings, DeviceSettings, GateSettings, LaneSettings, OutboxSettings, Settings
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME
from edge_agent.wire import authority, envelope, keyring, sealing
from edge_agent.wire.authority import Certificate, Officer, Power
from edge_agent.wire.entry import Body, Header, Kind, Passage
from edge_agent.wire.keyring import UNDATED, EpochKey, Keyring, day_of
from edge_agent.wire.receipt import Range, Status
from edge_agent.wire.sealing import Suite
from firmware.gatehouse import Gatehouse

WAIT_S = 20.0
ROOT = Path(__file__).parents[2]
DAY_MS = 86_400_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Province:
    """As much of a province as a device meets: a root, a keyring officer and the private halves of the epochs."""

    def __init__(self) -> None:
        self.root = Ed25519PrivateKey.generate()
        key = Ed25519PrivateKey.generate()
        certificate = authority.certify(Certificate(Power.KEYRING, key.public_key(), 0, 2**53), self.root)
        self._officer = Officer(key, certificate)
        self._pairs: dict[str, sealing.KeyPair] = {}  # by key id

    def keyring(self, counter: int = 1, *, days: int = 45, issued_ms: int = 1, first_ms: int | None = None) -> bytes:
        """A new keyring with new keys for every day from the first on."""
        first = day_of(now_ms() if first_ms is None else first_ms)
        keys = []
        for epoch in [*((first + timedelta(days=day)).isoformat() for day in range(days)), UNDATED]:
            pair = sealing.generate(Suite.X25519)
            key = EpochKey(epoch, Suite.X25519, pair.public)
            self._pairs[key.key_id] = pair
            keys.append(key)
        return keyring.issue(Keyring(counter, issued_ms, tuple(keys)), self._officer)

    def open(self, sealed: envelope.SealedEntry) -> Body:
        pair = self._pairs[sealed.header.key_id]
        return envelope.open_body(sealed, pair.suite, sealing.load_private(pair.suite, pair.private))


@dataclass
class Enrolled:
    """A device that belongs to a province."""

    state: Path
    runtime: Path
    province: Province = field(default_factory=Province)
    signer: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def __post_init__(self) -> None:
        folder = self.state / identity.FOLDER
        folder.mkdir(parents=True)
        self.runtime.mkdir(exist_ok=True)
        pem = self.signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(folder / identity.SIGNING_KEY, pem)
        with closing(Documents(self.state)) as documents:
            root = base64.b64encode(self.province.root.public_key().public_bytes_raw()).decode()
            place = {"org": "cho-lon", "device": "gate-1", "site": "Chợ Lớn", "gate": "A", "root": root, "host": "localhost", "port": 8883}
            documents.put(identity.ENROLMENT, place)
        self.offer(self.province.keyring())

    def offer(self, message: bytes) -> None:
        """What gate-agent does with a keyring from the broker."""
        stored_keyring.accept(self.state, self.province.root.public_key(), message)

    @property
    def outbox(self) -> Path:
        return self.state / FILE_NAME

    def identity(self) -> identity.Identity:
        return identity.load(self.state)

    def sealed(self) -> list[envelope.SealedEntry]:
        """What waits in the outbox, seen through a second connection, each signature checked."""
        with closing(Forwarder(self.outbox)) as forwarder:
            waiting = forwarder.page(0, 100_000)
        return [envelope.verify(one.envelope, self.signer.public_key()) for one in waiting]

    def entries(self) -> list[tuple[Header, Body]]:
        return [(sealed.header, self.province.open(sealed)) for sealed in self.sealed()]

    def passages(self) -> list[Passage]:
        return [body for _header, body in self.entries() if isinstance(body, Passage)]

    def kinds(self) -> list[Kind]:
        try:
            return [sealed.header.kind for sealed in self.sealed()]
        except FileNotFoundError:
            return []  # firmware is still making it

    def forget_all(self) -> None:
        """What gate-agent does on a receipt for everything."""
        with closing(Forwarder(self.outbox)) as forwarder:
            head = forwarder.backlog().head
            forwarder.forget(head.log, Range(1, head.seq, head.hash, Status.REGISTERED))

    def settings(
        self, *lanes: LaneSettings, repeat_s: float = 30.0, held_s: float = 1.5, indicator: str = "spy:gate", capacity_mb: int = 8
    ) -> Settings:
        return Settings(
            self.state / "gate.toml",
            DeviceSettings(self.state, self.runtime, "system"),
            GateSettings(indicator, repeat_s=repeat_s, held_s=held_s),
            OutboxSettings(capacity_mb, 0, 80),
            AgentSettings(),
            lanes or (LaneSettings("in", "in", reader="serial:/dev/nope"),),
        )


class SpyIndicator:
    """An indicator that remembers what it was asked to show."""

    by_name: dict[str, SpyIndicator] = {}  # noqa: RUF012 - the test reaches it by the name in the URL
    broken: str | None = None

    def __init__(self, name: str) -> None:
        self.shown: list[Signal] = []
        self.quiet = self.closed = False
        self.on_show: Callable[[Signal], None] = lambda _signal: None
        self._changed = threading.Condition()
        SpyIndicator.by_name[name] = self

    def show(self, signal: Signal) -> None:
        self.on_show(signal)
        with self._changed:
            self.shown.append(signal)
            self._changed.notify_all()

    def set_quiet(self, quiet: bool) -> None:
        self.quiet = quiet

    def close(self) -> None:
        self.closed = True

    def count(self, signal: Signal) -> int:
        return self.shown.count(signal)

    def wait_for(self, signal: Signal, count: int = 1) -> None:
        """Waits until a signal has been shown so many times in all."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.count(signal) >= count, WAIT_S), f"no {signal}, shown were {self.shown}"

    def wait_until(self, met: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(met, WAIT_S), f"shown were {self.shown}"


class ToldCamera:
    """A camera that yields what the test puts before it: arrays as frames of now, frames as they are, exceptions as troubles."""

    plans: dict[str, list[Any]] = {}  # noqa: RUF012 - one list of views for each opening
    opened: dict[str, int] = {}  # noqa: RUF012
    close_fails = False

    def __init__(self, name: str) -> None:
        number = self.opened.get(name, 0)
        self.opened[name] = number + 1
        plan = self.plans[name]
        self._views: Sequence[Any] = plan[min(number, len(plan) - 1)]
        self._closed = threading.Event()
        if isinstance(self._views, Exception):
            raise self._views

    def frames(self) -> Iterator[Frame]:
        for view in self._views:
            if isinstance(view, Exception):
                raise view
            if self._closed.is_set():
                return
            yield view if isinstance(view, Frame) else Frame(view, time.monotonic())
        self._closed.wait()

    def close(self) -> None:
        self._closed.set()
        if self.close_fails:
            raise OSError("this device cannot even be closed")


def add_test_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two more drivers behind the Protocols, chosen by URL like any other."""
    spy = Scheme("spy", "For tests.", f"{__name__}:SpyIndicator", path="name", example="spy:gate")
    told = Scheme("told", "For tests.", f"{__name__}:ToldCamera", path="name", example="told:camera")
    monkeypatch.setattr(schemes, "INDICATORS", (*schemes.INDICATORS, spy))
    monkeypatch.setattr(schemes, "CAMERAS", (*schemes.CAMERAS, told))
    monkeypatch.setattr(SpyIndicator, "by_name", {})
    monkeypatch.setattr(ToldCamera, "plans", {})
    monkeypatch.setattr(ToldCamera, "opened", {})


class Reader:
    """A barcode reader on a pseudo-terminal that can be unplugged and plugged in again under the same name."""

    def __init__(self, link: Path, *, plugged: bool = True) -> None:
        self.link = link
        self._ours = self._theirs = -1
        if plugged:
            self.plug()

    @property
    def url(self) -> str:
        return f"serial:{self.link}"

    def plug(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._ours)
        self.link.symlink_to(os.ttyname(self._theirs))

    def scan(self, data: str | bytes) -> None:
        self.send((data.encode() if isinstance(data, str) else data) + b"\r\n")

    def send(self, data: bytes) -> None:
        """Sends just that."""
        os.write(self._ours, data)

    def unplug(self) -> None:
        self.link.unlink(missing_ok=True)
        for end in (self._ours, self._theirs):
            with suppress(OSError):
                os.close(end)
        self._ours = self._theirs = -1


class RunningGate:
    """A gatehouse at work in a thread."""

    def __init__(self, enrolled: Enrolled, settings: Settings) -> None:
        self.house = Gatehouse(settings, enrolled.identity())
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="gate-under-test")
        self._thread.start()

    def _run(self) -> None:
        try:
            self.reopens = self.house.run()
        except BaseException as error:  # noqa: BLE001 - told to the test when it joins
            self._error = error

    def join(self) -> None:
        """Waits for the gate's end; `reopens` then tells whether it wants to be opened anew."""
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.house.stop()
        self.join()


def wait_until(met: Callable[[], bool], what: str) -> None:
    """For what only the file system can tell: looks again and again."""
    pause, until_s = threading.Event(), time.monotonic() + WAIT_S
    while not met():
        assert time.monotonic() < until_s, f"never came true: {what}"
        pause.wait(0.01)


def gate_toml(
    enrolled: Enrolled, *lanes: Mapping[str, str], gate: str = 'indicator = "console:?colour=never"\nheld_s = 0.5', more: str = ""
) -> Path:
    """A configuration file of this device."""
    text = f'[device]\nstate = "{enrolled.state}"\nruntime = "{enrolled.runtime}"\nclock = "system"\nmemory = true\n'
    text += f"[gate]\n{gate}\n[outbox]\nkeep_free_mb = 0\n"
    for lane in lanes:
        text += "[[lane]]\n" + "".join(f'{key} = "{value}"\n' for key, value in lane.items())
    path = enrolled.state.parent / "gate.toml"
    path.write_text(text + more, encoding="utf-8")
    return path


BLANK = np.full((240, 320), 200, dtype=np.uint8)
