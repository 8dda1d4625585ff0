"""For `make image-check`: boots a card in a virtual machine, lets people pass at a serial reader, cuts the power, looks what is left."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_agent.store.outbox import FILE_NAME, opened_to_read
from edge_agent.wire import envelope
from edge_agent.wire.entry import Kind
from firmware.person_codes import write_person
from province.demo.synthetic import synthetic_people

_ACCELERATOR = os.environ.get("ACCEL", "tcg")
_BOOT_S = 900.0  # emulated, on a machine that is busy
_ANSWER_S = 120.0
_LOOK_S = 0.1
_COMMAND_LINE = "console=ttyS0 root=LABEL=rootfs ro quiet fsck.repair=yes systemd.journald.forward_to_console=1 systemd.show_status=1"
_BLOCK = 1 << 20


class Boot:
    """One life of the machine, from power on to power off; `late` is a disk that is not there before `plug`."""

    def __init__(self, work: Path, card: Path, name: str, *more: str, late: Path | None = None) -> None:
        self._name = name
        self._console = work / f"{name}.console"
        self._console.unlink(missing_ok=True)
        reader, self._monitor = work / "reader.socket", work / "monitor.socket"
        for each in (reader, self._monitor):
            each.unlink(missing_ok=True)
        command = [
            "qemu-system-x86_64", "-accel", _ACCELERATOR, "-m", "512", "-smp", "2",
            "-display", "none", "-nodefaults", "-no-reboot",
            "-kernel", str(work / "kernel"), "-initrd", str(work / "initrd"), "-append", " ".join([_COMMAND_LINE, *more]),
            "-drive", f"file={card},format=raw,if=virtio,cache=writethrough",
            "-chardev", f"file,id=console,path={self._console}", "-serial", "chardev:console",
            "-chardev", f"socket,id=reader,path={reader},server=on,wait=off", "-serial", "chardev:reader",
            "-qmp", f"unix:{self._monitor},server=on,wait=off",
            *(("-drive", f"file={late},format=raw,if=none,id=late,cache=writethrough") if late else ()),
        ]  # fmt: skip
        with (work / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command
        self._reader_path = reader
        self._reader: socket.socket | None = None

    def text(self) -> str:
        """What the machine has said so far."""
        try:
            return self._console.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def wait_for(self, pattern: str, count: int = 1, patience_s: float = _BOOT_S) -> None:
        """Waits until the console has shown it so many times."""
        until_s = time.monotonic() + patience_s
        while len(re.findall(pattern, self.text())) < count:
            if self._process.poll() is not None:
                sys.exit(f"{self._name}: the machine ended before {pattern!r}; see {self._console}")
            if time.monotonic() > until_s:
                sys.exit(f"{self._name}: no {pattern!r} within {patience_s:g} s; see {self._console}")
            time.sleep(_LOOK_S)  # a file that another process writes offers no event to a check with no library

    def wait_for_the_end(self) -> None:
        """Waits until the machine starts anew, which ends this one."""
        try:
            self._process.wait(_BOOT_S)
        except subprocess.TimeoutExpired:
            self.cut()
            sys.exit(f"{self._name}: it does not start anew; see {self._console}")

    def scan(self, text: str) -> None:
        """Holds a code under the reader."""
        if self._reader is None:
            self._reader = socket.socket(socket.AF_UNIX)
            self._reader.connect(str(self._reader_path))
        self._reader.sendall(text.encode() + b"\r\n")

    def plug(self) -> None:
        """Puts the late disk in (QEMU Machine Protocol, one JSON object a line)."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self._monitor))
            answers = monitor.makefile("r", encoding="utf-8")
            for asked in (
                {"execute": "qmp_capabilities"},
                {"execute": "device_add", "arguments": {"driver": "virtio-blk-pci", "drive": "late", "id": "late-disk"}},
            ):
                monitor.sendall(json.dumps(asked).encode() + b"\n")
                told = next(line for line in answers if "return" in line or "error" in line)
                _must("error" not in told, f"the disk cannot be put in: {told}")

    def cut(self) -> None:
        """Takes the power away."""
        self._process.kill()
        self._process.wait()
        if self._reader is not None:
            self._reader.close()


