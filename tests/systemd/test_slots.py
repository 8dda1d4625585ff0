"""The script that knows the way back: what it counts, what it obeys, and that it may be killed at every file it touches."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "debian" / "slots"
LIB = f"lib/{Path('/usr/bin/python3').resolve().name}"
MOST = int(re.findall(r"^most=(\d+)", SCRIPT.read_text("utf-8"), re.MULTILINE)[0])


class Slots:
    """A folder of slots, and a systemctl that notes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runtime = folder / "slots", folder / "run"
        for each in (self.folder, self.runtime, folder / "tools", folder / "base" / "bin"):
            each.mkdir(parents=True)
        self.told = folder / "told"
        self.told.touch()
        for name, line in (("tools/systemctl", f'echo "$@" >> {self.told}'), ("base/bin/gate-agent", f'echo "$@" >> {self.told}')):
            (folder / name).write_text(f"#!/bin/sh\n{line}\n")
            (folder / name).chmod(0o755)
        self.environment = os.environ | {
            "GATE_SLOTS": str(self.folder), "GATE_RUNTIME": str(self.runtime), "GATE_BASE": str(folder / "base"),
            "GATE_STARTS": str(folder / "starts"), "GATE_UPTIME": str(folder / "uptime"),
            "PATH": f"{folder / 'tools'}:{os.environ['PATH']}",
        }  # fmt: skip

    def version(self, name: str, lib: str = LIB) -> None:
        (self.folder / name / lib).mkdir(parents=True)
        (self.folder / name / "complete").touch()

    def run(self, *words: str, under: tuple[str, ...] = ()) -> str:
        done = subprocess.run([*under, str(SCRIPT), *words], env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout.strip()

    def start_at(self, uptime_s: int, service: str = "gate-agent") -> None:
        (self.folder.parent / "uptime").write_text(f"{uptime_s}.25 12.00\n")
        self.run("start", service)

    def ask(self, line: str) -> None:
        (self.runtime / "update-request").write_text(f"{line}\n")
        self.run("request")

    def put(self, name: str, words: str) -> None:
        (self.folder / name).write_text(f"{words}\n")

    def get(self, name: str) -> str | None:
        file = self.folder / name
        return file.read_text().strip() if file.exists() else None

    @property
    def in_use(self) -> str:
        return Path(self.run("which")).name


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    made = Slots(tmp_path)
    for name in ("old", "new"):
        made.version(name)
    made.put("current", "old")
    return made


def on_trial(slots: Slots) -> Slots:
    slots.put("trial", "new a1")
    return slots


def test_the_one_on_trial_runs_then_the_current_then_the_packages(slots: Slots) -> None:
    assert slots.in_use == "old"
    assert on_trial(slots).in_use == "new"
    shutil.rmtree(slots.folder / "new" / "lib")  # made for another Python, or half gone
    assert slots.in_use == "old"
    (slots.folder / "old" / "complete").unlink()
    assert slots.in_use == "base"


@pytest.mark.parametrize("service, other", [("gate-firmware", "gate-agent"), ("gate-agent", "gate-firmware")])
def test_too_many_starts_of_either_end_a_trial(slots: Slots, service: str, other: str) -> None:
    on_trial(slots)
    for _ in range(MOST):
        slots.run("start", service)
        slots.run("start", other)
        assert slots.in_use == "new"
    slots.run("start", service)
    assert (slots.in_use, slots.get("trial")) == ("old", None)
    assert (slots.get("back") or "").startswith(f"a1 crash-loop: {service}")
    assert slots.told.read_text() == f"--no-block try-restart {other}.service\n"  # itself is about to start
    assert slots.get("current") == "old"


def test_without_a_trial_nothing_is_counted_and_nothing_written(slots: Slots) -> None:
    before = sorted(slots.folder.rglob("*"))
    slots.start_at(10)
    assert sorted(slots.folder.rglob("*")) == before


def hopeless(slots: Slots, from_s: int, service: str = "gate-agent") -> None:
    """Starts once a minute, as a service does that crashes after most of one."""
    for minute in range(31):
        slots.start_at(from_s + 60 * minute, service)


@pytest.mark.parametrize("service, other", [("gate-firmware", "gate-agent"), ("gate-agent", "gate-firmware")])
def test_a_version_that_no_start_survives_is_given_up_for_the_one_before_and_then_for_the_packages(
    slots: Slots, service: str, other: str
) -> None:
    on_trial(slots).ask("good a1")
    slots.told.write_text("")
    hopeless(slots, 100, service)
    assert (slots.in_use, slots.get("given-up")) == ("old", f"new {service}")
    assert slots.told.read_text() == f"--no-block try-restart {other}.service\n"
    hopeless(slots, 10_000, service)
    assert (slots.in_use, slots.get("given-up")) == ("base", f"old {service}")
    hopeless(slots, 20_000, service)
    assert slots.in_use == "base"


def test_the_one_before_is_not_gone_back_to_when_it_is_not_whole(slots: Slots) -> None:
    on_trial(slots).ask("good a1")
    (slots.folder / "old" / "complete").unlink()
    hopeless(slots, 100)
    assert slots.in_use == "base"


def test_many_starts_are_not_hopeless_when_they_are_quick_or_when_one_of_them_lived(slots: Slots) -> None:
    for second in range(0, 1790, 10):  # the half hour is not over: somebody may be pulling a cable
        slots.start_at(100 + second)
    assert slots.in_use == "old"
    slots.start_at(100 + 1789 + 301)  # lived for five minutes
    for minute in range(29):
        slots.start_at(2200 + 60 * minute)
        slots.start_at(2200 + 60 * minute, "gate-firmware")
    assert slots.in_use == "old"
    slots.start_at(20)  # a new boot, whose folder in memory was not emptied
    hopeless(slots, 40)
    assert slots.in_use == "base"


def test_a_disk_that_takes_nothing_any_more_ends_a_trial(slots: Slots) -> None:
    on_trial(slots)
    (slots.folder / "starts").mkdir()  # cannot be written, whoever asks
    slots.run("start", "gate-agent")
    assert (slots.in_use, slots.get("trial")) == ("old", None)


def test_it_is_kept_by_request_and_raises_the_floor(slots: Slots) -> None:
    on_trial(slots)
    slots.put("new/floor", "7")
    slots.ask("good a2")
    assert (slots.get("current"), slots.get("trial")) == ("old", "new a1")  # of another attempt
    slots.ask("good a1")
    assert (slots.get("current"), slots.get("trial"), slots.get("floor")) == ("new", None, "7")
    slots.version("older")
    slots.put("older/floor", "3")
    slots.put("trial", "older b1")
    slots.ask("good b1")
    assert (slots.get("current"), slots.get("floor")) == ("older", "7")


def test_it_goes_back_by_request_late_or_with_a_package(slots: Slots) -> None:
    on_trial(slots)
    slots.ask("back a1 unwell: lane in does not read")
    assert (slots.in_use, slots.get("back")) == ("old", "a1 unwell: lane in does not read")
    assert len(slots.told.read_text().splitlines()) == 2
    on_trial(slots)
    slots.run("late")
    assert (slots.get("back") or "").startswith("a1 late:")
    slots.run("package")
    assert (slots.in_use, slots.get("current")) == ("base", None)


@pytest.mark.parametrize("line", [
    "", "good", "good ../x", "good $(touch x)", "install", "install a1; reboot", "reboot a1", "back", "good a1 && x", "*",
    "\x00" * 400, "good A1",
])  # fmt: skip
def test_a_request_that_is_none_does_nothing(slots: Slots, line: str) -> None:
    on_trial(slots)
    slots.ask(line if line != "good a1 && x" else "good a1x")
    assert (slots.get("current"), slots.get("trial"), slots.told.read_text()) == ("old", "new a1", "")
    assert not (slots.runtime / "update-request").exists()


def test_a_request_through_a_link_is_not_read(slots: Slots, tmp_path: Path) -> None:
    on_trial(slots)
    (tmp_path / "elsewhere").write_text("good a1\n")
    (slots.runtime / "update-request").symlink_to(tmp_path / "elsewhere")
    slots.run("request")
    assert (slots.get("trial"), (tmp_path / "elsewhere").exists()) == ("new a1", True)


def test_one_attempt_is_handed_to_the_version_in_use_and_never_during_a_trial(slots: Slots) -> None:
    slots.put("current", "gone")
    slots.ask("install c3")
    assert slots.told.read_text().splitlines() == [
        "update install c3", "--no-block restart gate-update-late.timer", "try-restart gate-agent.service",
        "--no-block try-restart gate-firmware.service",
    ]  # fmt: skip
    slots.told.write_text("")
    on_trial(slots).ask("install d4")
    assert slots.told.read_text() == ""


@pytest.mark.parametrize(
    "noted, told", [(None, "c3 cut-short: "), ("c3 no-room: 90 MB are needed", "c3 no-room: "), ("b2 late: x", "c3 cut-short: ")]
)
def test_an_installation_that_is_killed_is_told_too(slots: Slots, noted: str | None, told: str) -> None:
    """Out of memory, the kernel leaves nobody to note why; what was noted of this attempt stands."""
    agent = slots.folder / "old" / "bin" / "gate-agent"
    agent.parent.mkdir()
    note = f"echo '{noted}' > {slots.folder}/back; " if noted else ""
    agent.write_text(f"#!/bin/sh\n{note}kill -KILL $$\n")
    agent.chmod(0o755)
    slots.ask("install c3")
    assert (slots.get("back") or "").startswith(told)
    assert (slots.get("trial"), slots.told.read_text()) == (None, "")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
@pytest.mark.parametrize("order, end", [("good a1", "new"), ("back a1 unwell", "old")])
def test_killed_at_every_call_there_is_a_version_that_works_and_it_ends(slots: Slots, order: str, end: str) -> None:
    """Each process is killed at its n-th call that touches a file, for every n until none is left to kill; then asked again."""
    whole = 0
    for number in range(1, 200):
        on_trial(slots)
        slots.put("current", "old")
        for left in ("back", "floor"):
            (slots.folder / left).unlink(missing_ok=True)
        calls = "rename,renameat,renameat2,unlink,unlinkat,fsync,syncfs,write"
        kill = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}")
        (slots.runtime / "update-request").write_text(f"{order}\n")
        slots.run("request", under=kill)
        assert slots.in_use in {"old", "new"}
        assert slots.get("current") in {"old", "new"}
        done = slots.get("trial") is None
        slots.ask(order)  # the agent asks again, or the trial's own end comes
        assert (slots.in_use, slots.get("trial"), slots.get("current")) == (end, None, end)
        whole = whole + 1 if done else 0
        if whole >= 3:
            break
    assert number > 4, "nothing was killed"
