"""Makes a slot out of a fetched release and puts it on trial: what root does for the agent, and the only thing it does.

It believes nothing that the agent's user can write: the signature is checked again, by what root itself knows of the province (`trust`);
each wheel is copied first and hashed as copied. Then a virtual environment is made, tried, marked complete, put on trial. Whatever is
cut short leaves the version in use as it is. Source: decision 0091; debian/slots goes on from there.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from edge_agent.base.disk import sync_file, sync_folder
from edge_agent.device import identity, settings_file
from edge_agent.device import settings as settings_of
from edge_agent.update.release_check import Unsuitable, check
from edge_agent.update.slots import SHARE, Slots, slot_of
from edge_agent.update.trust import NotBelieved, look, read_stranger
from edge_agent.wire import release
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.release import MAX_RELEASE_BYTES, Part, Release

log = logging.getLogger(__name__)
FETCHED = "update"  # in the state folder: what the agent has fetched
SIGNED = "release.cose"
_COMPLETE, _FLOOR = "complete", "floor"
_RESERVE_BYTES = 64 * 1_000_000  # for entries, while nobody comes
_COPY_BYTES = 1 << 20
_PIP_FOLDER = Path("/usr/share/python-wheels")
_TRIAL_S = 600.0


class NotInstalled(Exception):
    """It is not on trial; `reason` is a word for programs."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Makers:
    """What a slot is made and tried by.

    Attributes:
        python: the system's, of which the environment is made.
        trial: run by the new environment's Python with the device's state folder; its exit code says whether it works here.
    """

    python: Path = Path("/usr/bin/python3")
    trial: Path = SHARE / "trial.py"


@dataclass(frozen=True, slots=True)
class Installer:
    """Puts on trial what was fetched.

    Attributes:
        slots: where.
        state: the device's state folder, which the agent's user may write.
        step: told before each step, for tests that cut there.
    """

    slots: Slots
    state: Path
    makers: Makers = Makers()
    step: Callable[[str], None] = lambda _name: None

    def install(self, attempt: str) -> None:
        """Does all of it; what came of it is in `trial` or in `back`.

        Args:
            attempt: the agent's word for this attempt, hex.

        Raises:
            NotInstalled: it is not on trial, and `back` says why.
            OSError: not even that could be written.
        """
        try:
            self._install(attempt)
        except (Malformed, Forged) as error:
            problem = NotInstalled("bad-signature", str(error))
        except (Unsuitable, NotBelieved) as error:
            problem = NotInstalled(error.reason, str(error))
        except identity.NotEnrolled as error:
            problem = NotInstalled("not-enrolled", str(error))
        except NotInstalled as error:
            problem = error
        except OSError as error:
            problem = NotInstalled("disk", f"{error.filename or self.slots.folder}: {error.strerror or error}")
        except subprocess.TimeoutExpired as error:
            problem = NotInstalled("too-slow", f"a step of the installation did not end within {error.timeout:g} s: is the card failing?")
        else:
            return
        self.refuse(attempt, problem)
        raise problem

    def refuse(self, attempt: str, problem: NotInstalled) -> None:
        """Notes why an attempt came to nothing, for the agent to tell."""
        words = "".join(char if char.isprintable() else " " for char in str(problem))[:400]
        self._keep("back", f"{attempt} {problem.reason}: {words}")

    def _install(self, attempt: str) -> None:
        message = _read(self.state / FETCHED / SIGNED, MAX_RELEASE_BYTES)
        trust = look(self.state, self.slots.folder, self._noted)
        wanted = release.verify(message, trust.root, trust.name, None, trust.not_before_ms, trust.revoked)
        check(wanted, self.slots.floor())
        name = slot_of(release.identity_of(message))
        slot = self.slots.folder / name
        if name != self.slots.current() or not (slot / _COMPLETE).exists():
            self._make(wanted, slot)
        self.step("trial")
        for old in ("back", "starts"):
            (self.slots.folder / old).unlink(missing_ok=True)
        self._keep("trial", f"{name} {attempt}")
        log.info("release %s is on trial as %s", wanted.software, name)

    def _make(self, wanted: Release, slot: Path) -> None:
        if (slot / _COMPLETE).exists() and self._works(slot):
            return
        self._remove_others()
        self._need_room(wanted)
        self.step("remove")
        shutil.rmtree(slot, ignore_errors=True)
        wheels = slot / "wheels"
        wheels.mkdir(parents=True)
        slot.chmod(0o755)
        for part in wanted.parts:
            self.step(f"copy {part.name}")
            self._copy(part, wheels / part.name)
        self.step("environment")
        self._run("made", [self.makers.python, "-I", "-m", "venv", "--without-pip", "--system-site-packages", slot])
        self.step("wheels")
        self._run("filled", [
            self.makers.python, "-I", next(iter(sorted(_PIP_FOLDER.glob("pip-*.whl"))), _PIP_FOLDER) / "pip", "--isolated",
            "--python", slot / "bin" / "python", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps",
            "--no-cache-dir", "--ignore-installed", "--root-user-action=ignore", *sorted(wheels.iterdir()),
        ])  # fmt: skip
        self.step("floor")
        (slot / _FLOOR).write_text(f"{wanted.floor}\n", "ascii")
        self.step("sync")
        os.sync()  # a mark must not outlive what it marks
        self.step("try")
        if not self._works(slot):
            raise NotInstalled("does-not-work", "this version does not work on this device: its own trial failed")
        self.step("complete")
        (slot / _COMPLETE).touch()
        sync_folder(slot)
        sync_folder(self.slots.folder)

    def _copy(self, part: Part, to: Path) -> None:
        """A wheel from where it is, hashed as it is written."""
        fetched = self.state / FETCHED / "parts" / f"{part.digest.hex()}.whl"
        places = [fetched, self.slots.wheels / part.name]
        places += [self.slots.folder / other / "wheels" / part.name for other in (self.slots.current(),) if other]
        for place in places:
            try:
                if _copied(place, to, part.size) == part.digest:
                    return
            except FileNotFoundError:
                continue
        raise NotInstalled("incomplete", f"{part.name}: not here, or not as it was signed")

    def _works(self, slot: Path) -> bool:
        words = [str(slot / "bin" / "python"), "-I", str(self.makers.trial), str(self.state)]
        tried = subprocess.run(words, check=False, stdout=subprocess.DEVNULL, timeout=_TRIAL_S)  # noqa: S603 - files of root's
        return tried.returncode == 0

    def _run(self, what: str, words: Sequence[object]) -> None:
        line = [str(word) for word in words]
        done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=_TRIAL_S)  # noqa: S603 - files of root's
        if done.returncode:
            full = shutil.disk_usage(self.slots.folder).free < _COPY_BYTES or "No space left" in done.stderr
            raise NotInstalled("no-room" if full else "not-made", f"the environment cannot be {what}: {done.stderr.strip()[-200:]}")

    def _remove_others(self) -> None:
        """Of versions only the one in use stays: it is the way back."""
        for folder in self.slots.folder.iterdir():
            if folder.is_dir() and folder.name != self.slots.current():
                shutil.rmtree(folder, ignore_errors=True)

    def _need_room(self, wanted: Release) -> None:
        needed = wanted.unpacked + wanted.part_bytes + _RESERVE_BYTES
        free = shutil.disk_usage(self.slots.folder).free
        if free < needed:
            raise NotInstalled("no-room", f"{needed // 1_000_000} MB are needed, {free // 1_000_000} MB are free")

    def _noted(self, name: str, words: str) -> None:
        self.step(f"note {name}")
        self._keep(name, words)

    def _keep(self, name: str, words: str) -> None:
        """Replaces one of the small files, on the disk when it returns."""
        new = self.slots.folder / f".{name}"
        new.write_text(f"{words}\n", "utf-8")
        sync_file(new)
        new.rename(self.slots.folder / name)
        sync_folder(self.slots.folder)


