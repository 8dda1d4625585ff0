"""The province's secrets: no other user may read them once a service has started; credentials of systemd come before files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edge_agent.wire.authority import Power
from province.base import secret_files
from province.base.errors import NotAProvince
from province.base.layout import Layout
from province.keys.officers import load_officer


def test_no_secret_stays_readable_for_others(layout: Layout, caplog: pytest.LogCaptureFixture) -> None:
    open_before = [layout.authority_key, layout.keystore, layout.register, layout.door / "server.key", layout.officers / "tickets.key"]
    for path in open_before:
        path.chmod(0o755)
    secret_files.tighten(layout)
    for path in open_before:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        assert f"{path}: others could read it" in caplog.text
    for file in layout.root.rglob("*.key"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_a_keystore_and_a_key_behind_a_link_are_closed_too(layout: Layout, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    for linked in (layout.keystore, layout.officers / "receipts.key"):
        linked.symlink_to(linked.rename(volume / linked.name))
        linked.chmod(0o755)
    day = next((volume / "keystore").glob("*.json"))
    day.chmod(0o644)
    secret_files.tighten(layout)
    for path in (volume / "keystore", volume / "receipts.key", day):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        assert f"{path}: others could read it" in caplog.text


def test_an_officers_key_may_be_a_credential(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (layout.officers / "receipts.key").rename(credentials / "gate-province.receipts.key")
    with pytest.raises(NotAProvince):
        load_officer(layout, Power.RECEIPTS)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    load_officer(layout, Power.RECEIPTS)
