"""What both services take of a small board: memory, processor, wake-ups, threads and files, idle and with two people a second.

The real processes under a service manager, as their units have it, beside a real broker and a real collector; at the gate a serial reader,
then a camera's pictures of 1280 x 720 at 30 a second from a folder. picamera2 has memory of its own and is not here to be measured.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from chain_world import GATE_1, Gate
from manager import Manager
from measures import Measure, at_most, none_of, told
from PIL import Image
from province_world import ROOT, Broker, Collecting, free_port, settings
from start_up import by_package
from station_world import Phone as StationPhone
from station_world import until

from drivers.simulated_view import Phone, Scene
from edge_agent.station import certificate, pin
from edge_agent.wire.sealing import Suite
from firmware.person_codes import Person, write_person
from province.base.clock import now_ms
from province.demo.synthetic import synthetic_people
from province.trust import founding

_IDLE_S, _SETTLE_S = 20.0, 3.0
_PEOPLE, _APART_S = 40, 0.5
_FACES, _SHOWN, _GONE = 20, 10, 5  # people in the pictures; frames with and without each: two people a second at 30 frames
_FIRMWARE_MB, _AGENT_MB, _PAGE_MB, _AGENT_IDLE = 90, 50, 85, 0.01
_END_S = 20.0
# What firmware and the province are right to use
_NOT_THE_AGENTS = frozenset({"PIL", "av", "cv2", "cwt", "firmware", "gpiozero", "luma", "numpy", "province", "segno", "serial", "zxingcpp"})


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a process has taken until now.

    Attributes:
        cpu_s: processor time, of the user's and of the kernel's code for it.
        wakes: how often its threads went to wait for something.
        most_mb: the most that was ever resident, with the files of its libraries.
        share_mb: its memory now; what others have in use too is counted by its share.
        private_mb: of it what is in no file.
    """

    at_s: float
    cpu_s: float
    wakes: int
    most_mb: float
    share_mb: float
    private_mb: float
    threads: int
    files: int

    @classmethod
    def by(cls, pid: int) -> Self:
        """Source: proc(5). The kernel sums `schedstat` in ns, `stat` would have ticks of 10 ms."""
        here = Path(f"/proc/{pid}")
        tasks = list((here / "task").iterdir())
        status = [(task / "status").read_text("ascii") for task in tasks]
        memory = _sizes_mb(here / "status") | _sizes_mb(here / "smaps_rollup")
        return cls(
            time.monotonic(),
            sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks) / 1e9,
            sum(int(found) for text in status for found in re.findall(r"^voluntary_ctxt_switches:\s+(\d+)$", text, re.MULTILINE)),
            memory["VmHWM"],
            memory["Pss"],
            memory["RssAnon"],
            len(tasks),
            sum(1 for _ in (here / "fd").iterdir()),
        )


def _sizes_mb(file: Path) -> dict[str, float]:
    return {name: int(kb) * 1024 / 1e6 for name, kb in re.findall(r"^(\w+):\s+(\d+) kB$", file.read_text("ascii"), re.MULTILINE)}


@dataclass(frozen=True, slots=True)
class _Span:
    """What a process takes in a time."""

    first: _Taken
    last: _Taken

    @property
    def cpu(self) -> float:
        """As a share of one core."""
        return (self.last.cpu_s - self.first.cpu_s) / (self.last.at_s - self.first.at_s)

    @property
    def wakes_hz(self) -> float:
        return (self.last.wakes - self.first.wakes) / (self.last.at_s - self.first.at_s)

    def taken(self, name: str, cpu_bar: float | None = None) -> list[Measure]:
        """What is told of it, its processor time with or without a bar."""
        cpu = f"{name}: processor", self.cpu, "of a core"
        return [
            told(*cpu) if cpu_bar is None else at_most(*cpu, cpu_bar),
            told(f"{name}: wake-ups", self.wakes_hz, "/s"),
            told(f"{name}: memory, shared files by their share", self.last.share_mb, "MB"),
            told(f"{name}: memory, private", self.last.private_mb, "MB"),
            told(f"{name}: threads", self.last.threads, ""),
            told(f"{name}: open files", self.last.files, ""),
        ]


