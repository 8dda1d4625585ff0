"""A reset while the device's newest log is still empty: the next log says which entry was the device's last all the same."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sealed_examples import DEVICE_PUBLIC, filled, sealed_at

from edge_agent.enrolment.reset import reset
from edge_agent.store.forwarder import Forwarder
from edge_agent.store.outbox import FILE_NAME
from edge_agent.store.recorder import Recorder
from edge_agent.store.salvage import salvage
from edge_agent.wire.entry import LogHead
from edge_agent.wire.envelope import verify


@pytest.mark.parametrize("resets", [1, 2])
def test_after_a_salvage_the_log_before_the_empty_one_is_named(tmp_path: Path, resets: int) -> None:
    last = verify(filled(tmp_path / FILE_NAME, 3)[-1], DEVICE_PUBLIC)
    recorder, _salvaged = salvage(tmp_path / FILE_NAME, 10**9, 0, 1)
    recorder.close()
    for waiting in (3, 0)[:resets]:
        reset(tmp_path, discard=waiting, new_keys=False)
    with closing(Recorder(tmp_path / FILE_NAME, 10**9)) as recorder:
        recorder.append(sealed_at)
    with closing(Forwarder(tmp_path / FILE_NAME)) as forwarder:
        [first] = forwarder.page(0, 10)
    assert verify(first.envelope, DEVICE_PUBLIC).header.predecessor == LogHead(last.header.log, 3, last.hash)
