"""Private keys: nobody else may read them, and systemd's credentials come before files."""

from __future__ import annotations

import logging
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from real_broker import Authority, bundle, pem, write_bundle

from edge_agent.base import private_files
from edge_agent.device import device_keys, identity
from edge_agent.enrolment import enrol


@pytest.fixture
def state(tmp_path: Path) -> Path:
    fields: dict[str, Any] = bundle(Authority(), 8883)
    enrol.install(enrol.read_bundle(write_bundle(tmp_path, fields)), tmp_path / "state")
    return tmp_path / "state"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_could_read_is_closed_and_said(state: Path, mode: int, caplog: pytest.LogCaptureFixture) -> None:
    file = state / identity.FOLDER / identity.SIGNING_KEY
    file.chmod(mode)
    state.chmod(0o755)
    with caplog.at_level(logging.WARNING):
        identity.load(state)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert f"{file}: others could read it (mode {mode:04o})" in caplog.text
    assert "make a new one" in caplog.text
    caplog.clear()
    identity.load(state)
    assert caplog.text == ""


def test_a_mode_that_cannot_be_changed_keeps_no_gate_shut(
    state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = state / identity.FOLDER / identity.TLS_KEY
    file.chmod(0o644)

    def refuse(_path: Path, _mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    assert identity.load(state).endpoint.key_file == file
    assert f"{file}: others may read it" in caplog.text


def test_what_is_not_there_and_links_are_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.touch(0o644)
    (tmp_path / "link").symlink_to(target)
    private_files.tighten([tmp_path / "missing", tmp_path / "link"])
    assert stat.S_IMODE(target.stat().st_mode) & 0o044


def test_credentials_of_systemd_come_before_files(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials, key = tmp_path / "credentials", Ed25519PrivateKey.generate()
    credentials.mkdir()
    (credentials / "gate-scanner.signing.key").write_text(pem(key))
    (state / identity.FOLDER / identity.SIGNING_KEY).unlink()  # it is nowhere else
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert identity.load(state).signer.public_key() == key.public_key()
    assert device_keys.load_or_make(state).signing.public_key() == key.public_key()
    assert (state / identity.FOLDER / identity.SIGNING_KEY).read_text() == "credential:gate-scanner.signing.key\n"
    assert identity.load(state).endpoint.key_file == state / identity.FOLDER / identity.TLS_KEY  # no such credential: the file
