"""The nonce of a boot: the same for every agent of it, whole or not there, another one after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.base import disk
from edge_agent.commands import boot_nonce
from edge_agent.wire.command import NONCE_BYTES


def test_it_stays_for_a_boot_for_its_owner_alone_and_is_made_anew_where_it_is_torn(tmp_path: Path) -> None:
    file = tmp_path / boot_nonce.FILE_NAME
    first = boot_nonce.of_this_boot(tmp_path)
    assert len(first) == NONCE_BYTES
    assert file.stat().st_mode & 0o777 == 0o600
    assert boot_nonce.of_this_boot(tmp_path) == first
    file.write_bytes(first[:7])
    second = boot_nonce.of_this_boot(tmp_path)
    assert second != first
    assert file.read_bytes() == second
    assert [each.name for each in tmp_path.iterdir()] == [boot_nonce.FILE_NAME]


def test_where_it_cannot_be_kept_only_this_process_knows_it(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert boot_nonce.of_this_boot(gone) != boot_nonce.of_this_boot(gone)


def test_it_is_written_as_everything_private_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []

    def beside(path: Path, data: bytes) -> Path:
        written.append(path)
        return kept(path, data)

    kept = disk.written_beside
    monkeypatch.setattr(disk, "written_beside", beside)
    boot_nonce.of_this_boot(tmp_path)
    assert written == [tmp_path / boot_nonce.FILE_NAME]
