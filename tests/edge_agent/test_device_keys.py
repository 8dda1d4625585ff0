"""The device's own keys: made once, whoever asks for them first, and by however many at the same time."""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.device import device_keys
from edge_agent.wire.ticket import fingerprint

_AT_ONCE, _ROUNDS = 8, 5


def label(state: Path) -> bytes:
    return fingerprint(device_keys.load_or_make(state).signing.public_key())


def labels_of_several(state: Path) -> list[bytes]:
    """What so many processes are told that all ask at once: an agent that starts, an installer who prints the label …"""
    go_read, go = os.pipe()
    told = []
    for _ in range(_AT_ONCE):
        read, write = os.pipe()
        if os.fork() == 0:
            answer = b"no key"
            try:
                os.close(go)
                os.read(go_read, 1)  # ends when the test lets go
                answer = label(state)
            finally:
                os.write(write, answer)
                os._exit(0)
        os.close(write)
        told.append(read)
    os.close(go_read)
    os.close(go)
    labels = [os.read(read, 100) for read in told]
    for read in told:
        os.close(read)
        os.wait()
    return labels


def test_whoever_asks_at_the_same_time_is_told_the_key_that_stays(tmp_path: Path) -> None:
    for number in range(_ROUNDS):
        state = tmp_path / str(number)
        state.mkdir()
        told = labels_of_several(state)
        assert set(told) == {label(state)}
        assert sorted(file.name for file in (state / "identity").iterdir()) == ["signing.key", "tls.key"]
