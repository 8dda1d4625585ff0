"""The trust list is followed while the gate runs; what cannot be read for a moment is said once and read the next time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from no_descriptors import no_file_can_be_opened

from firmware.health_pass import TrustListError
from firmware.watched_trust_list import WatchedTrustList
from province.demo.synthetic_passes import new_issuer, trust_list


def write(path: Path, count: int) -> None:
    coming = path.with_name("coming")
    issuers = [new_issuer("ES256", "VN", datetime(2022, 1, 1, tzinfo=UTC)) for _each in range(count)]
    coming.write_text(json.dumps(trust_list(*issuers)), encoding="utf-8")
    coming.rename(path)


def test_a_list_that_could_not_be_read_once_is_read_the_next_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "trust.json"
    write(path, 1)
    watched = WatchedTrustList(path)
    write(path, 2)
    with no_file_can_be_opened():
        watched.look_again()
        watched.look_again()
    assert (len(watched.signers), caplog.text.count("The list before goes on")) == (1, 1)
    watched.look_again()
    assert len(watched.signers) == 2
    path.unlink()
    watched.look_again()
    watched.look_again()
    assert (len(watched.signers), caplog.text.count("The list before goes on")) == (2, 2)
    write(path, 1)
    watched.look_again()
    assert len(watched.signers) == 1


def test_without_a_file_nobody_may_sign_and_nothing_is_looked_for(tmp_path: Path) -> None:
    watched = WatchedTrustList(None)
    watched.look_again()
    assert len(watched.signers) == 0
    with pytest.raises(TrustListError):
        WatchedTrustList(tmp_path / "absent.json")