def _partition(card: Path, number: int) -> tuple[int, int]:
    dump = subprocess.run(["sfdisk", "--json", str(card)], capture_output=True, check=True).stdout  # noqa: S603, S607 - as root by its name
    one = json.loads(dump)["partitiontable"]["partitions"][number]
    return one["start"] * 512, one["size"] * 512


def _digest(card: Path, number: int) -> str:
    start, size = _partition(card, number)
    digest = hashlib.sha256()
    with card.open("rb") as file:
        file.seek(start)
        while size > 0 and (block := file.read(min(size, _BLOCK))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()


@contextmanager
def _mounted(work: Path, card: Path) -> Iterator[Path]:
    """The writable partition of a copy: looking must not repair what the next boot is to repair itself."""
    copy, place = work / "state.img", work / "mounted"
    start, size = _partition(card, 2)
    with card.open("rb") as file, copy.open("wb") as to:
        file.seek(start)
        while size > 0 and (block := file.read(min(size, _BLOCK))):
            size -= to.write(block)
    subprocess.run(["mount", "-o", "loop", str(copy), str(place)], check=True)  # noqa: S603, S607 - as root by its name
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)  # noqa: S603, S607 - the same


def entries(work: Path, card: Path) -> list[tuple[int, Kind, str]]:
    """What the card's outbox holds: number, kind and digest of each entry."""
    with _mounted(work, card) as state, opened_to_read(state / "gate-scanner" / FILE_NAME, by_itself=False) as connection:
        rows = connection.execute("SELECT envelope FROM sealed ORDER BY ordinal").fetchall()
    opened = [(envelope.peek(sealed), sealed) for (sealed,) in rows]
    return [(one.header.seq, one.header.kind, hashlib.sha256(sealed).hexdigest()) for one, sealed in opened]


def _say(words: str) -> None:
    print(f"image-check: {words}", flush=True)


def _must(true: object, words: str) -> None:
    if not true:
        sys.exit(f"image-check: FAILED: {words}")


def _shown(boot: Boot, what: str) -> str:
    found = re.search(rf"check-card: {re.escape(what)} ([^\r\n]*)", boot.text())
    return found[1] if found else ""


class Card:
    """A card, and what it must hold."""

    def __init__(self, work: Path) -> None:
        self.work, self.path = work, work / "card.img"
        self.people = 0
        self.held: list[tuple[int, Kind, str]] = []

    def life(self, name: str, people: int, *more: str) -> Boot:
        """Boots, lets people pass, cuts the power as soon as the last of them sees green, and looks."""
        started_s = time.monotonic()
        boot = Boot(self.work, self.path, name, *more)
        boot.wait_for("check-card: done")
        boot.wait_for("in: working|lane in")
        took_s = time.monotonic() - started_s
        for number, person in enumerate(synthetic_people(self.people + people, seed=7)[self.people :], start=1):
            boot.scan(write_person(person))
            boot.wait_for("accepted", number, _ANSWER_S)
        boot.cut()
        self.people += people
        now = entries(self.work, self.path)
        _must(now[: len(self.held)] == self.held, f"{name}: entries of before are not what they were")
        passages = sum(kind is Kind.PASSAGE for _seq, kind, _digest in now)
        _must(passages == self.people, f"{name}: {passages} passages are there, {self.people} saw green")
        self.held = now
        _say(f"{name}: up in {took_s:.0f} s, {people} saw green, power cut: all {passages} passages are there, {len(now)} entries")
        return boot


def _first(card: Card) -> None:
    boot = Boot(card.work, card.path, "first boot")
    boot.wait_for_the_end()
    _must("seal: done" in boot.text(), f"it did not seal itself; see {card.work}/first boot.console")
    _say("first boot: sealed itself and started anew")


