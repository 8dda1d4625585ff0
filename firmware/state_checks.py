"""Tests what the gate keeps and goes by: enrolment, keys, clock, outbox and folders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.device import identity as identities
from edge_agent.device import stored_keyring
from edge_agent.device.documents import DocumentsDamaged
from edge_agent.device.identity import Identity
from edge_agent.device.settings import OutboxSettings, Settings
from edge_agent.store.outbox import FILE_NAME, OutboxDamaged, OutboxError
from edge_agent.store.outbox_view import OutboxView, look_into
from edge_agent.wire.entry import Clock
from edge_agent.wire.keyring import UNDATED, Keyring, day_of
from firmware.certificate_checks import check_certificate, check_private_files
from firmware.disk_checks import check_commit, check_disk, check_root
from firmware.time_sense import Now, TimeSense
from firmware.verdict import Finding, fault, guarded, note, ok, skipped

_MB = 1_000_000
_REPORT = "report it, please"
_FEW_DAYS = 7  # the province publishes 45: so few left means that no new ones have come for weeks


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
    except identities.KeyNotGiven as error:
        return note("identity", str(error), "what the services found when the gate first opened is in check.json in the state folder"), None
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


def check_clock(now: Now, not_before_ms: int) -> Finding:
    """How far the wall time can be trusted; nothing signed is older than `not_before_ms`."""
    shown = datetime.fromtimestamp(now.wall_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if now.clock is not Clock.UNKNOWN:
        return ok("clock", f"{shown}, {now.clock}")
    why = (
        "before the keyring was signed: certainly wrong"
        if now.wall_ms < not_before_ms
        else "neither the network nor a battery clock set it"
    )
    return fault("clock", f"{shown} cannot be trusted ({why})", "connect the network (chronyd sets the time) or fit a battery clock")


def check_outbox(state: Path, settings: OutboxSettings) -> Finding:
    """Whether the outbox is whole and how much waits in it; only reads, a running gate does not notice."""
    heal = "start gate-firmware: it sets the file aside and salvages its entries"
    try:
        view = look_into(state / FILE_NAME)
    except FileNotFoundError:
        return ok("outbox", "none yet: gate-firmware makes it when it starts")
    except OutboxDamaged as error:
        return fault("outbox", str(error), heal)
    except (OutboxError, OSError) as error:
        return fault("outbox", str(error), f"run this as the gate's user; check the disk and who owns {state}")
    return _check_backlog(view, settings, heal)


def _check_backlog(view: OutboxView, settings: OutboxSettings, heal: str) -> Finding:
    backlog, percent = view.backlog, view.backlog.bytes * 100 / (settings.capacity_mb * _MB)
    detail = f"{backlog.entries} waiting ({backlog.bytes / _MB:.1f} MB of {settings.capacity_mb} MB)"
    if view.damage_noted:
        return fault("outbox", f"{detail}; gate-agent met damage in it", heal)
    if percent >= 100:
        return fault("outbox", f"{detail}: full, scans are refused", "let gate-agent reach the province")
    if percent >= settings.note_percent:
        return note("outbox", f"{detail}: nearly full", "let gate-agent reach the province")
    return ok("outbox", detail)


def is_folder(path: Path) -> bool:
    """Whether it is a folder, as far as this user may see."""
    try:
        return path.is_dir()
    except OSError:
        return False


def check_runtime(runtime: Path) -> Finding:
    """Whether the control socket can be made, without leaving anything."""
    part, todo = "runtime", f"create {runtime} for the gate's user, or correct device.runtime"
    try:
        nearest = next(folder for folder in (runtime, *runtime.absolute().parents) if folder.exists())
        if not nearest.is_dir():
            return fault(part, f"{nearest} is not a folder", todo)
        tempfile.TemporaryFile(dir=nearest).close()  # has no name there; asking for permission tells root nothing
    except OSError as error:
        return fault(part, f"{runtime} cannot be written ({error.strerror})", todo)
    if nearest == runtime:
        return ok(part, f"{runtime} can be written")
    return ok(part, f"{runtime}: none yet, gate-firmware makes it when it starts")


def check_membership(settings: Settings, identity: Identity | None, loosened: Sequence[str] = ()) -> Iterator[Finding]:
    """What hangs on who this device is: keys, certificate, and the clock, whose bound is signed; see `check_private_files`."""
    state = settings.device.state
    keyring: Keyring | str = "not enrolled" if identity is None else read_keyring(state, identity.root)
    bound_ms = 0 if isinstance(keyring, str) else keyring.issued_ms
    now = TimeSense(always_trusted=settings.device.clock == "system", not_before_ms=lambda: bound_ms).now()
    yield skipped("keyring", "see identity") if identity is None else check_keyring(keyring, now.wall_ms)
    if identity is None:
        yield skipped("certificate", "see identity")
    else:
        yield guarded("certificate", _REPORT, lambda: check_certificate(identity, now, bound_ms))
    if identity is not None or loosened:
        yield guarded("private files", _REPORT, lambda: check_private_files(state, loosened))
    yield check_clock(now, bound_ms)


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Everything of the state and runtime folders, whoever this device is."""
    state = settings.device.state
    yield guarded("runtime", _REPORT, lambda: check_runtime(settings.device.runtime))
    yield guarded("disk", _REPORT, lambda: check_disk(state, settings.outbox))
    if (root := check_root()) is not None:
        yield root
    if is_folder(state):
        yield guarded("outbox", _REPORT, lambda: check_outbox(state, settings.outbox))
        yield guarded("disk speed", _REPORT, lambda: check_commit(state))