def _read(file: Path, most: int) -> bytes:
    """As `read_stranger`, for what must be there.

    Raises:
        NotInstalled: it is not.
    """
    try:
        data = read_stranger(file, most)
    except OSError as error:
        raise NotInstalled("incomplete", f"{file.name}: cannot be read ({error.strerror})") from None
    if data is None:
        raise NotInstalled("incomplete", f"{file.name}: is not there")
    return data


def _copied(place: Path, to: Path, size: int) -> bytes:
    """Copies a file's first bytes, so many and one more: a longer one must not fill the disk. Returns the SHA-256 of what was written."""
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    digest = sha256()
    with os.fdopen(descriptor, "rb") as source, to.open("wb") as target:
        left = size + 1
        while left and (data := source.read(min(_COPY_BYTES, left))):
            digest.update(data)
            target.write(data)
            left -= len(data)
    return digest.digest()


def run(attempt: str, config: Path) -> int:
    """Installs on this machine, as the unit has it.

    Returns:
        0 when a trial began, else 1.
    """
    os.umask(0o022)  # every user runs what is made here
    slots = Slots.here()
    python = Path(os.environ.get("GATE_PYTHON", "/usr/bin/python3"))
    trial = Path(os.environ.get("GATE_TRIAL", str(SHARE / "trial.py")))
    try:
        state = settings_file.load(config).device.state
        Installer(slots, state, Makers(python, trial)).install(attempt)
    except settings_of.ConfigError as error:
        Installer(slots, Path()).refuse(attempt, NotInstalled("configuration", str(error)))
        sys.stderr.write(f"gate-agent update: {error}\n")
        return 1
    except (NotInstalled, OSError) as error:
        sys.stderr.write(f"gate-agent update: {error}\n")
        return 1
    return 0
