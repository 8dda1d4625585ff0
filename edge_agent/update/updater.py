"""The command `update`: fetches a release, asks root to put it on trial, and finds out whether the device is well with it.

One state machine over what lies on the disk, so that whichever process finds it running, the version before or the one on trial, goes on
where it stands: fetched in part, asked for, on trial, in use, or back. The switch itself is done once for a command, by its `attempt`.
Source: decision 0091.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.base.disk import make_folder, sync_file, sync_folder
from edge_agent.commands.executors import Failed, Job, Marks, Unfinished, firmware_answers, until
from edge_agent.device.control import ask_counters
from edge_agent.link.endpoint import Endpoint
from edge_agent.store.outbox import FILE_NAME, OutboxError
from edge_agent.store.outbox_view import OutboxView, look_into
from edge_agent.update import release_fetch
from edge_agent.update.installing import FETCHED, SIGNED
from edge_agent.update.release_check import Unsuitable, check
from edge_agent.update.release_fetch import Ended, Fetcher, Manners, NotFetched
from edge_agent.update.slots import REQUEST, Slots, slot_of
from edge_agent.wire import release
from edge_agent.wire.cbor import Malformed
from edge_agent.wire.cose import Forged
from edge_agent.wire.release import MAX_RELEASE_BYTES, Part, Release
from edge_agent.wire.topics import DeviceName

log = logging.getLogger(__name__)
_RESERVE_BYTES = 64 * 1_000_000  # for entries, while nobody comes
_TAKEN_S, _INSTALL_S, _SETTLE_S = 60.0, 3600.0, 120.0
_LOOK_S = 1.0
_ID_DIGITS = 64
_OPEN = {"open", "closed", "out-of-hours"}
_READS = {"working", "ended"}
Times: TypeAlias = Callable[[], tuple[int | None, int]]


@dataclass(frozen=True, slots=True)
class Device:
    """What the updater needs of its device.

    Attributes:
        name, root, endpoint: of its identity.
        state, runtime: its folders.
        times: trusted time or None, and its lower bound.
        connected: whether the broker has us.
        receipts: how many entries were receipted since this process began.
        revoked: the ids of keys that count no more, hex.
    """

    name: DeviceName
    root: Ed25519PublicKey
    endpoint: Endpoint
    state: Path
    runtime: Path
    times: Times
    connected: Callable[[], bool]
    receipts: Callable[[], int]
    revoked: Callable[[], Collection[str]] = frozenset

    def outbox(self) -> OutboxView | None:
        """The outbox as it is, None when it cannot be read."""
        with suppress(OSError, OutboxError):
            return look_into(self.state / FILE_NAME)
        return None

    def log_id(self) -> str:
        """The log that this device writes, hex; empty when nobody knows."""
        view = self.outbox()
        last = None if view is None else view.backlog.last
        return "" if last is None else last.log.hex()

    def entries_wait(self) -> bool:
        """Whether entries are on their way."""
        view = self.outbox() if self.connected() else None
        return view is not None and view.backlog.entries > 0


@dataclass(frozen=True, slots=True)
class Update:
    """Carries out `update RELEASE ADDRESS`.

    Attributes:
        own_slot: the folder that this very process runs from.
    """

    device: Device
    slots: Slots
    own_slot: Path = Path(sys.prefix)
    bytes_per_s: int = release_fetch.BYTES_PER_S
    patience_s: float = 6 * 3600.0

    def is_ready(self) -> bool:
        """Whether firmware tells which lanes read; one that never does keeps no update away for long."""
        return firmware_answers(self.device.runtime)

    def before(self, arguments: tuple[str, ...], /) -> Marks:
        """How the gate is now: what a new version must not make worse."""
        if not self.slots.exist():
            raise Failed("no-updater", f"no updater installed: {self.slots.folder} is not there")
        if len(arguments) != 2 or len(arguments[0]) != _ID_DIGITS or set(arguments[0]) - set("0123456789abcdef"):
            raise Failed("not-a-release", "update takes a release's name, 64 hex digits, and the address it is fetched from")
        if self.slots.trial() is not None:
            raise Failed("busy", "a version is on trial already")
        sources = (ask_counters(self.device.runtime) or {}).get("sources", {})
        reads = sorted(lane for lane, state in sources.items() if state in _READS)
        return {"attempt": secrets.token_hex(8), "sources": "\n".join(reads), "log": self.device.log_id()}

    def carry_out(self, job: Job, /) -> None:
        """Goes through all of it."""
        try:
            while not self._settled(job):
                pass
        except Ended:
            raise Unfinished from None
        with suppress(OSError):
            shutil.rmtree(self._folder)

    def found_running(self, job: Job, /) -> None:
        """Goes on where it stands; nothing is switched twice."""
        self.carry_out(job)

    @property
    def _folder(self) -> Path:
        return self.device.state / FETCHED

    def _settled(self, job: Job) -> bool:
        """One step further; true once the release is in use."""
        attempt, slot = job.marks["attempt"], slot_of(job.arguments[0])
        back, trial = self.slots.back(), self.slots.trial()
        if trial is not None and trial.attempt == attempt:
            self._see_through(job, attempt)
            return False
        if back is not None and back.attempt == attempt:
            raise Failed(back.reason, back.detail)
        if self.slots.current() == slot:
            return True
        if trial is not None:
            raise Failed("busy", "another version is on trial")
        self._prepare(job)
        self._ask(f"install {attempt}", job)
        if not until(lambda: self._known(attempt), _INSTALL_S, job.pause):
            raise Failed("no-answer", f"nothing came of the installation within {_INSTALL_S:g} s: journalctl -u gate-update")
        return False

    def _known(self, attempt: str) -> bool:
        return attempt in {getattr(each, "attempt", None) for each in (self.slots.trial(), self.slots.back())}

    # ── fetching ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self, job: Job) -> None:
        """Has everything there that the installation needs."""
        release_id, address = job.arguments
        manners = Manners(job.pause, self.device.entries_wait, self.patience_s, self.bytes_per_s)
        try:
            make_folder(self._folder)
            fetcher = Fetcher(address, self.device.endpoint, self._folder / release_fetch.PARTS, manners)
            message = fetcher.signed_list(release_id)
            wanted = self._wanted(message)
            check(wanted, self.slots.floor())
            self._need_room(fetcher.missing_bytes(wanted, self._have))
            self._keep_list(message)
            fetched = fetcher.parts(wanted, self._have)
        except NotFetched as error:
            raise Failed(error.reason, str(error)) from None
        except Unsuitable as error:
            raise Failed(error.reason, str(error)) from None
        except OSError as error:
            raise Failed("disk", f"{error.filename or self._folder}: {error.strerror or error}") from None
        log.info("release %s is here: %d of its %d bytes were fetched", wanted.software, fetched, wanted.part_bytes)

    def _wanted(self, message: bytes) -> Release:
        try:
            return release.verify(message, self.device.root, self.device.name, *self.device.times(), self.device.revoked())
        except (Malformed, Forged) as error:
            raise Failed("bad-signature", str(error)) from None

    def _have(self, part: Part) -> bool:
        """Whether a wheel is in this device's package or in the version in use: root checks its hash when it takes it."""
        current = self.slots.current()
        places = [self.slots.wheels] + ([self.slots.folder / current / "wheels"] if current else [])
        return any(_is_of(place / part.name, part) for place in places)

    def _need_room(self, missing_bytes: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < missing_bytes + _RESERVE_BYTES:
            raise Failed("no-room", f"{(missing_bytes + _RESERVE_BYTES) // 1_000_000} MB are needed, {free // 1_000_000} MB are free")

    def _keep_list(self, message: bytes) -> None:
        new = self._folder / f".{SIGNED}"
        new.write_bytes(message)
        sync_file(new)
        new.rename(self._folder / SIGNED)
        sync_folder(self._folder)

    # ── trial ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, words: str, job: Job) -> None:
        """Lays a request for root into the runtime folder, and waits until it is taken."""
        file = self.device.runtime / REQUEST
        try:
            new = file.with_suffix(".new")
            new.write_text(f"{words}\n", "ascii")
            new.rename(file)  # whole when the path unit sees it
        except OSError as error:
            raise Failed("not-asked", f"{file}: cannot be written ({error.strerror})") from None
        if not until(lambda: not file.exists(), _TAKEN_S, job.pause):
            file.unlink(missing_ok=True)
            raise Failed("nobody-installs", "nobody took the request: systemctl enable --now gate-update.path")

    def _see_through(self, job: Job, attempt: str) -> None:
        """Judges the version on trial, and asks root to keep it or to go back; returns when the trial is over."""
        if not (self.own_slot / "complete").exists() or self.own_slot.name != slot_of(job.arguments[0]):
            if not until(lambda: self._over(attempt), _SETTLE_S, job.pause):  # we are the version before, about to be ended
                self._end(job, attempt, "not-restarted: the services were not started anew")
            return
        wanted = self._wanted((self._folder / SIGNED).read_bytes()[: MAX_RELEASE_BYTES + 1])
        why = self._unwell(job, attempt, wanted)
        if not self._over(attempt):
            self._end(job, attempt, why)

    def _over(self, attempt: str) -> bool:
        trial = self.slots.trial()
        return trial is None or trial.attempt != attempt

    def _end(self, job: Job, attempt: str, why: str) -> None:
        self._ask(f"back {attempt} {_plain(why)}" if why else f"good {attempt}", job)
        if not until(lambda: self._over(attempt), _SETTLE_S, job.pause):
            raise Failed("no-answer", "the trial did not end: journalctl -u gate-update")

    def _unwell(self, job: Job, attempt: str, wanted: Release) -> str:
        """Nothing once the device was well for long enough in one piece; what was not, when its time is over."""
        end_s, well_s = time.monotonic() + wanted.within_s, float("inf")
        while not self._over(attempt):
            missing, now_s = self._missing(job.marks, wanted), time.monotonic()
            well_s = float("inf") if missing else min(well_s, now_s)
            if now_s - well_s >= wanted.well_s:
                return ""
            if now_s >= end_s:
                return f"unwell: {'; '.join(missing) or 'not for long enough'}"
            if job.pause(_LOOK_S):
                raise Unfinished
        return ""

    def _missing(self, marks: Marks, wanted: Release) -> list[str]:
        """What the device needs and has not."""
        counters = ask_counters(self.device.runtime)
        if counters is None:
            return ["firmware does not answer"]
        missing = [] if counters.get("software") == wanted.software else ["firmware is not the version on trial"]
        if counters.get("gate") not in _OPEN:
            missing.append("the gate is not ready")
        sources = counters.get("sources", {})
        lanes = [lane for lane in marks["sources"].split("\n") if lane]
        missing += [f"lane {lane} read before and does not" for lane in lanes if sources.get(lane) not in _READS]
        if marks["log"] and self.device.log_id() != marks["log"]:
            missing.append("the outbox is not the one it was")
        if not self.device.connected():
            missing.append("no connection to the broker")
        elif not self.device.receipts():
            missing.append("no entry was receipted yet")  # firmware's start is an entry: there is one to receipt
        return missing


def _is_of(file: Path, part: Part) -> bool:
    try:
        return file.stat().st_size == part.size
    except OSError:
        return False


def _plain(words: str) -> str:
    """As `slots request` takes it.

    Example:
        >>> _plain("unwell: lane trái")
        'unwell: lane tr-i'
    """
    return "".join(char if char in "abcdefghijklmnopqrstuvwxyz0123456789 :,.-" else "-" for char in words.lower().replace("; ", ", "))[:120]


def of_this_process(device: Device) -> Update:
    """The updater of the agent that runs."""
    rate = os.environ.get("GATE_UPDATE_BYTES_PER_S", "")
    return Update(device, Slots.here(), bytes_per_s=int(rate) if rate.isdigit() and int(rate) else release_fetch.BYTES_PER_S)
