"""What the self-test says of enrolment, keys, certificate, clock, outbox and folders."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from checked_world import AUTHORITY, certify
from gate_world import DAY_MS, Enrolled, now_ms
from real_broker import Authority
from sealed_examples import filled, scribbled_at

from edge_agent.device.documents import FILE_NAME as DOCUMENTS
from edge_agent.device.identity import FOLDER, SIGNING_KEY, TLS_CERTIFICATE, TLS_KEY
from edge_agent.device.settings import OutboxSettings
from edge_agent.store.outbox import DAMAGE_NOTE, FILE_NAME
from edge_agent.wire.entry import Clock
from firmware.certificate_checks import check_certificate, check_private_files
from firmware.state_checks import (
    check_clock,
    check_folders,
    check_identity,
    check_keyring,
    check_membership,
    check_outbox,
    check_runtime,
    read_keyring,
)
from firmware.time_sense import Now
from firmware.verdict import Finding, Verdict

HOUR_MS = 3_600_000


@pytest.fixture
def enrolled(tmp_path: Path) -> Enrolled:
    enrolled = Enrolled(tmp_path / "state", tmp_path / "run")
    certify(enrolled, AUTHORITY, 8883)
    return enrolled


def at(wall_ms: int, clock: Clock = Clock.SYNCHRONISED) -> Now:
    return Now(wall_ms, 1, clock, None)


@pytest.mark.parametrize(
    "days_on, verdict, words",
    [(0, Verdict.OK, "45 days"), (37, Verdict.OK, "8 days"), (38, Verdict.FAULT, "7 days"), (60, Verdict.FAULT, "undated key")],
)
def test_keys_that_run_out_are_said_in_time(enrolled: Enrolled, days_on: int, verdict: Verdict, words: str) -> None:
    keyring = read_keyring(enrolled.state, enrolled.identity().root)
    finding = check_keyring(keyring, now_ms() + days_on * DAY_MS)
    assert finding.verdict is verdict
    assert words in finding.detail


def test_a_torn_keyring_is_a_fault(enrolled: Enrolled) -> None:
    root = enrolled.identity().root
    for file in enrolled.state.glob(f"{DOCUMENTS}*"):
        file.write_bytes(b"torn")
    assert check_keyring(read_keyring(enrolled.state, root), now_ms()).verdict is Verdict.FAULT
    enrolment, identity = check_identity(enrolled.state)
    assert (enrolment.verdict, identity) == (Verdict.FAULT, None)
    told = (*check_membership(enrolled.settings(), None), *check_folders(enrolled.settings()))
    found = {finding.part: finding.verdict for finding in told}
    assert (found["keyring"], found["certificate"], found["outbox"]) == (Verdict.SKIPPED, Verdict.SKIPPED, Verdict.OK)


def test_a_clock_that_cannot_be_right_or_is_not_set_is_a_fault() -> None:
    assert check_clock(at(1_000), 0).verdict is Verdict.OK
    assert "certainly wrong" in check_clock(at(1_000, Clock.UNKNOWN), 2_000).detail
    assert "battery clock" in check_clock(at(3_000, Clock.UNKNOWN), 2_000).detail


def certificate(enrolled: Enrolled, now: Now, not_before_ms: int = 0) -> Finding:
    return check_certificate(enrolled.identity(), now, not_before_ms)


def test_a_certificate_is_judged_by_a_clock_that_can_be_trusted(enrolled: Enrolled) -> None:
    late_ms = now_ms() + 2 * HOUR_MS  # the test authority's certificates live an hour either way
    good = certificate(enrolled, at(now_ms()))
    assert (good.verdict, "0 days left" in good.detail) == (Verdict.NOTE, True)
    assert "it has ended" in certificate(enrolled, at(late_ms)).detail
    assert "not valid before" in certificate(enrolled, at(now_ms() - 2 * HOUR_MS)).detail
    unset = certificate(enrolled, at(0, Clock.UNKNOWN))
    assert (unset.verdict, "without a clock" in unset.detail) == (Verdict.NOTE, True)
    certainly = certificate(enrolled, at(0, Clock.UNKNOWN), not_before_ms=late_ms)  # the keyring was signed after it ended
    assert (certainly.verdict, "it has ended" in certainly.detail) == (Verdict.FAULT, True)


def test_a_certificate_with_months_left_is_well(enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch) -> None:
    days = timedelta(days=60)
    monkeypatch.setattr("real_broker.timedelta", lambda hours: days * hours)
    certify(enrolled, Authority(), 8883)
    finding = certificate(enrolled, at(now_ms()))
    assert (finding.verdict, finding.detail.split()[-3]) == (Verdict.OK, "59")
    ends = datetime.now(UTC) + timedelta(days=60)
    assert f"{ends:%Y-%m-}" in finding.detail
    assert certificate(enrolled, at(now_ms() + 31 * DAY_MS)).verdict is Verdict.NOTE


def test_a_certificate_that_is_not_ours_is_a_fault(enrolled: Enrolled) -> None:
    folder = enrolled.state / FOLDER
    ours = (folder / TLS_KEY).read_bytes()
    certify(enrolled, AUTHORITY, 8883)
    (folder / TLS_KEY).write_bytes(ours)
    assert "does not belong" in certificate(enrolled, at(now_ms())).detail
    certify(enrolled, AUTHORITY, 8883, common_name="cho-lon/gate-2")
    assert "it is for cho-lon/gate-2, not for cho-lon/gate-1" in certificate(enrolled, at(now_ms())).detail
    (folder / TLS_CERTIFICATE).write_text("torn")
    assert "not whole PEM text" in certificate(enrolled, at(now_ms())).detail
    (folder / TLS_CERTIFICATE).unlink()
    finding = certificate(enrolled, at(now_ms()))
    assert "No such file" in finding.detail
    assert "gate-agent enrol BUNDLE" in finding.todo


def test_keys_that_others_may_read_are_a_fault(enrolled: Enrolled) -> None:
    folder = enrolled.state / FOLDER
    assert check_private_files(enrolled.state).verdict is Verdict.OK
    (folder / SIGNING_KEY).chmod(0o640)
    finding = check_private_files(enrolled.state)
    assert (finding.verdict, finding.detail) == (Verdict.FAULT, "signing.key has mode 640")
    assert f"chmod -R go= {folder}" in finding.todo
    os.system(finding.todo.replace("sudo ", ""))  # noqa: S605 - the cure we print must cure
    assert stat.S_IMODE((folder / SIGNING_KEY).stat().st_mode) == 0o600
    assert check_private_files(enrolled.state).verdict is Verdict.OK
    (folder / TLS_KEY).unlink()
    assert "tls.key: No such file" in check_private_files(enrolled.state).detail


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_keys_that_the_gates_user_may_not_read_are_a_fault(enrolled: Enrolled) -> None:
    os.chown(enrolled.state, 65534, 65534)  # enrolled as root for a scanner that runs as another
    finding = check_private_files(enrolled.state)
    assert finding.detail.count("belongs to another user") == 3
    os.system(finding.todo.replace("sudo ", ""))  # noqa: S605 - the same
    assert check_private_files(enrolled.state).verdict is Verdict.OK


def test_a_damaged_outbox_is_a_fault_and_is_left_as_it_is(enrolled: Enrolled) -> None:
    enrolled.outbox.write_bytes(b"not an outbox " * 1000)
    finding = check_outbox(enrolled.state, OutboxSettings())
    assert finding.verdict is Verdict.FAULT
    assert "salvages" in finding.todo
    assert enrolled.outbox.read_bytes() == b"not an outbox " * 1000
    enrolled.outbox.unlink()
    (enrolled.state / FILE_NAME).mkdir()
    assert check_outbox(enrolled.state, OutboxSettings()).verdict is Verdict.FAULT


@pytest.mark.parametrize("waiting, verdict", [(79, Verdict.OK), (80, Verdict.NOTE), (100, Verdict.FAULT)])
def test_an_outbox_that_fills_up_is_said_in_time(enrolled: Enrolled, waiting: int, verdict: Verdict) -> None:
    filled(enrolled.outbox, waiting, lambda spot: scribbled_at(spot, 10_000))
    finding = check_outbox(enrolled.state, OutboxSettings(capacity_mb=1))
    assert finding.verdict is verdict
    assert f"{waiting} waiting" in finding.detail


def test_damage_that_the_agent_noted_is_a_fault(enrolled: Enrolled) -> None:
    filled(enrolled.outbox, 1, scribbled_at)
    enrolled.outbox.with_name(FILE_NAME + DAMAGE_NOTE).touch()
    finding = check_outbox(enrolled.state, OutboxSettings())
    assert (finding.verdict, "gate-agent met damage" in finding.detail) == (Verdict.FAULT, True)


def test_a_runtime_folder_is_not_made_only_looked_at(tmp_path: Path) -> None:
    assert "can be written" in check_runtime(tmp_path).detail
    absent = check_runtime(tmp_path / "a" / "b")
    assert (absent.verdict, "none yet" in absent.detail) == (Verdict.OK, True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert check_runtime(tmp_path / "file" / "run").verdict is Verdict.FAULT
    assert "is not a folder" in check_runtime(tmp_path / "file").detail


def test_a_runtime_folder_that_cannot_be_written_is_a_fault() -> None:
    finding = check_runtime(Path("/proc/gate-scanner"))  # where not even root may make anything
    assert (finding.verdict, "/proc/gate-scanner cannot be written" in finding.detail) == (Verdict.FAULT, True)
