"""Tests the disk under the state folder: what it is, whether it keeps what is written, how much room and life is left, how fast it is."""

from __future__ import annotations

import os
import secrets
import statistics
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from edge_agent.device.mounts import CARD, MOUNTS, Mount, lost_place, mount_of
from edge_agent.device.settings import OutboxSettings
from edge_agent.store.outbox import FILE_NAME, OutboxError, Spot
from edge_agent.store.recorder import Recorder
from firmware.verdict import Finding, fault, note, ok

_MB = 1_000_000
_COMMITS = 9
_SLOW_MS = 500.0  # a person waits for the green light while this runs
_ENTRY_BYTES = 2048
_SYS = Path("/sys")
_WORN_TENTHS = 9  # eMMC tells its life in tenths used (JEDEC eMMC 5.0, EXT_CSD 268 and 269)
_RESERVE_NORMAL = 1  # PRE_EOL_INFO (EXT_CSD 267): 2 means that 80 % of the spare blocks are used


def check_disk(state: Path, outbox: OutboxSettings, mountinfo: Path = MOUNTS, sys: Path = _SYS, card: Path = CARD) -> Finding:
    """Whether what is written to the state folder stays, and whether there is room for entries."""
    part = "disk"
    try:
        disk, mount = os.statvfs(state), mount_of(state, mountinfo)
    except OSError as error:
        return fault(part, f"{state}: {error.strerror}", "create the folder, correct device.state, or run this as the gate's user")
    if not state.is_dir():
        return fault(part, f"{state} is not a folder", "correct device.state")
    free_mb = disk.f_bavail * disk.f_frsize // _MB
    detail = f"{mount.kind}, {free_mb} MB free"
    if (why := _useless(mount, free_mb, outbox, lost_place(state, mountinfo, card))) is not None:
        return fault(part, f"{detail}{why[0]}", why[1])
    if worn := _wear(sys, mount):
        return note(part, f"{detail}; {worn}", "plan to change the card, with everything sent first: `gate-agent status` tells")
    if mount.kind == "overlay":
        return note(part, f"{detail}: a layer over another", "make sure that its upper layer is on a disk, not in memory")
    return ok(part, detail)


def check_root(mountinfo: Path = MOUNTS, card: Path = CARD) -> Finding | None:
    """Whether a card that is to seal itself has done so: its root under a layer of memory. None where no card was prepared."""
    if not card.exists():
        return None
    if mount_of(Path("/"), mountinfo).kind == "overlay":
        return ok("root", "read-only, under a layer of memory")
    todo = "`journalctl -u gate-card-seal` says why, and it tries each minute; or take overlayroot=disabled out of cmdline.txt"
    return note("root", "writable: this card has not sealed itself, and a power cut may damage its system", todo)


def _useless(mount: Mount, free_mb: int, outbox: OutboxSettings, place: str) -> tuple[str, str] | None:
    if place:
        why = f": {place}, everything recorded is lost at the next start, so the gate stays shut"
        return why, "have its partition mounted (`systemctl status state.mount` on a card of ours), or put device.state on a disk"
    if mount.read_only:
        return ": mounted read-only", "if nobody meant it so, the card failed: look at `dmesg`, change the card"
    if free_mb <= outbox.keep_free_mb:
        return f", scans are refused below {outbox.keep_free_mb} MB", "free some space there, or put device.state on a larger disk"
    return None


def _wear(sys: Path, mount: Mount) -> str:
    """What the system says of a disk that nears its end; nothing where it says nothing, as SD cards do."""
    block = (sys / "dev" / "block" / mount.device).resolve()
    errors = _number(sys / "fs" / mount.kind / block.name / "errors_count")
    if errors:
        return f"its filesystem met {errors} errors"
    for whole in (block, block.parent):  # of a partition the disk is the parent
        if _number(whole / "device" / "pre_eol_info") > _RESERVE_NORMAL:
            return "its spare blocks are nearly used up"
        with suppress(OSError, ValueError):
            used = max(int(word, 16) for word in (whole / "device" / "life_time").read_text(encoding="ascii").split())
            if used >= _WORN_TENTHS:
                return f"about {(used - 1) * 10} % of its life is used"
    return ""


def _number(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii").strip(), 0)
    except (OSError, ValueError):
        return 0


def check_commit(state: Path) -> Finding:
    """How long an entry takes to be on disk to stay, measured on a scratch outbox beside the real one."""
    times_ms = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="check-", dir=state) as folder,
            closing(Recorder(Path(folder) / FILE_NAME, _MB)) as recorder,
        ):
            for _ in range(_COMMITS):
                started_s = time.perf_counter()
                recorder.append(_scratch_entry)
                times_ms.append((time.perf_counter() - started_s) * 1000)
    except (OutboxError, OSError) as error:
        return fault("disk speed", f"nothing can be written ({error})", f"check the disk and who owns {state}")
    middle_ms, worst_ms = statistics.median(times_ms), max(times_ms)
    detail = f"an entry is on disk after {middle_ms:.1f} ms (slowest of {_COMMITS}: {worst_ms:.1f} ms)"
    if middle_ms > _SLOW_MS:
        return fault("disk speed", detail, "people wait this long for green: use a better card, or an SSD")
    return ok("disk speed", detail)


def _scratch_entry(_spot: Spot) -> bytes:
    return secrets.token_bytes(_ENTRY_BYTES)