def _late_partition(card: Card) -> None:
    """A card of its own, made like ours, whose writable partition comes when it has been given up: before it is sealed, and after."""
    whole, late = card.work / "late-card.img", card.work / "late.img"
    shutil.copyfile(card.path, whole)
    start, size = _partition(whole, 2)
    with whole.open("r+b") as file, late.open("wb") as to:
        file.seek(start)
        while to.tell() < size:
            to.write(file.read(min(size - to.tell(), _BLOCK)))
        file.seek(start)
        file.write(bytes(64 * 1024))
    boot = Boot(card.work, whole, "late first boot", late=late)
    boot.wait_for("lies on the card's root")
    boot.wait_for("fault")
    boot.wait_for("seal: the root stays writable")
    boot.plug()
    boot.wait_for_the_end()
    _must("show a ticket" not in boot.text(), "the gate opened on the root")
    _must("seal: done" in boot.text(), f"it did not seal itself; see {card.work}/late first boot.console")
    boot = Boot(card.work, whole, "late sealed", late=late)
    boot.wait_for("lies in memory")
    boot.plug()
    boot.wait_for("in: working|lane in")
    boot.wait_for(r"Started (\S* *-? *)?gate-scanner: the agent|Started \S*gate-agent")
    boot.scan(write_person(synthetic_people(1, seed=7)[0]))
    boot.wait_for("accepted", patience_s=_ANSWER_S)
    boot.cut()
    for each in (whole, late):
        each.unlink()
    _say("a partition that comes after it was given up: shut until then; then sealed, opened and the agent started, by themselves")


def _sealed_lives(card: Card) -> None:
    root = _digest(card.path, 1)
    boots = [card.life(f"boot {number}", 3) for number in (2, 3)]
    for boot in boots:
        _must(_shown(boot, "/ is").startswith("overlay"), f"the root is {_shown(boot, '/ is')}")
        for folder in ("/state", "/var/lib/gate-scanner", "/var/lib/chrony", "/var/lib/systemd"):
            _must(re.match(r"ext4 +rw", _shown(boot, f"{folder} is")), f"{folder} is {_shown(boot, f'{folder} is')}")
        _must(re.match(r"vfat +ro", _shown(boot, "/boot/firmware is")), f"/boot/firmware is {_shown(boot, '/boot/firmware is')}")
        _must(_shown(boot, "drift of") == "_chrony, chrony active", f"chrony: drift of {_shown(boot, 'drift of')}")
        _must(_shown(boot, "root held") == "nothing", "what was written to the root stayed")
    _must(len({_shown(boot, "id") for boot in boots}) == 1, "its machine id changes")
    _must(_digest(card.path, 1) == root, "the root is not what it was")
    _say("the root: every byte as sealed, an overlay in memory over it, the same machine id; the boot partition read-only")
    recursing = card.life("raspi-config's overlay", 2, "overlayroot=tmpfs")
    _must(re.match(r"ext4 +rw", _shown(recursing, "/var/lib/gate-scanner is")), "raspi-config's overlay covers the writable partition")
    _say("with overlayroot=tmpfs on the command line, as raspi-config writes it, which covers all of fstab: writable all the same")


def _without_partition(card: Card) -> None:
    broken = card.work / "broken.img"
    shutil.copyfile(card.path, broken)
    start, _size = _partition(broken, 2)
    with broken.open("r+b") as file:
        file.seek(start)
        file.write(bytes(64 * 1024))
    boot = Boot(card.work, broken, "no partition")
    boot.wait_for("lies in memory")
    boot.wait_for("fault")
    for person in synthetic_people(card.people + 3, seed=7)[card.people :]:
        boot.scan(write_person(person))
    boot.wait_for("lies in memory", 2)  # started anew by systemd
    _must("accepted" not in boot.text(), "somebody saw green")
    _must(not re.search(r"gate-firmware\[\d+\]:.* ready", boot.text()), "it says that it is ready")
    boot.cut()
    broken.unlink()
    _say("without its partition: a fault is shown, the log says why, nobody sees green, it is tried again")


def main(words: Sequence[str]) -> None:
    """Plays all lives of a card."""
    card = Card(Path(words[0]))
    _say(f"booting, by {_ACCELERATOR}")
    _late_partition(card)
    _first(card)
    _sealed_lives(card)
    _without_partition(card)


if __name__ == "__main__":
    main(sys.argv[1:])
