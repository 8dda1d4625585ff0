"""A reset: whatever the outbox looks like, the next log says which entry was the device's last."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sealed_examples import DEVICE_PUBLIC, filled, sealed_at

from edge_agent.entry import LogHead
from edge_agent.envelope import verify
from edge_agent.forwarder import Forwarder
from edge_agent.outbox import FILE_NAME
from edge_agent.receipt import Range, Status
from edge_agent.recorder import Recorder
from edge_agent.reset import reset


@pytest.mark.parametrize("resets", [1, 2])
def test_while_the_new_log_is_empty_the_one_before_it_is_named(tmp_path: Path, resets: int) -> None:
    last = verify(filled(tmp_path / FILE_NAME, 3)[-1], DEVICE_PUBLIC)
    with closing(Forwarder(tmp_path / FILE_NAME)) as forwarder:
        forwarder.forget(last.header.log, Range(3, 3, last.hash, Status.REGISTERED, forked=True))
    for waiting in (2, 0)[:resets]:
        reset(tmp_path, discard=waiting, new_keys=False)
    with closing(Recorder(tmp_path / FILE_NAME, 10**9)) as recorder:
        recorder.append(sealed_at)
    with closing(Forwarder(tmp_path / FILE_NAME)) as forwarder:
        [first] = forwarder.page(0, 10)
    assert verify(first.envelope, DEVICE_PUBLIC).header.predecessor == LogHead(last.header.log, 3, last.hash)
