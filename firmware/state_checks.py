"""Tests what the gate keeps: enrolment, keys, outbox, disk and clock. Reads; writes nothing but a scratch file that is removed again."""

from __future__ import annotations

import os
import secrets
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent import identity as identities
from edge_agent import stored_keyring
from edge_agent.documents import DocumentsDamaged
from edge_agent.entry import Clock
from edge_agent.forwarder import Forwarder
from edge_agent.identity import Identity
from edge_agent.keyring import UNDATED, Keyring, day_of
from edge_agent.outbox import FILE_NAME, OutboxDamaged, OutboxError, Spot
from edge_agent.recorder import Recorder
from edge_agent.settings import OutboxSettings, Settings
from firmware.time_sense import TimeSense
from firmware.verdict import Finding, fault, ok, skipped

_MB = 1_000_000
_COMMITS = 9
_SLOW_MS = 500.0  # a person waits for the green light while this runs
_FEW_DAYS = 7  # the province publishes 45: so few left means that no new ones have come for weeks
_ENTRY_BYTES = 2048


def check_identity(state: Path) -> tuple[Finding, Identity | None]:
    """Whether this device belongs to a province."""
    try:
        identity = identities.load(state)
    except identities.NotEnrolled as error:
        return fault(
            "identity",
            str(error),
            "show it an enrolment ticket while gate-firmware and gate-agent run; other ways: gate-agent enrol --help",
        ), None
    except (identities.BadIdentity, DocumentsDamaged, OSError) as error:
        return fault("identity", str(error), "run this as the gate's user; if it stays so, enrol this device again"), None
    return ok("identity", f"{identity.name}, site {identity.site}, gate {identity.gate}"), identity


def read_keyring(state: Path, root: Ed25519PublicKey) -> Keyring | str:
    """The stored keyring, or why there is none."""
    try:
        return stored_keyring.read(state, root)
    except (stored_keyring.NoKeyring, DocumentsDamaged, OSError) as error:
        return str(error)


def check_keyring(keyring: Keyring | str, wall_ms: int) -> Finding:
    """Whether there are keys to seal to, and for how many days from today."""
    connect = "let gate-agent reach the province: it fetches new keys by itself"
    if isinstance(keyring, str):
        return fault("keyring", keyring, connect)
    today = day_of(wall_ms).isoformat()
    left = sum(key.epoch != UNDATED and key.epoch >= today for key in keyring.keys)
    detail = f"number {keyring.counter}, {left} days left from today"
    if left == 0:
        return fault("keyring", f"{detail}: people are sealed to the undated key", connect)
    return ok("keyring", detail) if left > _FEW_DAYS else fault("keyring", detail, connect)


def check_clock(settings: Settings, keyring: Keyring | str) -> Finding:
    """How far the wall time can be trusted."""
    bound_ms = 0 if isinstance(keyring, str) else keyring.issued_ms
    now = TimeSense(always_trusted=settings.device.clock == "system", not_before_ms=lambda: bound_ms).now()
    shown = datetime.fromtimestamp(now.wall_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if now.clock is not Clock.UNKNOWN:
        return ok("clock", f"{shown}, {now.clock}")
    why = "before the keyring was signed: certainly wrong" if now.wall_ms < bound_ms else "neither the network nor a battery clock set it"
    return fault("clock", f"{shown} cannot be trusted ({why})", "connect the network (chronyd sets the time) or fit a battery clock")


def check_disk(state: Path, outbox: OutboxSettings) -> Finding:
    """Whether there is room for entries."""
    todo = f"free some space on the disk of {state}, or put device.state on a larger one"
    try:
        disk = os.statvfs(state)
    except OSError as error:
        return fault("disk", f"{state}: {error.strerror}", "create the folder or correct device.state")
    free_mb = disk.f_bavail * disk.f_frsize // _MB
    detail = f"{free_mb} MB free"
    if free_mb <= outbox.keep_free_mb:
        return fault("disk", f"{detail}, scans are refused below {outbox.keep_free_mb} MB", todo)
    return ok("disk", detail)


def check_outbox(state: Path, settings: OutboxSettings) -> Finding:
    """Whether the outbox opens and how much waits in it; only reads, a running gate does not notice."""
    try:
        with closing(Forwarder(state / FILE_NAME)) as outbox:
            backlog = outbox.backlog()
    except FileNotFoundError:
        return ok("outbox", "none yet: gate-firmware makes it when it starts")
    except OutboxDamaged as error:
        return fault("outbox", str(error), "start gate-firmware: it sets the file aside and salvages its entries")
    except (OutboxError, OSError) as error:
        return fault("outbox", str(error), f"check the disk and who owns {state}")
    detail = f"{backlog.entries} waiting ({backlog.bytes / _MB:.1f} MB of {settings.capacity_mb} MB)"
    if backlog.bytes >= settings.capacity_mb * _MB:
        return fault("outbox", f"{detail}: full, scans are refused", "let gate-agent reach the province")
    return ok("outbox", detail)


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
        return fault("commit", f"nothing can be written ({error})", f"check the disk and who owns {state}")
    middle_ms, worst_ms = statistics.median(times_ms), max(times_ms)
    detail = f"an entry is on disk after {middle_ms:.1f} ms (slowest of {_COMMITS}: {worst_ms:.1f} ms)"
    if middle_ms > _SLOW_MS:
        return fault("commit", detail, "people wait this long for green: use a better card, or an SSD")
    return ok("commit", detail)


def _scratch_entry(_spot: Spot) -> bytes:
    return secrets.token_bytes(_ENTRY_BYTES)


def check_state(settings: Settings, wall_ms: int) -> list[Finding]:
    """Everything of the state folder, and the clock."""
    state = settings.device.state
    enrolled, identity = check_identity(state)
    keyring: Keyring | str = "not enrolled" if identity is None else read_keyring(state, identity.root)
    keys = skipped("keyring", "not enrolled") if identity is None else check_keyring(keyring, wall_ms)
    findings = [enrolled, keys, check_clock(settings, keyring), check_disk(state, settings.outbox)]
    if not state.is_dir():
        return findings
    return [*findings, check_outbox(state, settings.outbox), check_commit(state)]