def _idle(*services: _Service) -> list[_Span]:
    """Each while nobody comes."""
    time.sleep(_SETTLE_S)  # what is still written and receipted
    before = [service.taken() for service in services]
    time.sleep(_IDLE_S)
    return [_Span(first, service.taken()) for first, service in zip(before, services, strict=True)]


class _Service:
    """One of our services, started as its unit starts it."""

    def __init__(self, folder: Path, name: str, watchdog_s: float, *command: str) -> None:
        self._log = folder / f"{name}.log"
        self._stack = ExitStack()
        self._manager = self._stack.enter_context(Manager(folder / name, watchdog_s, abstract=True))
        environment = {**os.environ, "PYTHONFAULTHANDLER": "1", **self._manager.environment}
        with self._log.open("w") as log:
            self._process = subprocess.Popen([sys.executable, *command], stdout=log, stderr=log, cwd=ROOT, env=environment)
        self._manager.wait_for_first("READY=1")

    def wait_until(self, status: str) -> None:
        """Waits until it has told so of itself."""
        self._manager.wait_for_first(f"STATUS={status}")

    def log(self) -> str:
        return self._log.read_text("utf-8")

    def taken(self) -> _Taken:
        return _Taken.by(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.wait(_END_S)
        self._stack.close()


@dataclass
class _Site:
    """A gate, its agent, and a register that grows."""

    folder: Path
    gate: Gate
    collecting: Collecting
    people: Iterator[Person]

    @contextmanager
    def carried(self, *python: str) -> Iterator[_Service]:
        """The agent, connected; `python` are options of the interpreter."""
        command = (*python, "-m", "edge_agent", "run", "--config", str(self.gate.config))
        with _Service(self.folder, "agent", 120, *command) as agent:
            agent.wait_until("connected to the broker")
            yield agent

    @contextmanager
    def opened(self, name: str, lane: str) -> Iterator[_Service]:
        """Firmware at work with such a lane."""
        text = self.gate.config.read_text("utf-8")
        self.gate.config.write_text(re.sub(r"^(camera|reader) = .*$", lane, text, flags=re.MULTILINE), encoding="utf-8")
        with _Service(self.folder, name, 60, "-m", "firmware", "run", "--config", str(self.gate.config)) as firmware:
            yield firmware

    def come(self, count: int = _PEOPLE) -> None:
        """People come to the reader, two a second."""
        began_s = time.monotonic()
        for place, person in enumerate(itertools.islice(self.people, count)):
            time.sleep(max(0.0, began_s + place * _APART_S - time.monotonic()))  # the next person's moment
            self.gate.port.send(write_person(person).encode() + b"\r\n")

    def registered(self, count: int) -> int:
        """Waits until so many passages more are in the register."""
        found = 0
        while found < count:
            event = self.collecting.events.get(timeout=_END_S)
            found += event["event"] == "registered" and event["kind"] == "passage"
        return found


@contextmanager
def _site() -> Iterator[_Site]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        layout = founding.found(folder / "province", settings(free_port(), suite=Suite.XWING), now_ms())
        stack.enter_context(Broker(layout))
        gate = stack.enter_context(Gate.bare(folder / "gate", GATE_1))
        gate.enrol(layout)
        (gate.state / "check.json").touch()  # it opened before: no self-test
        text = gate.config.read_text("utf-8").replace("receipt_timeout_s = 1.0", "").replace("held_s = 0.5", "repeat_s = 5")
        gate.config.write_text(text, encoding="utf-8")
        collecting = stack.enter_context(Collecting(layout))
        yield _Site(folder, gate, collecting, iter(synthetic_people(500, seed=7)))


def _pictures(folder: Path, people: Sequence[Person]) -> str:
    """A camera's lane, whose pictures show each of these people in turn; without any, an empty gate."""
    rng = np.random.default_rng(7)
    scene = Scene((1280, 720), rng)
    folder.mkdir()
    views: list[Phone | None] = [None] * _GONE
    for person in people:
        views += [Phone(write_person(person), rng)] * _SHOWN + [None] * _GONE
    for number, phone in enumerate(views):
        picture = scene.draw(phone, 10 + number % (_SHOWN + _GONE))  # held still from the tenth on
        Image.fromarray(picture).save(folder / f"{number:05}.pgm")
    return f'camera = "images:{folder}?fps=30&loop=1"'


def _imported(site: _Site) -> list[Measure]:
    """What the agent loads until it is connected."""
    with site.carried("-X", "importtime") as agent:
        spent = by_package(agent.log())
    return [
        told("gate-agent: imports, all together", spent.total() / 1000, "ms"),
        none_of("gate-agent: heavy packages loaded that it does not need", len(_NOT_THE_AGENTS & set(spent)), "packages"),
    ]


def _with_page(site: _Site) -> list[Measure]:
    """What the agent takes with the station page on, once a keeper has entered the PIN and looked at every page."""
    port, plain = free_port(), site.gate.config.read_text("utf-8")
    site.gate.config.write_text(f"{plain}\n[station]\nenabled = true\nport = {port}\n", encoding="utf-8")
    digits = pin.make(site.gate.state)
    with site.carried() as agent:
        until(lambda: "station page: https://" in agent.log())
        trusted = certificate.files(site.gate.state)[0]
        phone = StationPhone(port, trusted, certificate.covered(certificate.make_sure(site.gate.state, "", ()))[0])
        phone.enter(digits)
        pages = [phone.get(f"/vi/{page}").status for page in ("gate", "paper", "health", "reader")]
        (idle,) = _idle(agent)
    site.gate.config.write_text(plain, encoding="utf-8")
    return [
        none_of("gate-agent with the station page: pages not shown", sum(status != 200 for status in pages), "pages"),
        at_most("gate-agent with the station page: memory, resident, at most", idle.last.most_mb, "MB", _PAGE_MB),
        *idle.taken("gate-agent with the station page, idle", _AGENT_IDLE),
    ]


def _serial(site: _Site, agent: _Service) -> list[Measure]:
    """The figures of a gate with a serial reader, and of the agent."""
    with site.opened("serial", f'reader = "serial:{site.gate.port.path}"') as firmware:
        site.come(_PEOPLE // 3)  # every part has had its turn
        site.registered(_PEOPLE // 3)
        idle, agent_idle = _idle(firmware, agent)
        before = firmware.taken(), agent.taken()
        site.come()
        busy, agent_busy = _Span(before[0], firmware.taken()), _Span(before[1], agent.taken())
        site.registered(_PEOPLE)
    return [
        at_most("gate-agent: memory, resident, at most", agent_busy.last.most_mb, "MB", _AGENT_MB),
        at_most("gate-firmware with a serial reader: memory, resident, at most", busy.last.most_mb, "MB", _FIRMWARE_MB),
        *agent_idle.taken("gate-agent, idle", _AGENT_IDLE),
        *agent_busy.taken("gate-agent, 2 people/s"),
        *idle.taken("gate-firmware, serial reader, idle"),
        *busy.taken("gate-firmware, serial reader, 2 people/s"),
    ]


def _camera(site: _Site) -> list[Measure]:
    """The figures of a gate with a camera's pictures."""
    with site.opened("nobody", _pictures(site.folder / "nobody", [])) as firmware:
        (idle,) = _idle(firmware)
    with site.opened("people", _pictures(site.folder / "people", list(itertools.islice(site.people, _FACES)))) as firmware:
        site.registered(_FACES)
        before = firmware.taken()
        passed = site.registered(_PEOPLE)
        busy = _Span(before, firmware.taken())
    return [
        at_most("gate-firmware with pictures: memory, resident, at most", busy.last.most_mb, "MB", _FIRMWARE_MB),
        told("gate-firmware with pictures: people", passed / (busy.last.at_s - busy.first.at_s), "/s"),
        *idle.taken("gate-firmware, pictures, idle"),
        *busy.taken("gate-firmware, pictures, 2 people/s"),
    ]


def measure() -> list[Measure]:
    """The figures."""
    with _site() as site:
        imported = _imported(site)
        with_page = _with_page(site)
        with site.carried() as agent:
            return [*_serial(site, agent), *_camera(site), *with_page, *imported]
