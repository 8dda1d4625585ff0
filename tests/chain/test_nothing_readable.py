"""Nothing of a person can be read at rest or on the wire: outbox, device folder, broker store, province folder, network traffic, logs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chain_world import WAIT_S, chain
from telltale import files_that_tell

from province.demo.synthetic import synthetic_people

TCPDUMP = shutil.which("tcpdump", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")


@contextmanager
def captured_traffic(port: int, file: Path) -> Iterator[None]:
    """Captures loopback traffic of one port into a file."""
    assert TCPDUMP is not None
    with subprocess.Popen(
        [TCPDUMP, "-i", "lo", "-U", "--immediate-mode", "-s", "0", "-w", str(file), "tcp", "port", str(port)],
        stderr=subprocess.PIPE,
        text=True,
    ) as capture:
        assert capture.stderr is not None
        line = capture.stderr.readline()
        while line and "listening on" not in line:
            line = capture.stderr.readline()
        if not line:
            capture.wait(WAIT_S)
            pytest.skip("this user may not capture traffic")
        try:
            yield
        finally:
            capture.terminate()
            capture.wait(WAIT_S)


@pytest.mark.skipif(TCPDUMP is None, reason="tcpdump is not installed")
def test_no_file_and_no_packet_tells_of_anybody(tmp_path: Path) -> None:
    people = synthetic_people(20, seed=21)
    traffic = tmp_path / "traffic.pcap"
    with chain(tmp_path) as world:
        with captured_traffic(world.broker.port, traffic):
            world.gate.open()
            world.gate.pass_by(people)  # all wait in the outbox
            at_rest = tmp_path / "at-rest"
            shutil.copytree(world.gate.state, at_rest)
            world.broker.start()
            world.gate.agent.start()
            world.gate.agent.end()  # a part may now lie in the broker's store
            world.gate.agent.start()
            world.collect()
            world.wait_until_receipted()
            world.broker.stop()  # writes its store
        assert world.passages_of(people) == [1] * len(people)
        assert (at_rest / "outbox.sqlite").stat().st_size + (at_rest / "outbox.sqlite-wal").stat().st_size > 20 * 1600
        assert traffic.stat().st_size > 20 * 1600
        assert files_that_tell(tmp_path, people) == []


def test_the_search_would_find_someone(tmp_path: Path) -> None:
    person = synthetic_people(1, seed=22)[0]
    (tmp_path / "leak").write_bytes(b"...." + person.id_number.encode() + b"....")
    assert files_that_tell(tmp_path, [person]) == ["leak tells of person 0"]
